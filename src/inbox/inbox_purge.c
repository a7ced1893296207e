#include "inbox/inbox_purge.h"

#include <stdlib.h>
#include <string.h>

int inbox_purge_init(struct inbox_purge *purge, const char *pointer,
                     const char *value, const char *why, struct reason *reason)
{
    int error;

    *purge = (struct inbox_purge){.why = why};
    if (pointer == NULL) {
        return 0;
    }
    purge->value = strdup(value);
    if (purge->value == NULL) {
        return reason_set(reason, HAPLO_ENOMEM, "out of memory");
    }
    error = json_select_new(&purge->select, &pointer, 1, NULL, reason);
    return error == HAPLO_ENOMEM ? reason_set(reason, error, "out of memory")
                                 : error;
}

void inbox_purge_free(struct inbox_purge *purge)
{
    json_select_free(purge->select);
    free(purge->value);
    *purge = (struct inbox_purge){0};
}

void inbox_purge_begin(struct inbox_purge *purge)
{
    purge->pending_count = 0;
    purge->letter_count = 0;
    purge->unread_count = 0;
    purge->is_log_left = false;
    purge->phase = INBOX_PURGE_SEARCH;
    purge->log_tries = 0;
}

static bool has_value(const struct inbox_purge *purge, struct haplo_slice body)
{
    return memmem(body.data, body.size, purge->value, strlen(purge->value)) !=
           NULL;
}

/* Most messages are about others. Without escapes, the bytes of the value must
 * be in them as they are. */
static bool may_match(const struct inbox_purge *purge, struct haplo_slice body)
{
    return memchr(body.data, '\\', body.size) != NULL || has_value(purge, body);
}

bool inbox_purge_matches(struct inbox_purge *purge, struct haplo_slice body,
                         int *error)
{
    const struct json_value *value;
    size_t size;
    int result;

    *error = 0;
    if (purge->select == NULL) {
        return true;
    }
    if (!may_match(purge, body)) {
        return false;
    }
    result = json_select_run(purge->select, body.data, body.size);
    if (result == HAPLO_ENOMEM) {
        *error = result;
    } else if (result != 0) {
        purge->unread_count += has_value(purge, body) ? 1 : 0;
    }
    value = json_select_value(purge->select, 0);
    size = strlen(purge->value);
    return result == 0 && value->kind != JSON_MISSING && value->size == size &&
           memcmp(value->text, purge->value, size) == 0;
}
