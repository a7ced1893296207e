#include "http/watchdog.h"

#include <assert.h>
#include <sys/queue.h>

#include "http/endpoint_private.h"
#include "http/exchange.h"
#include "http/io_private.h"
#include "http/transfer_private.h"

static uint64_t add(uint64_t a, uint64_t b)
{
    return a > WATCHDOG_NEVER - b ? WATCHDOG_NEVER : a + b;
}

/* When the exchange's present phase must be over. */
static uint64_t phase_deadline(const struct exchange *exchange)
{
    const struct endpoint *endpoint = exchange->endpoint;
    switch (exchange->phase) {
    case EXCHANGE_RESOLVING:
    case EXCHANGE_CONNECTING:
        return add(exchange->started_ms, endpoint->connect_timeout_ms);
    case EXCHANGE_WAITING:
        return add(exchange->progress_ms, endpoint->first_byte_timeout_ms);
    case EXCHANGE_RECEIVING:
        return add(exchange->progress_ms, endpoint->stall_timeout_ms);
    case EXCHANGE_FREE:
        break;
    }
    return WATCHDOG_NEVER;
}

static uint64_t total_deadline(const struct exchange *exchange)
{
    return add(exchange->started_ms, exchange->endpoint->total_timeout_ms);
}

static uint64_t deadline(const struct exchange *exchange)
{
    uint64_t phase_ms = phase_deadline(exchange);
    uint64_t total_ms = total_deadline(exchange);
    if (exchange->error != 0) {
        return 0;
    }
    return phase_ms < total_ms ? phase_ms : total_ms;
}

/* Packed bytes may arrive for long before they yield one unpacked byte, which
 * is what on_body() sees: look at what came over the wire. */
static void see_raw_progress(struct exchange *exchange)
{
    curl_off_t bytes = 0;
    if (exchange->phase == EXCHANGE_RECEIVING &&
        curl_easy_getinfo(exchange->easy, CURLINFO_SIZE_DOWNLOAD_T, &bytes) ==
            CURLE_OK &&
        bytes != exchange->progress_bytes) {
        exchange->progress_bytes = bytes;
        exchange->progress_ms = uv_now(exchange->io->loop);
    }
}

/* Sorts out those whose time is up; returns the others' first deadline. */
static uint64_t find_expired(struct io *io)
{
    uint64_t now_ms = uv_now(io->loop);
    uint64_t first_ms = WATCHDOG_NEVER;
    struct exchange *next = NULL;
    for (struct exchange *exchange = LIST_FIRST(&io->busy); exchange != NULL;
         exchange = next) {
        uint64_t due_ms = deadline(exchange);
        next = LIST_NEXT(exchange, busy_link);
        if (due_ms <= now_ms && exchange->error == 0) {
            see_raw_progress(exchange);
            due_ms = deadline(exchange);
        }
        if (due_ms <= now_ms) {
            LIST_REMOVE(exchange, busy_link);
            LIST_INSERT_HEAD(&io->expired, exchange, busy_link);
        } else if (due_ms < first_ms) {
            first_ms = due_ms;
        }
    }
    return first_ms;
}

static void on_watchdog(uv_timer_t *timer);

static void watchdog_set(struct io *io, uint64_t due_ms)
{
    uint64_t now_ms = uv_now(io->loop);
    int error = 0;
    io->watchdog_due_ms = due_ms;
    if (due_ms == WATCHDOG_NEVER) {
        error = uv_timer_stop(&io->watchdog);
    } else {
        error = uv_timer_start(&io->watchdog, on_watchdog,
                               due_ms > now_ms ? due_ms - now_ms : 0, 0);
    }
    assert(error == 0);
    (void)error;
}

/* Transfers end here one by one, and each done_cb may start and cancel
 * others, or close io. */
static void on_watchdog(uv_timer_t *timer)
{
    struct io *io = timer->data;
    struct exchange *exchange = NULL;
    watchdog_set(io, find_expired(io));
    while ((exchange = LIST_FIRST(&io->expired)) != NULL) {
        transfer_expired(exchange,
                         uv_now(io->loop) >= total_deadline(exchange));
    }
}

void watchdog_init(struct io *io)
{
    int error = uv_timer_init(io->loop, &io->watchdog);
    assert(error == 0);
    (void)error;
    io->watchdog.data = io;
    io->watchdog_due_ms = WATCHDOG_NEVER;
}

void watchdog_note(struct exchange *exchange)
{
    uint64_t due_ms = deadline(exchange);
    if (due_ms < exchange->io->watchdog_due_ms) {
        watchdog_set(exchange->io, due_ms);
    }
}

void watchdog_rest(struct io *io)
{
    if (!io->is_closing && io->watchdog_due_ms != WATCHDOG_NEVER) {
        watchdog_set(io, WATCHDOG_NEVER);
    }
}
