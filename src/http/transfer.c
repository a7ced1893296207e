/*
 * The happy path is in transfer.h. The failures:
 *
 *   - no memory before anything has begun: transfer_start() returns it;
 *   - the name cannot be resolved: all that wait for it end, HAPLO_ERESOLVE;
 *   - a connection leads to an address that the name no longer has: nothing
 *     was sent on it, and the transfer begins again;
 *   - libcurl reports an error: curl_error.h makes it one of ours;
 *   - a time limit expires (name, connection, first byte, next byte, all
 *     together): the watchdog ends the transfer, HAPLO_ETIMEDOUT;
 *   - data_cb rejects the response: its error is passed through;
 *   - a callback of libcurl's runs out of memory: it marks the easy handle as
 *     failed, and the watchdog ends the transfer from the loop.
 *
 * All of them close the connection, unless the response was read to its end.
 */
#include "http/transfer.h"

#include <assert.h>

#include "http/curl_error.h"
#include "http/easy.h"
#include "http/endpoint_private.h"
#include "http/resolver.h"
#include "http/transfer_private.h"
#include "http/watchdog.h"

static uint64_t retry_after(const struct easy *easy)
{
    curl_off_t seconds = 0;
    if (easy->phase != EASY_RECEIVING || !easy->lines.has_retry_after ||
        curl_easy_getinfo(easy->curl, CURLINFO_RETRY_AFTER, &seconds) !=
            CURLE_OK ||
        seconds <= 0) {
        return 0;
    }
    return seconds > INT32_MAX ? (uint64_t)INT32_MAX * 1000
                               : (uint64_t)seconds * 1000;
}

/* The handle's error and reason become the result. Texts are copied first, as
 * done_cb may start a transfer that gets the same handle. */
static void transfer_end(struct easy *easy)
{
    struct transfer *transfer = easy->transfer;
    struct reason why;
    struct reason warning;
    struct transfer_result result = {
        .error = easy->error,
        .text = "",
        .warning = "",
        .retry_after_ms = retry_after(easy),
        .is_repeated = easy->is_repeated,
    };
    if (easy->error != 0) {
        why = easy->why;
        result.text = why.text;
    }
    if (easy->warning.text[0] != '\0') {
        warning = easy->warning;
        result.warning = warning.text;
    }
    easy_release(easy);
    transfer->done_cb(transfer, &result);
}

static int begin_resolved(struct easy *easy)
{
    const struct transfer *transfer = easy->transfer;
    int error = 0;
    if (transfer->resolved_cb != NULL) {
        error = transfer->resolved_cb(transfer, &easy->why);
    }
    return error != 0 ? error : easy_begin(easy);
}

void transfer_resolved(struct easy *easy, int error)
{
    if (error == 0) {
        error = begin_resolved(easy);
    }
    if (error != 0) {
        easy->error = error;
        transfer_end(easy);
    }
}

void transfer_finished(struct easy *easy, CURLcode code)
{
    if (easy->error == 0 && easy->is_misled) {
        /* The time limits go on: none starts again. */
        easy_take_back(easy);
        transfer_resolved(easy, 0);
        return;
    }
    if (easy->error == 0 && code == CURLE_OK) {
        (void)easy_tell_head(easy);
    } else if (easy->error == 0) {
        easy->error = curl_error_explain(easy, code);
    }
    transfer_end(easy);
}

void transfer_expired(struct easy *easy, bool is_total)
{
    if (easy->error == 0) {
        easy->error = curl_error_explain_limit(easy, is_total);
    }
    transfer_end(easy);
}

int transfer_start(struct transfer *transfer)
{
    assert(transfer->head_cb != NULL);
    assert(transfer->data_cb != NULL);
    assert(transfer->done_cb != NULL);
    struct easy *easy = easy_acquire(transfer);
    int error = 0;
    if (easy == NULL) {
        return HAPLO_ENOMEM;
    }
    transfer->easy = easy;
    struct resolver *resolver = transfer->endpoint->resolver;
    if (resolver == NULL || resolver_is_ready(resolver)) {
        error = easy_begin(easy);
    } else {
        error = resolver_wait(resolver, easy);
    }
    if (error == HAPLO_ENOMEM) {
        easy_release(easy);
        return error;
    }
    if (error != 0) {
        easy->error = error; /* why is set already */
        watchdog_note(easy);
    }
    return 0;
}

void transfer_cancel(struct transfer *transfer)
{
    assert(transfer->easy != NULL);
    easy_release(transfer->easy);
}
