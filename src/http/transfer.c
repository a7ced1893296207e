/*
 * The happy path is told in transfer.h. The failures:
 *
 *   - no memory before anything has begun: transfer_start() says so;
 *   - the name is not resolved: all that wait for it end, HAPLO_ERESOLVE;
 *   - libcurl reports an error: curl_error.h makes it one of ours;
 *   - a time limit is passed (name, connection, first byte, next byte, all
 *     together): the watchdog ends the transfer, HAPLO_ETIMEDOUT;
 *   - data_cb does not want any more: its error is passed through;
 *   - a callback of libcurl's finds no memory: it marks the exchange as
 *     failed, and the watchdog ends the transfer from the loop.
 *
 * All of them close the connection, unless the answer was read to its end.
 */
#include "http/transfer.h"

#include <assert.h>

#include "http/curl_error.h"
#include "http/endpoint_private.h"
#include "http/exchange.h"
#include "http/resolve.h"
#include "http/transfer_private.h"

static uint64_t retry_after(const struct exchange *exchange)
{
    curl_off_t seconds = 0;
    if (exchange->phase != EXCHANGE_RECEIVING ||
        curl_easy_getinfo(exchange->easy, CURLINFO_RETRY_AFTER, &seconds) !=
            CURLE_OK ||
        seconds <= 0) {
        return 0;
    }
    return seconds > INT32_MAX ? (uint64_t)INT32_MAX * 1000
                               : (uint64_t)seconds * 1000;
}

/* The exchange's error and reason become the result. Both are copied first,
 * as done_cb may start a transfer that gets the same exchange. */
static void transfer_end(struct exchange *exchange)
{
    struct transfer *transfer = exchange->transfer;
    struct reason why;
    struct transfer_result result = {
        .error = exchange->error,
        .text = "",
        .retry_after_ms = retry_after(exchange),
        .is_repeated = exchange->is_repeated,
    };
    if (exchange->error != 0) {
        why = exchange->why;
        result.text = why.text;
    }
    exchange_release(exchange);
    transfer->done_cb(transfer, &result);
}

void transfer_finished(struct exchange *exchange, CURLcode code)
{
    if (exchange->error == 0 && code == CURLE_OK) {
        (void)exchange_tell_head(exchange);
    } else if (exchange->error == 0) {
        exchange->error = curl_error_explain(exchange, code);
    }
    transfer_end(exchange);
}

void transfer_resolved(struct exchange *exchange, int error)
{
    if (error == 0) {
        error = exchange_begin(exchange);
        if (error == 0) {
            return;
        }
        (void)reason_set(&exchange->why, error, "no memory to begin");
    }
    exchange->error = error;
    transfer_end(exchange);
}

void transfer_expired(struct exchange *exchange, bool is_total)
{
    if (exchange->error == 0) {
        exchange->error = curl_error_explain_limit(exchange, is_total);
    }
    transfer_end(exchange);
}

int transfer_start(struct transfer *transfer)
{
    assert(transfer->head_cb != NULL);
    assert(transfer->data_cb != NULL);
    assert(transfer->done_cb != NULL);
    struct exchange *exchange = exchange_acquire(transfer);
    int error = 0;
    if (exchange == NULL) {
        return HAPLO_ENOMEM;
    }
    transfer->exchange = exchange;
    if (resolve_is_ready(transfer->endpoint)) {
        error = exchange_begin(exchange);
    } else {
        error = resolve_wait(exchange);
    }
    if (error == HAPLO_ENOMEM) {
        exchange_release(exchange);
        return error;
    }
    if (error != 0) {
        (void)exchange_fail(exchange, error, "%s", exchange->why.text);
    }
    return 0;
}

void transfer_cancel(struct transfer *transfer)
{
    assert(transfer->exchange != NULL);
    exchange_release(transfer->exchange);
}
