/*
 * How a batch is read, event by event:
 *
 *   - The version must be the number 0 (default shape only).
 *   - The token is turned into the form that will be posted.
 *   - The array of messages begins: each element is a message.
 *   - A message begins and ends: it becomes a slice of the body.
 *   - Its members id and datetime begin and end: slices as well. If one occurs
 *     twice the last one counts, since the server merges the message's own
 *     data over them.
 *
 * These may arrive in any order, so only the end shows what is missing.
 */
#include "core/json_batch.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "core/form.h"

static bool fail(struct json_batch *json, int error)
{
    json->error = error;
    return false;
}

static bool fail_memory(struct json_batch *json)
{
    return fail(json, reason_set(json->why, HAPLO_ENOMEM, "out of memory"));
}

static bool version_value(struct json_batch *json, enum json_kind kind,
                          const char *text, size_t size)
{
    json->version_count++;
    if (kind == JSON_NUMBER && size == 1 && text[0] == '0') {
        return true;
    }
    if (kind != JSON_NUMBER) {
        return fail(json, reason_set(json->why, HAPLO_EDOCUMENT,
                                     "the version is not a number"));
    }
    return fail(json, reason_set(json->why, HAPLO_EDOCUMENT,
                                 "the version is %.*s; only 0 is supported",
                                 size < 20 ? (int)size : 20, text));
}

static bool token_value(struct json_batch *json, enum json_kind kind,
                        const char *text, size_t size)
{
    const char *name = json_pointer_text(&json->format->token);
    json->token_count++;
    if (json->token_count > 1) {
        return fail(json,
                    reason_set(json->why, HAPLO_EDOCUMENT,
                               "there are two tokens at \"%.100s\"", name));
    }
    if (kind != JSON_STRING) {
        return fail(json, reason_set(json->why, HAPLO_EDOCUMENT,
                                     "the token at \"%.100s\" is not a string",
                                     name));
    }
    if (!json_reader_string_is_sound(&json->reader, json->before)) {
        return fail(json, reason_set(json->why, HAPLO_EDOCUMENT,
                                     "the token at \"%.100s\" contains half a "
                                     "surrogate pair",
                                     name));
    }
    int error = form_set(json->batch, text, size, json->why);
    return error == 0 || fail(json, error);
}

static bool messages_value(struct json_batch *json, enum json_kind kind)
{
    const char *name = json_pointer_text(&json->format->messages);
    json->messages_count++;
    if (json->messages_count > 1) {
        return fail(json, reason_set(json->why, HAPLO_EDOCUMENT,
                                     "there are two values for the messages at "
                                     "\"%.100s\"",
                                     name));
    }
    if (kind != JSON_ARRAY) {
        return fail(json,
                    reason_set(json->why, HAPLO_EDOCUMENT,
                               "the messages at \"%.100s\" are not an array",
                               name));
    }
    json->element_depth = json->reader.depth + 1;
    return true;
}

static bool kind_is_open(enum json_kind kind)
{
    return kind == JSON_MAP || kind == JSON_ARRAY;
}

static struct haplo_message *newest(struct json_batch *json)
{
    assert(json->batch->message_count > 0);
    return &json->batch->messages[json->batch->message_count - 1];
}

static struct haplo_slice body_slice(const struct json_batch *json,
                                     size_t start)
{
    size_t end = json_reader_token_end(&json->reader);
    assert(start < end);
    assert(end <= json->batch->body_size);
    return (struct haplo_slice){json->batch->body + start, end - start};
}

/* Remembers where this JSON token ends: the start of the next one may be asked
 * for. */
static void before_note(struct json_batch *json)
{
    json->before = json_reader_token_end(&json->reader);
}

static bool element_value(struct json_batch *json, enum json_kind kind)
{
    size_t count = json->batch->message_count;
    if (json->format->is_default_shape && kind != JSON_MAP) {
        return fail(json,
                    reason_set(json->why, HAPLO_EDOCUMENT,
                               "message %zu is not an object", count + 1));
    }
    if (count == BATCH_MESSAGE_COUNT_MAX) {
        return fail(json, reason_set(json->why, HAPLO_ETOOBIG,
                                     "there are more than %d messages",
                                     BATCH_MESSAGE_COUNT_MAX));
    }
    if (batch_add_message(json->batch) == NULL) {
        return fail_memory(json);
    }
    json->element_start = json_reader_token_start(&json->reader, json->before);
    json->member = JSON_MEMBER_NONE;
    if (!kind_is_open(kind)) {
        newest(json)->body = body_slice(json, json->element_start);
        before_note(json);
    }
    return true;
}

static void member_end(struct json_batch *json)
{
    struct haplo_slice slice = body_slice(json, json->member_start);
    if (json->member == JSON_MEMBER_ID) {
        newest(json)->id = slice;
    } else {
        newest(json)->datetime = slice;
    }
    json->member = JSON_MEMBER_NONE;
}

static void member_value(struct json_batch *json, enum json_kind kind)
{
    json->member_start = json_reader_token_start(&json->reader, json->before);
    if (!kind_is_open(kind)) {
        member_end(json);
    }
}

static enum json_member member_named(const char *name, size_t size)
{
    if (size == 2 && memcmp(name, "id", 2) == 0) {
        return JSON_MEMBER_ID;
    }
    if (size == 8 && memcmp(name, "datetime", 8) == 0) {
        return JSON_MEMBER_DATETIME;
    }
    return JSON_MEMBER_NONE;
}

static bool pointed_value(struct json_batch *json, enum json_kind kind,
                          const char *text, size_t size)
{
    size_t depth = json->reader.depth;
    if (json->format->is_default_shape &&
        json_cursor_value(&json->version, depth, kind) &&
        !version_value(json, kind, text, size)) {
        return false;
    }
    if (json_cursor_value(&json->token, depth, kind) &&
        !token_value(json, kind, text, size)) {
        return false;
    }
    if (json_cursor_value(&json->messages, depth, kind) &&
        !messages_value(json, kind)) {
        return false;
    }
    before_note(json);
    return true;
}

/* A value that a pointer may select, a message, or a member of a message. Not
 * inlined, so that the callbacks need not save registers for the many other
 * values. */
static __attribute__((noinline)) bool noted_value(struct json_batch *json,
                                                  enum json_kind kind,
                                                  const char *text, size_t size)
{
    size_t depth = json->reader.depth;
    if (json->element_depth != 0 && depth == json->element_depth) {
        if (!element_value(json, kind)) {
            return false;
        }
    } else if (json->member != JSON_MEMBER_NONE &&
               depth == json->element_depth + 1) {
        member_value(json, kind);
    }
    return depth > json->depth_max || pointed_value(json, kind, text, size);
}

static bool on_value(void *context, enum json_kind kind, const char *text,
                     size_t size)
{
    struct json_batch *json = context;
    size_t depth = json->reader.depth;
    if (depth > json->depth_max && depth != json->element_depth &&
        json->member == JSON_MEMBER_NONE) {
        return true;
    }
    return noted_value(json, kind, text, size);
}

static __attribute__((noinline)) bool noted_key(struct json_batch *json,
                                                const char *name, size_t size)
{
    size_t depth = json->reader.depth;
    if (depth <= json->depth_max) {
        if (json->format->is_default_shape) {
            json_cursor_key(&json->version, depth, name, size);
        }
        json_cursor_key(&json->token, depth, name, size);
        json_cursor_key(&json->messages, depth, name, size);
    }
    before_note(json);
    return true;
}

static bool on_key(void *context, const char *name, size_t size)
{
    struct json_batch *json = context;
    size_t depth = json->reader.depth;
    bool is_member =
        json->element_depth != 0 && depth == json->element_depth + 1;
    if (is_member) {
        json->member = member_named(name, size);
    }
    if (depth > json->depth_max &&
        (!is_member || json->member == JSON_MEMBER_NONE)) {
        return true;
    }
    return noted_key(json, name, size);
}

static void pointed_close(struct json_batch *json)
{
    size_t depth = json->reader.depth;
    if (json->format->is_default_shape) {
        json_cursor_close(&json->version, depth);
    }
    json_cursor_close(&json->token, depth);
    json_cursor_close(&json->messages, depth);
    before_note(json);
}

static bool on_close(void *context)
{
    struct json_batch *json = context;
    size_t depth = json->reader.depth;
    if (depth <= json->depth_max) {
        pointed_close(json);
    }
    if (json->element_depth == 0) {
        return true;
    }
    if (depth == json->element_depth) {
        newest(json)->body = body_slice(json, json->element_start);
        before_note(json);
    } else if (depth + 1 == json->element_depth) {
        json->element_depth = 0;
    } else if (json->member != JSON_MEMBER_NONE &&
               depth == json->element_depth + 1) {
        member_end(json);
    }
    return true;
}

/* Values deeper than all pointers, which are most, skip the cursors. */
static size_t pointer_depth_max(const struct fetch_format *format)
{
    size_t depth = format->is_default_shape ? format->version.count : 0;
    if (depth < format->token.count) {
        depth = format->token.count;
    }
    return depth < format->messages.count ? format->messages.count : depth;
}

void json_batch_init(struct json_batch *json, const struct fetch_format *format,
                     struct batch *batch, struct reason *why)
{
    static const struct json_events events = {on_value, on_key, on_close};

    json->format = format;
    json->batch = batch;
    json->why = why;
    json_cursor_init(&json->version, &format->version);
    json_cursor_init(&json->token, &format->token);
    json_cursor_init(&json->messages, &format->messages);
    json->depth_max = pointer_depth_max(format);
    json->version_count = 0;
    json->token_count = 0;
    json->messages_count = 0;
    json->before = 0;
    json->element_depth = 0;
    json->element_start = 0;
    json->member = JSON_MEMBER_NONE;
    json->member_start = 0;
    json->error = 0;
    json_reader_init(&json->reader, &events, json);
}

/* Turns an error of the reader into one of the batch. */
static int verdict(struct json_batch *json, int error)
{
    if (error == HAPLO_ECANCELED) {
        assert(json->error != 0);
        return json->error;
    }
    if (error == HAPLO_ENOMEM) {
        return reason_set(json->why, error, "out of memory");
    }
    return error;
}

int json_batch_feed(struct json_batch *json)
{
    return verdict(json, json_reader_feed(&json->reader, json->batch->body,
                                          json->batch->body_size, json->why));
}

/* Everything must be present, and a token if and only if there are messages:
 * an empty token must never be posted, and messages without a token would
 * arrive again forever. */
static int completeness_check(struct json_batch *json)
{
    const struct batch *batch = json->batch;
    if (json->format->is_default_shape && json->version_count != 1) {
        return reason_set(json->why, HAPLO_EDOCUMENT, "there %s",
                          json->version_count == 0 ? "is no version"
                                                   : "are two versions");
    }
    if (json->token_count == 0) {
        return reason_set(json->why, HAPLO_EDOCUMENT,
                          "there is no token at \"%.100s\"",
                          json_pointer_text(&json->format->token));
    }
    if (json->messages_count == 0) {
        return reason_set(json->why, HAPLO_EDOCUMENT,
                          "there is no array of messages at \"%.100s\"",
                          json_pointer_text(&json->format->messages));
    }
    if (batch->form_size == 0 && batch->message_count > 0) {
        return reason_set(json->why, HAPLO_EDOCUMENT,
                          "there are %zu messages but the token is empty, so "
                          "they could never be marked",
                          batch->message_count);
    }
    if (batch->form_size > 0 && batch->message_count == 0) {
        return reason_set(json->why, HAPLO_EDOCUMENT,
                          "there is a token but no messages, so it would mark "
                          "messages that were never received");
    }
    return 0;
}

int json_batch_finish(struct json_batch *json)
{
    int error =
        verdict(json, json_reader_finish(&json->reader, json->batch->body,
                                         json->batch->body_size, json->why));
    return error != 0 ? error : completeness_check(json);
}

void json_batch_free(struct json_batch *json)
{
    json_reader_free(&json->reader);
}
