/*
 * The response to a fetch is one of:
 *
 *   - 200 with the expected content type: a batch. It is read while it
 *     arrives, up to the size limit, and is complete if its document, size,
 *     token and messages are.
 *   - 200 with another content type: an error page, for a wrong queue or a
 *     missing permission. Its beginning is kept for the error message. More is
 *     read and dropped, up to a limit, so that the connection can be reused.
 *   - 403: refused. JSON gives the reason, HTML (before 2020-05) does not.
 *   - Any other status: see reply_head.c.
 */
#include "core/fetch_reply.h"

#include <string.h>

#include "core/identity.h"
#include "core/page.h"
#include "core/raw_batch.h"
#include "core/refusal.h"

void fetch_reply_begin(struct fetch_reply *reply,
                       const struct fetch_format *format, struct batch *batch,
                       size_t body_bytes_max, struct reason *why)
{
    reply->format = format;
    reply->batch = batch;
    reply->why = why;
    reply->body_bytes_max = body_bytes_max;
    reply_head_init(&reply->head);
    reply->is_batch = false;
    reply->dropped_size = 0;
    reply->error = 0;
    json_batch_init(&reply->json, format, batch, why);
}

/* RAW accepts any type but that of the error pages: the token alone shows
 * whether it is a batch. */
static bool type_is_expected(const struct fetch_reply *reply)
{
    const struct fetch_format *format = reply->format;
    if (format->content_type != NULL) {
        return reply_head_is_type(&reply->head, format->content_type);
    }
    if (format->kind == HAPLO_FORMAT_RAW) {
        return !reply_head_is_type(&reply->head, "text/html");
    }
    return reply_head_is_type(&reply->head, "application/json");
}

void fetch_reply_head(struct fetch_reply *reply, const struct http_head *head)
{
    reply_head_set(&reply->head, head);
    reply->is_batch = head->status == 200 && type_is_expected(reply);
}

static int memory_error(const struct fetch_reply *reply)
{
    return reason_set(reply->why, HAPLO_ENOMEM, "out of memory");
}

static int verdict(struct fetch_reply *reply);

/* Only the beginning matters. An endless page, or one that expands a
 * thousandfold when decompressed, must not keep the loop busy. */
static int error_body_data(struct fetch_reply *reply, const char *data,
                           size_t size)
{
    size_t room = FETCH_REPLY_ERROR_BODY_SIZE_MAX - reply->batch->body_size;
    size_t kept = size < room ? size : room;
    if (batch_append(reply->batch, data, kept) != 0) {
        return memory_error(reply);
    }
    reply->dropped_size += size - kept;
    return reply->dropped_size > REPLY_PAGE_SIZE_MAX ? verdict(reply) : 0;
}

/* Trusts Content-Length enough to refuse a large body, but not to allocate
 * one. */
static int size_expect(struct fetch_reply *reply)
{
    if (reply->head.content_size < 0) {
        return 0;
    }
    uint64_t size = (uint64_t)reply->head.content_size;
    if (size > reply->body_bytes_max) {
        return reason_set(reply->why, HAPLO_ETOOBIG,
                          "the response has %llu bytes; the limit is "
                          "`max_body` (%zu)",
                          (unsigned long long)size, reply->body_bytes_max);
    }
    if (size > FETCH_REPLY_TRUST_SIZE_MAX) {
        size = FETCH_REPLY_TRUST_SIZE_MAX;
    }
    return batch_reserve(reply->batch, (size_t)size) != 0 ? memory_error(reply)
                                                          : 0;
}

static int batch_data(struct fetch_reply *reply, const char *data, size_t size)
{
    struct batch *batch = reply->batch;
    int error = batch->body_size == 0 ? size_expect(reply) : 0;
    if (error != 0) {
        return error;
    }
    if (size > reply->body_bytes_max - batch->body_size) {
        return reason_set(reply->why, HAPLO_ETOOBIG,
                          "the response has more bytes than the limit "
                          "`max_body` (%zu)",
                          reply->body_bytes_max);
    }
    if (batch_append(batch, data, size) != 0) {
        return memory_error(reply);
    }
    return reply->format->kind == HAPLO_FORMAT_JSON
               ? json_batch_feed(&reply->json)
               : 0;
}

int fetch_reply_data(struct fetch_reply *reply, const char *data, size_t size)
{
    if (reply->error == 0 && size > 0) {
        reply->error = reply->is_batch ? batch_data(reply, data, size)
                                       : error_body_data(reply, data, size);
    }
    return reply->error;
}

static int batch_end(struct fetch_reply *reply)
{
    struct batch *batch = reply->batch;
    int64_t content_size = reply->head.content_size;
    if (content_size >= 0 && (uint64_t)content_size != batch->body_size) {
        return reason_set(reply->why, HAPLO_ERESET,
                          "the response should have %lld bytes but has %zu",
                          (long long)content_size, batch->body_size);
    }
    int error = reply->format->kind == HAPLO_FORMAT_JSON
                    ? json_batch_finish(&reply->json)
                    : raw_batch_finish(batch, reply->format, reply->why);
    if (error == 0) {
        identity_fill(batch->messages, batch->message_count);
    }
    return error;
}

static int refusal_error(const struct fetch_reply *reply)
{
    struct refusal refusal;
    const struct batch *batch = reply->batch;
    if (!refusal_read(&refusal, batch->body, batch->body_size)) {
        struct page_quote quote;
        page_quote(&quote, batch->body, batch->body_size);
        return reason_set(reply->why, HAPLO_EREFUSED,
                          "403 without a reason: the API key may be wrong, "
                          "not permitted, or throttled%s",
                          quote.text);
    }
    /* A key created on the page of a queue is valid for that queue only. */
    bool is_invalid = strcmp(refusal.kind, "INVALID-API-KEY") == 0;
    int error = strcmp(refusal.kind, "THROTTLE") == 0 ? HAPLO_ETHROTTLED
                                                      : HAPLO_EREFUSED;
    return reason_set(reply->why, error, "403 %s: %s%s", refusal.kind,
                      refusal.message,
                      is_invalid ? "; check the key, and that it belongs to "
                                   "this queue"
                                 : "");
}

static int verdict(struct fetch_reply *reply)
{
    const struct batch *batch = reply->batch;
    const char *expected = reply->format->content_type;
    if (reply->error != 0) {
        return reply->error;
    }
    if (reply->is_batch) {
        return batch_end(reply);
    }
    if (reply->head.status == 403) {
        return refusal_error(reply);
    }
    if (reply->head.status != 200) {
        return reply_head_status_error(&reply->head, batch->body,
                                       batch->body_size, reply->why);
    }
    if (expected == NULL) {
        expected = reply->format->kind == HAPLO_FORMAT_RAW
                       ? "any type but text/html"
                       : "application/json";
    }
    return reply_head_content_error(&reply->head, expected, batch->body,
                                    batch->body_size, reply->why);
}

/* What was found before the failure must not pass for a batch. */
static void batch_disown(struct batch *batch)
{
    batch->message_count = 0;
    batch->form_size = 0;
}

int fetch_reply_end(struct fetch_reply *reply)
{
    int error = verdict(reply);
    json_batch_free(&reply->json);
    if (error != 0) {
        batch_disown(reply->batch);
    }
    return error;
}

void fetch_reply_abandon(struct fetch_reply *reply)
{
    json_batch_free(&reply->json);
    batch_disown(reply->batch);
}
