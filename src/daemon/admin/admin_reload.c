#include "daemon/admin/admin_reload.h"

#include "daemon/admin/admin_private.h"
#include "daemon/reload/reload.h"

#define TEXT_SIZE 16384

static void write_lines(struct json_writer *json, const char *name,
                        const struct reload_lines *lines)
{
    json_array(json, name);
    for (size_t i = 0; i < lines->line_count; i++) {
        json_text(json, NULL, lines->lines[i]);
    }
    json_array_end(json);
}

static void on_done(void *data, const struct reload_result *result)
{
    struct admin_request *request = data;
    struct json_writer json = {0};
    char text[TEXT_SIZE];
    if (result == NULL) {
        admin_reply_error(request, 503, "the process is exiting");
        return;
    }
    reload_result_print(result, '\n', text, sizeof text);
    json_object(&json, NULL);
    json_bool(&json, "ok", result->is_accepted);
    json_count(&json, "generation", result->generation);
    json_text(&json, "digest", result->digest);
    json_text(&json, "message", text);
    write_lines(&json, "added", &result->added);
    write_lines(&json, "changed", &result->changed);
    write_lines(&json, "removed", &result->removed);
    write_lines(&json, "waiting", &result->waiting);
    write_lines(&json, "held", &result->held);
    write_lines(&json, "errors", &result->errors);
    json_object_end(&json);
    admin_reply_json(request, result->is_accepted ? 200 : 422, &json);
}

void admin_post_reload(struct admin_request *request)
{
    struct reload *reload = request->admin->reload;
    if (!reload->is_open) {
        admin_reply_error(request, 409,
                          "the process that uses this state_dir cannot reload "
                          "its configuration");
        return;
    }
    admin_wait(request);
    if (reload_request(reload, on_done, request) != 0) {
        admin_reply_error(request, 500, "out of memory");
    }
}
