/*
 * batch.c - a delivered batch.
 *
 *   - deliver_cb makes an object for it, which index.js passes on.
 *   - Its messages stay in the memory of the library; what JavaScript asks for
 *     is copied then.
 *   - It is answered once. From then on its messages are gone, and its object
 *     wraps nothing.
 *
 * If its object becomes garbage before that, nobody can answer it any more. A
 * finalizer must not call JavaScript, as an event might, so the batch is only
 * put on a list then, and dropped from the loop.
 */
#include "batch.h"

#include <stdlib.h>
#include <string.h>

#define TEXTS_SIZE_MAX 65536 /* of messages that are read at once */

struct batch {
    struct haplo_batch handle; /* stale once it is answered */
    struct poller *poller;
    bool is_answered;
    LIST_ENTRY(batch) entry; /* in poller->outstanding or poller->lost */
};

static void free_batch(struct batch *batch)
{
    poller_release(batch->poller);
    free(batch);
}

void batch_drop_lost(struct poller *poller)
{
    while (!LIST_EMPTY(&poller->lost)) {
        struct batch *batch = LIST_FIRST(&poller->lost);
        LIST_REMOVE(batch, entry);
        (void)haplo_batch_drop(batch->handle,
                               "the program has forgotten it: its batch was "
                               "garbage-collected before it was answered");
        free_batch(batch);
    }
}

static void finalize(napi_env env, void *data, void *hint)
{
    struct batch *batch = data;
    struct poller *poller = batch->poller;
    (void)env;
    (void)hint;
    if (batch->is_answered) {
        free_batch(batch);
        return;
    }
    LIST_REMOVE(batch, entry);
    LIST_INSERT_HEAD(&poller->lost, batch, entry);
    if (poller->is_closing) {
        batch_drop_lost(poller); /* no event is reported any more */
    } else {
        poller_report_soon(poller);
    }
}

napi_value batch_add(struct poller *poller, struct haplo_batch handle)
{
    struct batch *batch = calloc(1, sizeof(*batch));
    napi_value object = NULL;
    if (batch != NULL) {
        batch->poller = poller;
        batch->handle = handle;
        object = addon_make(poller->addon, &batch_class, batch);
    } else {
        (void)js_throw(poller->env, HAPLO_ENOMEM, "out of memory");
    }
    if (object == NULL) {
        (void)haplo_batch_drop(handle, "out of memory");
        free(batch);
        return NULL;
    }
    poller->reference_count++;
    LIST_INSERT_HEAD(&poller->outstanding, batch, entry);
    return object;
}

void batch_drop_all(struct poller *poller)
{
    batch_drop_lost(poller);
    while (!LIST_EMPTY(&poller->outstanding)) {
        struct batch *batch = LIST_FIRST(&poller->outstanding);
        batch->is_answered = true;
        LIST_REMOVE(batch, entry);
        (void)haplo_batch_drop(batch->handle, "Node is ending");
    }
}

/* -- Reading ----------------------------------------------------------------
 */

/* `this` and the arguments of a method, and what it wraps: NULL if the batch
 * has been answered. Node lets a method be called only on an object of its
 * class. */
static struct batch *find_batch(napi_env env, napi_callback_info info,
                                size_t count, napi_value *arguments,
                                napi_value *self)
{
    void *batch = NULL;
    return napi_get_cb_info(env, info, &count, arguments, self, NULL) ==
                       napi_ok &&
                   napi_unwrap(env, *self, &batch) == napi_ok
               ? batch
               : NULL;
}

static struct batch *this_batch(napi_env env, napi_callback_info info,
                                size_t count, napi_value *arguments)
{
    napi_value self;
    struct batch *batch = find_batch(env, info, count, arguments, &self);
    if (batch == NULL) {
        (void)js_throw(env, HAPLO_EANSWERED,
                       "the batch has been answered: read its messages and its "
                       "state before that, and answer it once");
    }
    return batch;
}

static napi_value get_is_answered(napi_env env, napi_callback_info info)
{
    napi_value self;
    return js_bool(env, find_batch(env, info, 0, NULL, &self) == NULL);
}

static napi_value get_state(napi_env env, napi_callback_info info)
{
    struct batch *batch = this_batch(env, info, 0, NULL);
    return batch != NULL ? js_bytes(env, haplo_batch_state(batch->handle))
                         : NULL;
}

static napi_value get_message_count(napi_env env, napi_callback_info info)
{
    struct batch *batch = this_batch(env, info, 0, NULL);
    return batch != NULL
               ? js_number(env, haplo_batch_message_count(batch->handle))
               : NULL;
}

static napi_value get_new_count(napi_env env, napi_callback_info info)
{
    struct batch *batch = this_batch(env, info, 0, NULL);
    return batch != NULL ? js_number(env, haplo_batch_new_count(batch->handle))
                         : NULL;
}

/* The message whose index is the only argument. */
static const struct haplo_message *message_of(napi_env env,
                                              napi_callback_info info)
{
    napi_value argument;
    uint64_t index = 0;
    struct batch *batch = this_batch(env, info, 1, &argument);
    if (batch == NULL ||
        !js_get_integer(env, argument, "the index of a message",
                        haplo_batch_message_count(batch->handle) - 1, &index)) {
        return NULL;
    }
    return &haplo_batch_messages(batch->handle)[index];
}

static napi_value slice_text(napi_env env, struct haplo_slice slice)
{
    napi_value text = NULL;
    return js_ok(env,
                 napi_create_string_utf8(env, slice.data, slice.size, &text))
               ? text
               : NULL;
}

static napi_value get_body(napi_env env, napi_callback_info info)
{
    const struct haplo_message *message = message_of(env, info);
    return message != NULL ? js_bytes(env, message->body) : NULL;
}

static napi_value get_text(napi_env env, napi_callback_info info)
{
    const struct haplo_message *message = message_of(env, info);
    return message != NULL ? slice_text(env, message->body) : NULL;
}

/* The character of UTF-8 that begins here. Sets its size: 0 if it is not
 * valid. */
static uint32_t decode(const unsigned char *text, size_t left, size_t *size)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t count = text[0] >= 0xf0   ? 4
                   : text[0] >= 0xe0 ? 3
                   : text[0] >= 0xc0 ? 2
                                     : 0;
    uint32_t character = text[0] & (0x7fu >> count);
    *size = 0;
    if (count == 0 || count > left) {
        return 0;
    }
    for (size_t i = 1; i < count; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
        character = character << 6 | (text[i] & 0x3f);
    }
    bool is_valid = character >= smallest[count] && character <= 0x10ffff &&
                    (character < 0xd800 || character > 0xdfff);
    *size = is_valid ? count : 0;
    return character;
}

static char *escape_unit(char *to, uint32_t unit)
{
    static const char digits[] = "0123456789abcdef";
    *to++ = '\\';
    *to++ = 'u';
    for (int shift = 12; shift >= 0; shift -= 4) {
        *to++ = digits[unit >> shift & 0xf];
    }
    return to;
}

static char *escape(char *to, uint32_t character)
{
    if (character < 0x10000) {
        return escape_unit(to, character);
    }
    to = escape_unit(to, 0xd800 + ((character - 0x10000) >> 10));
    return escape_unit(to, 0xdc00 + ((character - 0x10000) & 0x3ff));
}

/* Appends JSON as JSON in ASCII, which V8 takes over without decoding it: other
 * characters occur in strings alone, where they can be escaped. NULL: it does
 * not fit, or is not UTF-8. */
static char *append(char *to, const char *end, struct haplo_slice slice)
{
    const char *from = slice.data, *stop = slice.data + slice.size;
    while (end - to >= 16) { /* there is room for the longest step */
        uint64_t some;
        size_t size = 1;
        if (from == stop) {
            return to;
        }
        if (stop - from >= (ptrdiff_t)sizeof(some)) {
            memcpy(&some, from, sizeof(some));
            if ((some & 0x8080808080808080) == 0) {
                memcpy(to, &some, sizeof(some));
                to += sizeof(some);
                from += sizeof(some);
                continue;
            }
        }
        if ((unsigned char)*from < 0x80) {
            *to++ = *from;
        } else {
            to = escape(to, decode((const unsigned char *)from,
                                   (size_t)(stop - from), &size));
        }
        if (size == 0) {
            return NULL;
        }
        from += size;
    }
    return NULL;
}

/* The messages as the text of one JSON array, which costs less than a text for
 * each. Undefined if that would be long: then who wants only some of them
 * should not pay for all. */
static napi_value get_texts(napi_env env, napi_callback_info info)
{
    char texts[TEXTS_SIZE_MAX], *end = texts;
    struct batch *batch = this_batch(env, info, 0, NULL);
    if (batch == NULL) {
        return NULL;
    }
    const struct haplo_message *messages = haplo_batch_messages(batch->handle);
    size_t count = haplo_batch_message_count(batch->handle);
    for (size_t i = 0; i < count; i++) {
        *end++ = i == 0 ? '[' : ',';
        end = append(end, texts + sizeof(texts) - 1, messages[i].body);
        if (end == NULL) {
            return js_undefined(env);
        }
    }
    *end++ = ']';
    return js_latin1(env, (struct haplo_slice){texts, (size_t)(end - texts)});
}

static napi_value get_id(napi_env env, napi_callback_info info)
{
    const struct haplo_message *message = message_of(env, info);
    return message != NULL ? slice_text(env, message->id) : NULL;
}

static napi_value get_datetime(napi_env env, napi_callback_info info)
{
    const struct haplo_message *message = message_of(env, info);
    return message != NULL ? slice_text(env, message->datetime) : NULL;
}

static napi_value get_key(napi_env env, napi_callback_info info)
{
    const struct haplo_message *message = message_of(env, info);
    return message != NULL
               ? js_bytes(env, (struct haplo_slice){(const char *)message->key,
                                                    sizeof(message->key)})
               : NULL;
}

static napi_value get_is_repeat(napi_env env, napi_callback_info info)
{
    const struct haplo_message *message = message_of(env, info);
    return message != NULL ? js_bool(env, message->is_repeat) : NULL;
}

/* -- Answers ----------------------------------------------------------------
 */

/* An object that wraps something survives many garbage collections, and what it
 * refers to survives with it. So it wraps nothing once the batch is answered.
 *
 * True if the answer counts; false if the poller is closing, so that the server
 * will send the messages again. */
static napi_value answered(napi_env env, napi_callback_info info, int error)
{
    napi_value self;
    struct batch *batch = find_batch(env, info, 0, NULL, &self);
    void *wrapped = NULL;
    batch->is_answered = true;
    LIST_REMOVE(batch, entry);
    if (js_ok(env, napi_remove_wrap(env, self, &wrapped))) {
        free_batch(batch);
    }
    if (error != 0 && error != HAPLO_ESTOPPED) {
        return js_throw_why(env, error, "");
    }
    return js_bool(env, error == 0);
}

static napi_value accept_batch(napi_env env, napi_callback_info info)
{
    struct batch *batch = this_batch(env, info, 0, NULL);
    return batch != NULL
               ? answered(env, info, haplo_batch_accept(batch->handle))
               : NULL;
}

/* NULL in *reason if the argument is missing; otherwise allocated. */
static bool get_reason(napi_env env, napi_value argument, char **reason)
{
    *reason = NULL;
    if (js_is_nothing(env, argument)) {
        return true;
    }
    *reason = js_copy_string(env, argument, "the reason");
    return *reason != NULL;
}

static napi_value retry_batch(napi_env env, napi_callback_info info)
{
    napi_value arguments[2], result = NULL;
    char *reason = NULL;
    uint64_t delay_ms = 0;
    struct batch *batch = this_batch(env, info, 2, arguments);
    if (batch != NULL && get_reason(env, arguments[0], &reason) &&
        (js_is_nothing(env, arguments[1]) ||
         js_get_integer(env, arguments[1], "the delay in milliseconds",
                        HAPLO_WAIT_MS_MAX, &delay_ms))) {
        result = answered(env, info,
                          haplo_batch_retry(batch->handle, delay_ms, reason));
    }
    free(reason);
    return result;
}

static napi_value drop_batch(napi_env env, napi_callback_info info)
{
    napi_value argument, result = NULL;
    char *reason = NULL;
    struct batch *batch = this_batch(env, info, 1, &argument);
    if (batch != NULL && get_reason(env, argument, &reason)) {
        result = answered(env, info, haplo_batch_drop(batch->handle, reason));
    }
    free(reason);
    return result;
}

static napi_value reject_batch(napi_env env, napi_callback_info info)
{
    napi_value argument, result = NULL;
    char *reason = NULL;
    struct batch *batch = this_batch(env, info, 1, &argument);
    if (batch != NULL && get_reason(env, argument, &reason)) {
        result = answered(env, info, haplo_batch_reject(batch->handle, reason));
    }
    free(reason);
    return result;
}

static napi_value mark_stale(napi_env env, napi_callback_info info)
{
    napi_value argument;
    struct haplo_slice stored;
    struct batch *batch = this_batch(env, info, 1, &argument);
    if (batch == NULL ||
        !js_get_bytes(env, argument, "the stored state", &stored)) {
        return NULL;
    }
    return answered(env, info, haplo_batch_stale(batch->handle, stored));
}

static const napi_property_descriptor properties[] = {
    ADDON_GETTER("isAnswered", get_is_answered),
    ADDON_GETTER("state", get_state),
    ADDON_GETTER("messageCount", get_message_count),
    ADDON_GETTER("newCount", get_new_count),
    ADDON_METHOD("accept", accept_batch),
    ADDON_METHOD("retry", retry_batch),
    ADDON_METHOD("drop", drop_batch),
    ADDON_METHOD("stale", mark_stale),
    ADDON_METHOD("reject", reject_batch),
    /* for class Message of index.js */
    ADDON_METHOD("bodyOf", get_body),
    ADDON_METHOD("textOf", get_text),
    ADDON_METHOD("texts", get_texts),
    ADDON_METHOD("idOf", get_id),
    ADDON_METHOD("datetimeOf", get_datetime),
    ADDON_METHOD("keyOf", get_key),
    ADDON_METHOD("isRepeatOf", get_is_repeat),
};

const struct class batch_class = {
    .name = "Batch",
    .index = CLASS_BATCH,
    .finalize_cb = finalize,
    .properties = properties,
    .property_count = sizeof(properties) / sizeof(*properties),
};
