#include "daemon/task_request.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/reason.h"
#include "config/units.h"

#define PREFIX "task "

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
    const char *name; /* in the line */
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

bool task_request_is(const char *line)
{
    return strncmp(line, PREFIX, sizeof PREFIX - 1) == 0;
}

/* Writing */

/* Returns what snprintf() does; 0: not set. */
static int field_write(const struct field *field,
                       const struct task_request *request, char *out,
                       size_t size)
{
    const char *at = (const char *)request + field->offset;
    if (field->size == 0) {
        uint64_t number;
        memcpy(&number, at, sizeof number);
        return number == 0
                   ? 0
                   : snprintf(out, size, "\t%s=%" PRIu64, field->name, number);
    }
    if (strpbrk(at, "\t\n") != NULL) {
        return -1;
    }
    return at[0] == '\0' ? 0 : snprintf(out, size, "\t%s=%s", field->name, at);
}

int task_request_write(const struct task_request *request,
                       char line[TASK_REQUEST_LINE_SIZE])
{
    int size = snprintf(line, TASK_REQUEST_LINE_SIZE, PREFIX "%s",
                        kinds[request->kind]);
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        size_t left = TASK_REQUEST_LINE_SIZE - (size_t)size;
        int added = field_write(&fields[i], request, line + size, left);
        if (added < 0 || (size_t)added >= left) {
            return -1;
        }
        size += added;
    }
    return 0;
}

/* Reading */

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

static int value_read(const struct field *field, struct task_request *request,
                      const char *value)
{
    char *at = (char *)request + field->offset;
    uint64_t number;
    if (field->size == 0) {
        if (count_parse(value, &number) != 0) {
            return -1;
        }
        memcpy(at, &number, sizeof number);
        return 0;
    }
    return (size_t)snprintf(at, field->size, "%s", value) < field->size ? 0
                                                                        : -1;
}

static int field_read(struct task_request *request, char *word)
{
    char *value = strchr(word, '=');
    if (value == NULL) {
        return -1;
    }
    *value++ = '\0';
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (strcmp(word, fields[i].name) == 0) {
            return value_read(&fields[i], request, value);
        }
    }
    return -1;
}

int task_request_read(struct task_request *request, const char *line, char *why,
                      size_t why_size)
{
    char copy[TASK_REQUEST_LINE_SIZE];
    char *rest = copy;
    *request = (struct task_request){.until_ms = INBOX_FILTER_NO_END};
    int size = snprintf(copy, sizeof copy, "%s", line + sizeof PREFIX - 1);
    int error = (size_t)size < sizeof copy
                    ? kind_read(request, strsep(&rest, "\t"))
                    : -1;
    while (error == 0 && rest != NULL) {
        error = field_read(request, strsep(&rest, "\t"));
    }
    return error == 0
               ? 0
               : reason_write(why, why_size, -1,
                              "this version of haplo-poll does not know the "
                              "request: restart the one that is running");
}
