#include "http/watchdog.h"

#include <assert.h>
#include <sys/queue.h>

#include "http/client_private.h"
#include "http/easy.h"
#include "http/endpoint_private.h"
#include "http/transfer_private.h"

static uint64_t add(uint64_t a, uint64_t b)
{
    return a > WATCHDOG_NEVER - b ? WATCHDOG_NEVER : a + b;
}

/* When the handle's current phase must be over. */
static uint64_t phase_deadline(const struct easy *easy)
{
    const struct endpoint *endpoint = easy->endpoint;
    switch (easy->phase) {
    case EASY_RESOLVING:
    case EASY_CONNECTING:
        return add(easy->started_ms, endpoint->connect_timeout_ms);
    case EASY_WAITING:
        return add(easy->progress_ms, endpoint->first_byte_timeout_ms);
    case EASY_RECEIVING:
        return add(easy->progress_ms, endpoint->stall_timeout_ms);
    case EASY_FREE:
        break;
    }
    return WATCHDOG_NEVER;
}

static uint64_t total_deadline(const struct easy *easy)
{
    return add(easy->started_ms, easy->endpoint->total_timeout_ms);
}

static uint64_t deadline(const struct easy *easy)
{
    uint64_t phase_ms = phase_deadline(easy);
    uint64_t total_ms = total_deadline(easy);
    if (easy->error != 0) {
        return 0;
    }
    return phase_ms < total_ms ? phase_ms : total_ms;
}

/* Compressed bytes may arrive for long before they yield a byte for on_body(),
 * so what counts is what came over the wire. */
static void note_wire_progress(struct easy *easy)
{
    curl_off_t bytes = 0;
    if (easy->phase == EASY_RECEIVING &&
        curl_easy_getinfo(easy->curl, CURLINFO_SIZE_DOWNLOAD_T, &bytes) ==
            CURLE_OK &&
        bytes != easy->progress_bytes) {
        easy->progress_bytes = bytes;
        easy->progress_ms = uv_now(easy->client->loop);
    }
}

/* Moves those whose time is up to client->expired; returns the first deadline
 * of the others. */
static uint64_t find_expired(struct http_client *client)
{
    uint64_t now_ms = uv_now(client->loop);
    uint64_t first_ms = WATCHDOG_NEVER;
    struct easy *next = NULL;
    for (struct easy *easy = LIST_FIRST(&client->busy); easy != NULL;
         easy = next) {
        uint64_t due_ms = deadline(easy);
        next = LIST_NEXT(easy, busy_link);
        if (due_ms <= now_ms && easy->error == 0) {
            note_wire_progress(easy);
            due_ms = deadline(easy);
        }
        if (due_ms <= now_ms) {
            LIST_REMOVE(easy, busy_link);
            LIST_INSERT_HEAD(&client->expired, easy, busy_link);
        } else if (due_ms < first_ms) {
            first_ms = due_ms;
        }
    }
    return first_ms;
}

static void on_watchdog(uv_timer_t *timer);

static void watchdog_set(struct http_client *client, uint64_t due_ms)
{
    uint64_t now_ms = uv_now(client->loop);
    int error = 0;
    client->watchdog_due_ms = due_ms;
    if (due_ms == WATCHDOG_NEVER) {
        error = uv_timer_stop(&client->watchdog);
    } else {
        error = uv_timer_start(&client->watchdog, on_watchdog,
                               due_ms > now_ms ? due_ms - now_ms : 0, 0);
    }
    assert(error == 0);
    (void)error;
}

/* Transfers end here one by one, and each done_cb may start and cancel others,
 * or close the client. */
static void on_watchdog(uv_timer_t *timer)
{
    struct http_client *client = timer->data;
    struct easy *easy = NULL;
    watchdog_set(client, find_expired(client));
    while ((easy = LIST_FIRST(&client->expired)) != NULL) {
        transfer_expired(easy, uv_now(client->loop) >= total_deadline(easy));
    }
}

void watchdog_init(struct http_client *client)
{
    int error = uv_timer_init(client->loop, &client->watchdog);
    assert(error == 0);
    (void)error;
    client->watchdog.data = client;
    client->watchdog_due_ms = WATCHDOG_NEVER;
}

void watchdog_note(struct easy *easy)
{
    uint64_t due_ms = deadline(easy);
    if (due_ms < easy->client->watchdog_due_ms) {
        watchdog_set(easy->client, due_ms);
    }
}

void watchdog_rest(struct http_client *client)
{
    if (!client->is_closing && client->watchdog_due_ms != WATCHDOG_NEVER) {
        watchdog_set(client, WATCHDOG_NEVER);
    }
}
