#include "daemon/commands/inbox_find.h"

#include <inttypes.h>
#include <string.h>

#include "config/units.h"
#include "daemon/log/log.h"

/* "550e8400-e29b-41d4-a716-446655440000-17-93d1a5ee3c52f8b0", and what a replay
 * with new identities appends to it. */
static bool parse_id(struct inbox_find *find, const char *text)
{
    int size = 0;
    size_t uuid_size = INBOX_UUID_SIZE - 1;
    if (strlen(text) <= uuid_size || text[uuid_size] != '-' ||
        strspn(text, "0123456789abcdef-") < uuid_size) {
        return false;
    }
    memcpy(find->uuid, text, uuid_size);
    find->uuid[uuid_size] = '\0';
    text += uuid_size + 1;
    if (sscanf(text, "%" SCNu64 "-%16" SCNx64 "%n", &find->arrival, &find->hash,
               &size) != 2 ||
        find->arrival == 0) {
        return false;
    }
    return text[size] == '\0' || strncmp(text + size, "-r", 2) == 0;
}

int inbox_find_parse(struct inbox_find *find, const char *text)
{
    *find = (struct inbox_find){0};
    if ((count_parse(text, &find->arrival) == 0 && find->arrival > 0) ||
        parse_id(find, text)) {
        return 0;
    }
    log_line(LOG_LEVEL_ERROR,
             "%s is neither the arrival of a message, such as 17, nor its "
             "identity, such as UUID-17-93d1a5ee3c52f8b0",
             text);
    return -1;
}

/* What one inbox says. */
struct answer {
    const char *uuid;             /* wanted; "": any */
    bool is_other;                /* the inbox has another one */
    enum inbox_trace_state state; /* of the message there */
};

static void on_trace(const struct inbox_trace *trace, void *data)
{
    struct answer *answer = data;
    answer->is_other =
        answer->uuid[0] != '\0' && strcmp(answer->uuid, trace->inbox_uuid) != 0;
    answer->state = trace->state;
}

static bool on_outlet(const struct inbox_trace_outlet *outlet, void *data)
{
    (void)outlet;
    (void)data;
    return false; /* one moment later they are asked for again */
}

static enum exit_code tell_several(const struct inbox_find *find)
{
    log_line(LOG_LEVEL_ERROR,
             "message %" PRIu64 " is in several inboxes: name one with --inbox",
             find->arrival);
    return EXIT_CODE_USAGE;
}

static enum exit_code tell_none(const struct inbox_find *find)
{
    log_line(LOG_LEVEL_ERROR, "no inbox of the configuration has the UUID %s",
             find->uuid);
    return EXIT_CODE_FAILED;
}

enum exit_code inbox_find(const struct inbox_find *find,
                          struct inbox_reading *reading)
{
    const struct config_inbox *found = NULL;
    enum inbox_trace_state state = INBOX_TRACE_NEVER;
    enum exit_code code = EXIT_CODE_FINE;
    reading->inbox = NULL;
    while (inbox_reading_next(reading)) {
        struct answer answer = {.uuid = find->uuid};
        struct inbox_view view = {
            .filter = reading->selection.filter,
            .trace_cb = on_trace,
            .trace_outlet_cb = on_outlet,
            .data = &answer,
        };
        view.filter.arrival = find->arrival;
        enum exit_code read = inbox_reading_view(reading, &view);
        code = exit_code_worse(code, read);
        if (read != EXIT_CODE_FINE || answer.is_other) {
            continue;
        }
        if (found != NULL && state == INBOX_TRACE_STORED &&
            answer.state == INBOX_TRACE_STORED) {
            return tell_several(find);
        }
        if (found == NULL || answer.state < state) {
            found = reading->inbox;
            state = answer.state;
        }
    }
    reading->inbox = found;
    return found != NULL            ? EXIT_CODE_FINE
           : code != EXIT_CODE_FINE ? code
                                    : tell_none(find);
}
