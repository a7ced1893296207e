#include "core/refusal.h"

#include <string.h>

#include "core/json_reader.h"

/* The member whose value is next. */
enum refusal_member { MEMBER_OTHER, MEMBER_KIND, MEMBER_ERROR, MEMBER_MESSAGE };

struct refusal_reading {
    struct refusal *refusal;    /* borrowed; filled */
    enum refusal_member member; /* of the newest key */
    bool in_error;              /* inside the "error" object */
    struct json_reader reader;  /* source of the events */
};

static bool name_is(const char *name, size_t size, const char *expected)
{
    return size == strlen(expected) && memcmp(name, expected, size) == 0;
}

static bool on_key(void *context, const char *name, size_t size)
{
    struct refusal_reading *reading = context;
    size_t depth = reading->reader.depth;
    reading->member = MEMBER_OTHER;
    if (depth == 1 && name_is(name, size, "kind")) {
        reading->member = MEMBER_KIND;
    } else if (depth == 1 && name_is(name, size, "error")) {
        reading->member = MEMBER_ERROR;
    } else if (depth == 2 && reading->in_error &&
               name_is(name, size, "message")) {
        reading->member = MEMBER_MESSAGE;
    }
    return true;
}

static void text_copy(char *text, size_t text_size, const char *from,
                      size_t size)
{
    if (size > text_size - 1) {
        size = text_size - 1;
    }
    memcpy(text, from, size);
    text[size] = '\0';
}

static bool on_value(void *context, enum json_kind kind, const char *text,
                     size_t size)
{
    struct refusal_reading *reading = context;
    struct refusal *refusal = reading->refusal;
    if (kind == JSON_MAP && reading->member == MEMBER_ERROR) {
        reading->in_error = true;
    } else if (kind == JSON_STRING && reading->member == MEMBER_KIND) {
        text_copy(refusal->kind, sizeof refusal->kind, text, size);
    } else if (kind == JSON_STRING && reading->member == MEMBER_MESSAGE) {
        text_copy(refusal->message, sizeof refusal->message, text, size);
    }
    reading->member = MEMBER_OTHER;
    return true;
}

static bool on_close(void *context)
{
    struct refusal_reading *reading = context;
    if (reading->reader.depth == 1) {
        reading->in_error = false;
    }
    return true;
}

bool refusal_read(struct refusal *refusal, const char *body, size_t size)
{
    static const struct json_events events = {on_value, on_key, on_close};
    struct refusal_reading reading = {.refusal = refusal};

    refusal->kind[0] = '\0';
    refusal->message[0] = '\0';
    json_reader_init(&reading.reader, &events, &reading);
    int error = json_reader_finish(&reading.reader, body, size, NULL);
    json_reader_free(&reading.reader);
    return error == 0 && refusal->kind[0] != '\0';
}
