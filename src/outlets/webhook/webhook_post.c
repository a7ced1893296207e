/*
 * webhook_post.c - takes one parcel to the receiver, one request after the
 * other:
 *
 *   - The next batch is cut (webhook_batch.h).
 *   - If the rate limit does not allow a request yet, it waits for its turn.
 *   - The request is built, signed and sent.
 *   - A response of 2xx: these messages are delivered, and the next batch
 *     follows.
 *   - When nothing is left, the parcel is reported.
 *
 * Failures:
 *
 *   - A batch of several messages is refused: they are sent one by one.
 *   - A single message is refused, the destination is broken, or it is not the
 *     time: the parcel is reported, with what has been delivered so far.
 *   - The response is longer than can be of interest: the rest is not read.
 *   - Memory runs out: RETRY.
 */
#include <string.h>

#include "base/container_of.h"
#include "base/wall_clock.h"
#include "core/page.h"
#include "outlets/webhook/webhook_private.h"
#include "outlets/webhook/webhook_verdict.h"

static const struct inbox_message *messages_left(
    const struct webhook_post *post)
{
    return post->parcel->messages + post->parcel->delivered_count;
}

/* The end of a parcel */

/* Reported by webhook_go_on(), as this may be inside deliver(). */
static void post_end(struct webhook_post *post, enum outlet_verdict verdict)
{
    post->parcel->verdict = verdict;
    post->state = WEBHOOK_POST_ENDED;
    TAILQ_INSERT_TAIL(&post->webhook->ended, post, link);
}

static void post_end_without_memory(struct webhook_post *post)
{
    (void)reason_set(&post->parcel->why, 0, "%s: out of memory",
                     post->webhook->url.origin);
    post_end(post, OUTLET_RETRY);
}

/* The response */

static void on_head(struct transfer *transfer, const struct http_head *head)
{
    struct webhook_post *post =
        container_of(transfer, struct webhook_post, transfer);

    post->status = head->status;
    if (head->location != NULL) {
        (void)reason_set(&post->location, 0, "%s", head->location);
    }
}

static int on_data(struct transfer *transfer, const char *data, size_t size)
{
    struct webhook_post *post =
        container_of(transfer, struct webhook_post, transfer);
    size_t room = sizeof(post->quote) - post->quote_size;
    size_t taken = size < room ? size : room;

    memcpy(post->quote + post->quote_size, data, taken);
    post->quote_size += taken;
    post->response_size += size;
    return post->response_size <= WEBHOOK_RESPONSE_SIZE_MAX ? 0 : HAPLO_ETOOBIG;
}

static void failure_explain(struct webhook_post *post,
                            struct webhook_answer answer)
{
    const struct webhook_secrets *secrets = &post->webhook->secrets;
    struct page_quote quote;

    if (webhook_secrets_are_in(secrets, post->quote, post->quote_size) ||
        webhook_lines_are_in(post->lines, post->quote, post->quote_size) ||
        webhook_url_is_in(&post->webhook->url, post->quote, post->quote_size)) {
        post->quote_size = 0; /* not to be quoted */
    }
    page_quote(&quote, post->quote, post->quote_size);
    answer.quote = quote.text;
    webhook_explain(&answer, post->webhook->url.origin, &post->parcel->why);
    if ((answer.status == 401 || answer.status == 403) &&
        secrets->trouble.text[0] != '\0') {
        struct reason why = post->parcel->why;

        (void)reason_set(&post->parcel->why, 0, "%s; %s", why.text,
                         secrets->trouble.text);
    }
}

static void post_next(struct webhook_post *post);

/* Its messages are sent one by one from now on. */
static void batch_split(struct webhook_post *post)
{
    const struct inbox_message *messages = messages_left(post);

    if (webhook_splits_add(&post->webhook->splits, messages[0].queue_id,
                           post->parcel->replay_id,
                           messages[post->count - 1].arrival)) {
        post_next(post);
    } else {
        post_end_without_memory(post);
    }
}

static void messages_accepted(struct webhook_post *post)
{
    const struct inbox_message *last = messages_left(post) + post->count - 1;

    webhook_splits_accepted(&post->webhook->splits, last->queue_id,
                            post->parcel->replay_id, last->arrival);
    post->parcel->delivered_count += post->count;
}

static void answer_handle(struct webhook_post *post,
                          const struct webhook_answer *answer)
{
    enum outlet_verdict verdict = webhook_verdict(answer);

    if (verdict == OUTLET_DELIVERED) {
        messages_accepted(post);
        post_next(post);
        return;
    }
    if (verdict == OUTLET_REFUSED && post->count > 1) {
        batch_split(post);
        return;
    }
    failure_explain(post, *answer);
    post->parcel->retry_after_ms = answer->retry_after_ms < WEBHOOK_WAIT_MS_MAX
                                       ? answer->retry_after_ms
                                       : WEBHOOK_WAIT_MS_MAX;
    post_end(post, verdict);
}

static void on_done(struct transfer *transfer,
                    const struct transfer_result *result)
{
    struct webhook_post *post =
        container_of(transfer, struct webhook_post, transfer);
    const struct webhook_answer answer = {
        .status = post->status,
        .error = result->error,
        .text = result->text,
        .location = post->location.text[0] != '\0' ? post->location.text : NULL,
        .quote = "",
        .retry_after_ms = result->retry_after_ms,
    };

    webhook_request_trim(&post->request);
    answer_handle(post, &answer);
    webhook_lines_leave(post->lines);
    webhook_go_on(post->webhook);
}

/* The request */

/* Also the lines that all requests have: those of this moment. */
static bool request_build(struct webhook_post *post)
{
    struct webhook *webhook = post->webhook;
    const struct inbox_message *messages = messages_left(post);
    const struct webhook_content content = {
        .parcel = post->parcel,
        .messages = messages,
        .count = post->count,
        .is_bare = webhook->options->batch == 1 ||
                   messages[0].format == HAPLO_FORMAT_RAW,
        .inbox_uuid = webhook->setting.inbox_uuid,
        .timestamp_s = wall_clock_ms() / 1000,
        .keys = &webhook->secrets.keys,
        .lines = webhook->secrets.lines->lines,
    };

    return webhook_request_build(&post->request, &content);
}

static int request_start(struct webhook_post *post)
{
    post->transfer = (struct transfer){
        .endpoint = post->webhook->endpoint,
        .path = post->webhook->url.path,
        .headers = post->request.headers,
        .body = post->request.body,
        .body_size = post->request.body_size,
        .is_uncompressed = true,
        .is_status_enough = true,
        .head_cb = on_head,
        .data_cb = on_data,
        .done_cb = on_done,
    };
    return transfer_start(&post->transfer);
}

void webhook_post_send(struct webhook_post *post)
{
    struct webhook *webhook = post->webhook;

    webhook_secrets_refresh(&webhook->secrets, uv_now(webhook->setting.loop));
    post->status = 0;
    post->location.text[0] = '\0';
    post->quote_size = 0;
    post->response_size = 0;
    if (!request_build(post) || request_start(post) != 0) {
        post_end_without_memory(post);
        return;
    }
    post->state = WEBHOOK_POST_SENDING;
    post->lines = webhook->secrets.lines;
    post->lines->user_count++;
}

/* Cuts the next batch, which then waits for its turn. */
static void post_next(struct webhook_post *post)
{
    struct webhook *webhook = post->webhook;
    const struct outlet_parcel *parcel = post->parcel;
    const struct inbox_message *messages = messages_left(post);
    size_t left = parcel->count - parcel->delivered_count;

    if (left == 0) {
        post->parcel->why = webhook->secrets.trouble; /* a warning, or "" */
        post_end(post, OUTLET_DELIVERED);
        return;
    }
    post->count =
        webhook_splits_has(&webhook->splits, messages[0].queue_id,
                           parcel->replay_id, messages[0].arrival)
            ? 1
            : webhook_batch_count(messages, left, webhook->options->batch,
                                  webhook->options->batch_bytes_max);
    post->state = WEBHOOK_POST_WAITING;
    TAILQ_INSERT_TAIL(&webhook->waiting, post, link);
}

void webhook_post_begin(struct webhook_post *post, struct outlet_parcel *parcel)
{
    post->parcel = parcel;
    parcel->delivered_count = 0;
    parcel->retry_after_ms = 0;
    parcel->why.text[0] = '\0';
    post_next(post);
}

void webhook_post_cancel(struct webhook_post *post)
{
    if (post->state == WEBHOOK_POST_FREE || post->state == WEBHOOK_POST_ENDED) {
        return;
    }
    if (post->state == WEBHOOK_POST_SENDING) {
        transfer_cancel(&post->transfer);
        webhook_lines_leave(post->lines);
    } else {
        TAILQ_REMOVE(&post->webhook->waiting, post, link);
    }
    (void)reason_set(&post->parcel->why, 0, "closing");
    post_end(post, OUTLET_RETRY);
}

void webhook_post_free(struct webhook_post *post)
{
    webhook_request_free(&post->request);
}
