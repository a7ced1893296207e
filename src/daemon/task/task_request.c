#include "daemon/task/task_request.h"

#include <string.h>

#include "base/reason.h"
#include "daemon/admin/admin_form.h"

#define KIND_SIZE_MAX 32

static const char *const kinds[] = {
    [INBOX_TASK_LETTERS_PURGE] = "purge-letters",
    [INBOX_TASK_REPLAY_START] = "start-replay",
    [INBOX_TASK_REPLAY_STOP] = "stop-replay",
    [INBOX_TASK_OUTLET_FORGET] = "forget-outlet",
    [INBOX_TASK_PURGE] = "purge",
};

#define KIND_COUNT (sizeof kinds / sizeof kinds[0])

/* A parameter: a text, or a number. */
struct field {
    const char *name; /* in the object */
    size_t offset;    /* in struct task_request */
    size_t size;      /* of the text with its NUL; 0: a number */
};

#define TEXT(of)                                                  \
    {                                                             \
        .name = #of, .offset = offsetof(struct task_request, of), \
        .size = sizeof((struct task_request *)0)->of              \
    }
#define NUMBER(of)                                               \
    {                                                            \
        .name = #of, .offset = offsetof(struct task_request, of) \
    }

static const struct field fields[] = {
    TEXT(inbox),           TEXT(outlet),        TEXT(queue),
    NUMBER(arrival),       NUMBER(since_ms),    NUMBER(until_ms),
    NUMBER(first),         NUMBER(last),        NUMBER(replay_id),
    NUMBER(is_of_letters), NUMBER(has_new_ids), TEXT(pointer),
    TEXT(value),           TEXT(why),
};

#define FIELD_COUNT (sizeof fields / sizeof fields[0])

static void field_write(const struct field *field, const void *at,
                        struct json_writer *json)
{
    uint64_t number;
    if (field->size > 0) {
        if (*(const char *)at != '\0') {
            json_text(json, field->name, at);
        }
        return;
    }
    memcpy(&number, at, sizeof number);
    if (number != 0) {
        json_count(json, field->name, number);
    }
}

void task_request_write(const struct task_request *request,
                        struct json_writer *json)
{
    json_object(json, NULL);
    json_text(json, "kind", kinds[request->kind]);
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        field_write(&fields[i], (const char *)request + fields[i].offset, json);
    }
    json_object_end(json);
}

static int kind_read(struct task_request *request, const char *word)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (kinds[i] != NULL && strcmp(word, kinds[i]) == 0) {
            request->kind = (enum inbox_task_kind)i;
            return 0;
        }
    }
    return -1;
}

int task_request_read(struct task_request *request, const char *body,
                      size_t size, char *why, size_t why_size)
{
    char kind[KIND_SIZE_MAX] = "";
    struct admin_field members[FIELD_COUNT + 1] = {
        {"kind", ADMIN_FIELD_TEXT, kind, sizeof kind},
    };
    *request = (struct task_request){.until_ms = INBOX_FILTER_NO_END};
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        members[i + 1] = (struct admin_field){
            .name = fields[i].name,
            .kind = fields[i].size > 0 ? ADMIN_FIELD_TEXT : ADMIN_FIELD_COUNT,
            .to = (char *)request + fields[i].offset,
            .size = fields[i].size,
        };
    }
    int error =
        admin_form_read(body, size, members, FIELD_COUNT + 1, why, why_size);
    return error != 0 || kind_read(request, kind) == 0
               ? error
               : reason_write(why, why_size, HAPLO_EINVAL,
                              "this version of haplo-poll does not know the "
                              "request: restart the one that is running");
}
