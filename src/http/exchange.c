/*
 * The happy path of an exchange:
 *
 *   - acquired: a warm one, or else one that is set up for the endpoint;
 *   - aimed: path, headers and form of this transfer are set;
 *   - begun: the pin is set if it changed, and libcurl's multi gets it;
 *   - on_connected: a connection stands, the request goes out;
 *   - on_header, for each line: the answer is on its way, if the line is one
 *     that can be taken;
 *   - on_body, for each piece: head_cb the first time, data_cb;
 *   - multi_act() finds it done: transfer.c takes over and releases it.
 *
 * The failures:
 *
 *   - no memory to set it up: acquire returns NULL, and it stays FREE;
 *   - a line of the head, or head_cb's or data_cb's side, does not want the
 *     answer: on_header or on_body returns too little, libcurl ends the
 *     transfer, error says why;
 *   - all others are libcurl's, see curl_error.h, or watchdog.h's.
 */
#include "http/exchange.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "http/answer_head.h"
#include "http/endpoint_private.h"
#include "http/exchange_setup.h"
#include "http/io_private.h"
#include "http/multi.h"
#include "http/resolve.h"
#include "http/watchdog.h"

static void exchange_enter(struct exchange *exchange, enum exchange_phase phase)
{
    exchange->phase = phase;
    exchange->progress_ms = uv_now(exchange->io->loop);
    watchdog_note(exchange);
}

/* For CURLOPT_PREREQFUNCTION. */
static int on_connected(void *data, char *peer, char *local, int peer_port,
                        int local_port)
{
    (void)peer;
    (void)local;
    (void)peer_port;
    (void)local_port;
    struct exchange *exchange = data;
    exchange->is_repeated = exchange->phase == EXCHANGE_WAITING;
    exchange->lines = (struct answer_lines){0};
    exchange_enter(exchange, EXCHANGE_WAITING);
    return CURL_PREREQFUNC_OK;
}

static void exchange_heard(struct exchange *exchange)
{
    if (exchange->phase != EXCHANGE_RECEIVING) {
        exchange_enter(exchange, EXCHANGE_RECEIVING);
    }
    exchange->progress_ms = uv_now(exchange->io->loop);
}

/* An empty line ends the head, unless it was that of a 1xx answer, and more
 * lines follow. Anything but the full size ends the transfer. */
static size_t on_header(char *line, size_t unit, size_t count, void *data)
{
    struct exchange *exchange = data;
    size_t size = unit * count;
    exchange_heard(exchange);
    exchange->is_head_whole = size > 0 && (line[0] == '\r' || line[0] == '\n');
    return answer_line_check(exchange, line, size) == 0 ? size : 0;
}

/* Anything but the full size ends the transfer with CURLE_WRITE_ERROR. */
static size_t on_body(char *body, size_t unit, size_t count, void *data)
{
    struct exchange *exchange = data;
    struct transfer *transfer = exchange->transfer;
    size_t size = unit * count;
    exchange_heard(exchange);
    if (exchange->error == 0 && exchange_tell_head(exchange) == 0) {
        exchange->error = transfer->data_cb(transfer, body, size);
    }
    return exchange->error == 0 ? size : 0;
}

int exchange_tell_head(struct exchange *exchange)
{
    struct answer_head head;
    if (exchange->is_headed) {
        return 0;
    }
    exchange->is_headed = true;
    exchange->error = answer_head_read(&head, exchange);
    if (exchange->error == 0) {
        exchange->transfer->head_cb(exchange->transfer, &head.http);
    }
    answer_head_clear(&head);
    return exchange->error;
}

int exchange_fail(struct exchange *exchange, int error, const char *format, ...)
{
    va_list arguments;
    char text[HAPLO_TEXT_SIZE_MAX];
    if (exchange->error != 0) {
        return exchange->error;
    }
    va_start(arguments, format);
    if (vsnprintf(text, sizeof text, format, arguments) < 0) {
        text[0] = '\0';
    }
    va_end(arguments);
    exchange->error = reason_set(&exchange->why, error, "%s", text);
    watchdog_note(exchange);
    return error;
}

static struct exchange *exchange_new(struct io *io)
{
    struct exchange *exchange = alloc_zeroed(1, sizeof *exchange);
    if (exchange == NULL) {
        return NULL;
    }
    exchange->io = io;
    exchange->easy = curl_easy_init();
    if (exchange->easy == NULL) {
        alloc_free(exchange);
        return NULL;
    }
    TAILQ_INSERT_HEAD(&io->free, exchange, queue_link);
    io->exchange_count++;
    return exchange;
}

/* The slot that the fewest exchanges use, measured by what it was promised.
 */
static struct slot *slot_choose(struct endpoint *endpoint)
{
    struct slot *best = &endpoint->slots[0];
    for (unsigned i = 1; i < endpoint->slot_count; i++) {
        struct slot *slot = &endpoint->slots[i];
        if (slot->exchange_count * best->promised <
            best->exchange_count * slot->promised) {
            best = slot;
        }
    }
    return best;
}

static int exchange_set_up(struct exchange *exchange, struct endpoint *endpoint)
{
    const struct exchange_callbacks callbacks = {
        .connected_cb = on_connected,
        .header_cb = on_header,
        .body_cb = on_body,
    };
    exchange_reset(exchange);
    exchange->endpoint = endpoint;
    exchange->slot = slot_choose(endpoint);
    exchange->slot->exchange_count++;
    exchange->is_post = false;
    exchange->is_unpacked = false;
    LIST_INSERT_HEAD(&endpoint->warm, exchange, warm_link);
    if (!exchange_set_options(exchange, &callbacks)) {
        exchange_reset(exchange);
        return HAPLO_ENOMEM;
    }
    return 0;
}

void exchange_reset(struct exchange *exchange)
{
    assert(exchange->phase == EXCHANGE_FREE);
    if (exchange->endpoint == NULL) {
        return;
    }
    curl_easy_reset(exchange->easy);
    /* A reset leaves the share, and a pin that was not read yet; to take them
     * away cannot fail. */
    (void)curl_easy_setopt(exchange->easy, CURLOPT_SHARE, NULL);
    (void)curl_easy_setopt(exchange->easy, CURLOPT_RESOLVE, NULL);
    LIST_REMOVE(exchange, warm_link);
    exchange->slot->exchange_count--;
    exchange->slot = NULL;
    exchange->endpoint = NULL;
    addresses_release(exchange->addresses);
    exchange->addresses = NULL;
}

/* A warm one, or one that is set up; still FREE. */
static struct exchange *exchange_find(struct endpoint *endpoint)
{
    struct io *io = endpoint->io;
    struct exchange *exchange = LIST_FIRST(&endpoint->warm);
    if (exchange != NULL) {
        return exchange;
    }
    exchange = io->exchange_count < io->transfers_max ? exchange_new(io)
                                                      : TAILQ_FIRST(&io->free);
    if (exchange == NULL || exchange_set_up(exchange, endpoint) != 0) {
        return NULL;
    }
    return exchange;
}

/* Plain http through a proxy needs the whole URL as the request's target. */
static const char *exchange_target(struct exchange *exchange)
{
    const char *base = exchange->endpoint->base_url;
    const char *path = exchange->transfer->path;
    if (!endpoint_needs_whole_url(exchange->endpoint)) {
        return path;
    }
    size_t size = strlen(base) + strlen(path) + 1;
    if (size > exchange->whole_url_size) {
        char *whole_url = alloc_resize(exchange->whole_url, size);
        if (whole_url == NULL) {
            return NULL;
        }
        exchange->whole_url = whole_url;
        exchange->whole_url_size = size;
    }
    (void)snprintf(exchange->whole_url, size, "%s%s", base, path);
    return exchange->whole_url;
}

static bool exchange_set_unpacked(struct exchange *exchange, bool is_unpacked)
{
    if (is_unpacked != exchange->is_unpacked &&
        curl_easy_setopt(exchange->easy, CURLOPT_ACCEPT_ENCODING,
                         is_unpacked ? NULL : "gzip") != CURLE_OK) {
        return false;
    }
    exchange->is_unpacked = is_unpacked;
    return true;
}

/* Sets what differs between two requests to one endpoint. The target is
 * CURLOPT_REQUEST_TARGET, not a part of the URL, for libcurl would write the
 * %XX of a path in lower case, and the server compares names undecoded. */
static bool exchange_aim(struct exchange *exchange)
{
    const struct transfer *transfer = exchange->transfer;
    const char *target = exchange_target(exchange);
    CURL *easy = exchange->easy;
    bool is_post = transfer->form != NULL;
    if (target == NULL ||
        curl_easy_setopt(easy, CURLOPT_REQUEST_TARGET, target) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers) !=
            CURLE_OK) {
        return false;
    }
    if (is_post &&
        (curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                          (curl_off_t)transfer->form_size) != CURLE_OK ||
         curl_easy_setopt(easy, CURLOPT_POSTFIELDS, transfer->form) !=
             CURLE_OK)) {
        return false;
    }
    if (!is_post && exchange->is_post &&
        curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L) != CURLE_OK) {
        return false;
    }
    exchange->is_post = is_post;
    return exchange_set_unpacked(exchange, transfer->is_unpacked);
}

struct exchange *exchange_acquire(struct transfer *transfer)
{
    struct endpoint *endpoint = transfer->endpoint;
    struct io *io = endpoint->io;
    struct exchange *exchange = exchange_find(endpoint);
    if (exchange == NULL) {
        return NULL;
    }
    exchange->transfer = transfer;
    if (!exchange_aim(exchange)) {
        exchange->transfer = NULL;
        return NULL;
    }
    TAILQ_REMOVE(&io->free, exchange, queue_link);
    LIST_REMOVE(exchange, warm_link);
    LIST_INSERT_HEAD(&io->busy, exchange, busy_link);
    endpoint->busy_count++;
    exchange->is_head_whole = false;
    exchange->is_headed = false;
    exchange->is_repeated = false;
    exchange->error = 0;
    exchange->open_errno = 0;
    exchange->progress_bytes = 0;
    exchange->why.text[0] = '\0';
    exchange->detail[0] = '\0';
    exchange->started_ms = uv_now(io->loop);
    exchange_enter(exchange, EXCHANGE_RESOLVING);
    return exchange;
}

/* libcurl reads the pin into the multi handle's cache when it begins, and
 * forgets it then; it needs it again only when the addresses have changed, or
 * the multi handle. */
static bool exchange_pin(struct exchange *exchange)
{
    struct addresses *addresses = exchange->endpoint->addresses;
    unsigned generation = exchange->slot->multi->generation;
    if (addresses == NULL || (addresses == exchange->addresses &&
                              generation == exchange->pin_generation)) {
        return true;
    }
    if (curl_easy_setopt(exchange->easy, CURLOPT_RESOLVE, addresses->pin) !=
            CURLE_OK ||
        !exchange_set_address_count(exchange, addresses->count)) {
        return false;
    }
    addresses_hold(addresses);
    addresses_release(exchange->addresses);
    exchange->addresses = addresses;
    exchange->pin_generation = generation;
    return true;
}

int exchange_begin(struct exchange *exchange)
{
    exchange->phase = EXCHANGE_CONNECTING;
    if (!exchange_pin(exchange) ||
        multi_add(exchange->slot->multi, exchange->easy) != 0) {
        return HAPLO_ENOMEM;
    }
    exchange->is_added = true;
    return 0;
}

void exchange_release(struct exchange *exchange)
{
    struct io *io = exchange->io;
    struct endpoint *endpoint = exchange->endpoint;
    if (exchange->lookup != NULL) {
        resolve_leave(exchange);
    }
    if (exchange->is_added) {
        multi_remove(exchange->slot->multi, exchange->easy);
        exchange->is_added = false;
    }
    exchange->transfer->exchange = NULL;
    exchange->transfer = NULL;
    exchange->phase = EXCHANGE_FREE;
    LIST_REMOVE(exchange, busy_link);
    TAILQ_INSERT_TAIL(&io->free, exchange, queue_link);
    LIST_INSERT_HEAD(&endpoint->warm, exchange, warm_link);
    endpoint->busy_count--;
    if (LIST_EMPTY(&io->busy) && LIST_EMPTY(&io->expired)) {
        watchdog_rest(io);
    }
}

void exchange_free(struct exchange *exchange)
{
    exchange_reset(exchange);
    TAILQ_REMOVE(&exchange->io->free, exchange, queue_link);
    exchange->io->exchange_count--;
    curl_easy_cleanup(exchange->easy);
    alloc_free(exchange->whole_url);
    alloc_free(exchange);
}
