#include "daemon/admin/admin_timeline.h"

#include <stddef.h>

#include "daemon/admin/admin_private.h"

/* One number of each minute: the offset of its member. */
static void write_numbers(struct json_writer *json, const char *name,
                          const struct timeline *timeline, size_t offset)
{
    json_array(json, name);
    for (size_t i = 0; i < timeline->count; i++) {
        const struct timeline_sample *sample = timeline_sample(timeline, i);
        if (sample->is_known) {
            json_count(json, NULL,
                       *(const uint32_t *)((const char *)sample + offset));
        } else {
            json_null(json, NULL);
        }
    }
    json_array_end(json);
}

#define WRITE(name, member)              \
    write_numbers(&json, name, timeline, \
                  offsetof(struct timeline_sample, member))

static void reply(struct admin_request *request,
                  const struct timeline *timeline, bool is_of_all)
{
    struct json_writer json = {0};
    json_object(&json, NULL);
    json_time(&json, "end", timeline_end_ms(timeline));
    if (is_of_all) {
        WRITE("received_messages", received);
        WRITE("queues_in_trouble", trouble);
    }
    WRITE("forwarded_messages", forwarded);
    WRITE("lag_messages", backlog);
    WRITE("lag_seconds", lag_s);
    json_object_end(&json);
    admin_reply_json(request, 200, &json);
}

void admin_get_timeline(struct admin_request *request)
{
    reply(request, &request->admin->gather->timeline, true);
}

void admin_get_outlet_timeline(struct admin_request *request)
{
    const char *name = admin_parameter(request, "outlet");
    const struct gather_outlet *outlet =
        gather_find_outlet(request->admin->gather, name);
    if (outlet == NULL) {
        admin_reply_error(request, 404,
                          "there is no outlet %s: see `haplo-poll status`",
                          name);
        return;
    }
    reply(request, &outlet->timeline, false);
}
