#include "daemon/commands/remote.h"

#include <stdio.h>
#include <string.h>

#include "base/reason.h"
#include "daemon/admin/admin_ask.h"
#include "daemon/log/log.h"

/* What the process says is wrong. */
static enum exit_code take_error(const struct admin_answer *answer,
                                 const struct json_tree *tree, char *why,
                                 size_t why_size)
{
    const struct json_tree *error = json_tree_member(tree, "error");
    const char *message = json_tree_text(error, "message");
    const char *code = json_tree_text(error, "code");
    bool is_ours = code != NULL && (strcmp(code, "not_found") == 0 ||
                                    strcmp(code, "bad_request") == 0);
    if (message != NULL) {
        reason_write(why, why_size, 0, "%s", message);
    } else {
        reason_write(why, why_size, 0, "the process responds with status %ld",
                     answer->status);
    }
    return is_ours ? EXIT_CODE_USAGE : EXIT_CODE_FAILED;
}

enum exit_code remote_ask(const struct config *config, const char *method,
                          const char *path, const char *json,
                          struct json_tree **out, char *why, size_t why_size)
{
    struct admin_answer answer = {0};
    enum exit_code code = EXIT_CODE_FINE;
    *out = NULL;
    int error = admin_ask(config, method != NULL ? method : "GET", path, json,
                          &answer, why, why_size);
    if (error != 0) {
        admin_answer_free(&answer);
        return error == HAPLO_ENOTFOUND ? EXIT_CODE_NOT_RUNNING
                                        : EXIT_CODE_FAILED;
    }
    *out = json_tree_read(answer.body);
    if (answer.status != 200) {
        code = take_error(&answer, *out, why, why_size);
    } else if (*out == NULL) {
        reason_write(why, why_size, 0,
                     "the response of the process is not "
                     "JSON, or memory ran out");
        code = EXIT_CODE_FAILED;
    }
    if (code != EXIT_CODE_FINE) {
        json_tree_free(*out);
        *out = NULL;
    }
    admin_answer_free(&answer);
    return code;
}

/* Copies `next` for the page that follows; "": this was the last one. */
static void take_next(const struct json_tree *page,
                      char after[REMOTE_PATH_SIZE])
{
    const char *next = json_tree_text(page, "next");
    int size =
        snprintf(after, REMOTE_PATH_SIZE, "%s", next != NULL ? next : "");
    if (size < 0 || size >= REMOTE_PATH_SIZE) {
        after[0] = '\0';
    }
}

enum exit_code remote_list(const struct config *config, const char *path,
                           const char *name, remote_item_cb item_cb, void *data,
                           char *why, size_t why_size)
{
    char after[REMOTE_PATH_SIZE] = "";
    char full[REMOTE_PATH_SIZE];
    struct json_tree *page;
    bool is_ended = false;
    do {
        const struct json_tree *item;
        snprintf(full, sizeof full, "%s", path);
        if (after[0] != '\0' &&
            admin_ask_add(full, sizeof full, "after", after) != 0) {
            reason_write(why, why_size, 0,
                         "a name is too long to be asked for");
            return EXIT_CODE_FAILED;
        }
        enum exit_code code =
            remote_ask(config, NULL, full, NULL, &page, why, why_size);
        if (code != EXIT_CODE_FINE) {
            return code;
        }
        const struct json_tree *list = json_tree_member(page, name);
        for (size_t i = 0;
             !is_ended && (item = json_tree_item(list, i)) != NULL; i++) {
            is_ended = !item_cb(item, data);
        }
        take_next(page, after);
        json_tree_free(page);
    } while (!is_ended && after[0] != '\0');
    return EXIT_CODE_FINE;
}

enum exit_code remote_tell(enum exit_code code, const char *why)
{
    if (code != EXIT_CODE_FINE) {
        log_line(LOG_LEVEL_ERROR, "%s", why);
    }
    return code;
}
