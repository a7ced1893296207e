/*
 * The happy path of an easy handle:
 *
 *   - acquired: a warm one, or else one that is set up for the endpoint;
 *   - aimed: path, headers and body of this transfer are set;
 *   - begun: the pin is set if it changed, and libcurl's multi gets it;
 *   - on_connected: the connection is established, and leads to where the
 *     name points now: the request is sent;
 *   - on_header, for each line: the response has begun, if the line is
 *     acceptable;
 *   - on_body, for each piece: head_cb the first time, data_cb;
 *   - multi_act() finds it done: transfer.c takes over and releases it.
 *
 * The failures:
 *
 *   - no memory to set it up: acquire returns NULL, and it stays FREE;
 *   - the connection leads to an address that the name no longer has: it is
 *     closed, and the transfer begins again (transfer_finished());
 *   - a line of the head, or data_cb, rejects the response: on_header or
 *     on_body returns too little, libcurl ends the transfer, error says why;
 *   - all others are libcurl's, see curl_error.h, or watchdog.h's.
 */
#include "http/easy.h"

#include <assert.h>
#include <stdarg.h>

#include "base/alloc.h"
#include "http/certificate_time.h"
#include "http/client_certificate.h"
#include "http/client_private.h"
#include "http/easy_aim.h"
#include "http/easy_setup.h"
#include "http/endpoint_private.h"
#include "http/multi.h"
#include "http/proxy_reply.h"
#include "http/resolver.h"
#include "http/response_head.h"
#include "http/trust.h"
#include "http/watchdog.h"

static void easy_enter(struct easy *easy, enum easy_phase phase)
{
    easy->phase = phase;
    easy->progress_ms = uv_now(easy->client->loop);
    watchdog_note(easy);
}

/* True if the transfer did not find a connection to reuse. */
static bool has_connected(const struct easy *easy)
{
    long new_count = 0;
    return curl_easy_getinfo(easy->curl, CURLINFO_NUM_CONNECTS, &new_count) ==
               CURLE_OK &&
           new_count > 0;
}

/* False if the connection leads to an address that the name no longer has. A
 * new connection to the pinned addresses is never asked twice, however libcurl
 * writes an address. */
static bool easy_is_at_peer(const struct easy *easy, const char *peer)
{
    const struct resolver *resolver = easy->endpoint->resolver;
    return resolver == NULL || resolver_has(resolver, peer) ||
           (easy->addresses == resolver->addresses && has_connected(easy));
}

static void easy_note_certificate(struct easy *easy)
{
    struct endpoint *endpoint = easy->endpoint;
    if (endpoint->url.is_tls && has_connected(easy)) {
        certificate_time_of_peer(easy->curl, &endpoint->expiry);
    }
}

/* For CURLOPT_PREREQFUNCTION. Nothing has been sent on this connection yet, so
 * if it is the wrong one, libcurl closes it, and the transfer begins again. */
static int on_connected(void *data, char *peer, char *local, int peer_port,
                        int local_port)
{
    (void)local;
    (void)peer_port;
    (void)local_port;
    struct easy *easy = data;
    easy->is_repeated |= easy->phase == EASY_WAITING;
    easy->is_misled = !easy_is_at_peer(easy, peer);
    if (easy->is_misled) {
        return CURL_PREREQFUNC_ABORT;
    }
    easy_note_certificate(easy);
    response_line_begin(easy);
    easy_enter(easy, EASY_WAITING);
    easy->sent_ms = easy->progress_ms;
    return CURL_PREREQFUNC_OK;
}

static void easy_progress(struct easy *easy)
{
    if (easy->phase != EASY_RECEIVING) {
        easy_enter(easy, EASY_RECEIVING);
    }
    easy->progress_ms = uv_now(easy->client->loop);
}

/* Anything but the full size ends the transfer. */
static size_t on_header(char *line, size_t unit, size_t count, void *data)
{
    struct easy *easy = data;
    size_t size = unit * count;
    easy_progress(easy);
    return response_line_check(easy, line, size) == 0 ? size : 0;
}

/* Anything but the full size ends the transfer with CURLE_WRITE_ERROR. */
static size_t on_body(char *body, size_t unit, size_t count, void *data)
{
    struct easy *easy = data;
    struct transfer *transfer = easy->transfer;
    size_t size = unit * count;
    easy_progress(easy);
    if (easy->error == 0 && easy_tell_head(easy) == 0) {
        easy->error = transfer->data_cb(transfer, body, size);
    }
    return easy->error == 0 ? size : 0;
}

int easy_tell_head(struct easy *easy)
{
    struct response_head head;
    if (easy->is_head_told) {
        return 0;
    }
    easy->is_head_told = true;
    easy->error = response_head_read(&head, easy);
    if (easy->error == 0) {
        easy->error = proxy_reply_check(easy, head.http.status);
    }
    if (easy->error == 0) {
        easy->transfer->head_cb(easy->transfer, &head.http);
    }
    response_head_clear(&head);
    return easy->error;
}

int easy_fail(struct easy *easy, int error, const char *format, ...)
{
    va_list arguments;
    if (easy->error != 0) {
        return easy->error;
    }
    va_start(arguments, format);
    easy->error = reason_set_list(&easy->why, error, format, arguments);
    va_end(arguments);
    watchdog_note(easy);
    return error;
}

static struct easy *easy_new(struct http_client *client)
{
    struct easy *easy = alloc_zeroed(1, sizeof *easy);
    if (easy == NULL) {
        return NULL;
    }
    easy->client = client;
    easy->curl = curl_easy_init();
    if (easy->curl == NULL) {
        alloc_free(easy);
        return NULL;
    }
    TAILQ_INSERT_HEAD(&client->free, easy, queue_link);
    client->easy_count++;
    return easy;
}

/* The slot that the fewest easys use, measured by what it was promised.
 */
static struct slot *slot_choose(struct endpoint *endpoint)
{
    struct slot *best = &endpoint->slots[0];
    for (unsigned i = 1; i < endpoint->slot_count; i++) {
        struct slot *slot = &endpoint->slots[i];
        if (slot->easy_count * best->promised <
            best->easy_count * slot->promised) {
            best = slot;
        }
    }
    return best;
}

static int easy_set_up(struct easy *easy, struct endpoint *endpoint)
{
    const struct easy_callbacks callbacks = {
        .connected_cb = on_connected,
        .header_cb = on_header,
        .body_cb = on_body,
    };
    easy_reset(easy);
    easy->endpoint = endpoint;
    easy->slot = slot_choose(endpoint);
    easy->slot->easy_count++;
    easy->has_body = false;
    easy->has_method = false;
    easy->is_uncompressed = false;
    easy->trust = NULL;
    easy->trust_version = 0;
    easy->certificate_version = 0;
    LIST_INSERT_HEAD(&endpoint->warm, easy, warm_link);
    if (!easy_set_options(easy, &callbacks)) {
        easy_reset(easy);
        return HAPLO_ENOMEM;
    }
    return 0;
}

void easy_reset(struct easy *easy)
{
    assert(easy->phase == EASY_FREE);
    if (easy->endpoint == NULL) {
        return;
    }
    curl_easy_reset(easy->curl);
    /* A reset keeps the share, and a pin that was not read yet. Clearing them
     * cannot fail. */
    (void)curl_easy_setopt(easy->curl, CURLOPT_SHARE, NULL);
    (void)curl_easy_setopt(easy->curl, CURLOPT_RESOLVE, NULL);
    LIST_REMOVE(easy, warm_link);
    easy->slot->easy_count--;
    easy->slot = NULL;
    easy->endpoint = NULL;
    addresses_release(easy->addresses);
    easy->addresses = NULL;
}

/* A warm one, or one that is set up; still FREE. */
static struct easy *easy_find(struct endpoint *endpoint)
{
    struct http_client *client = endpoint->client;
    struct easy *easy = LIST_FIRST(&endpoint->warm);
    if (easy != NULL) {
        return easy;
    }
    easy = client->easy_count < client->transfers_max
               ? easy_new(client)
               : TAILQ_FIRST(&client->free);
    if (easy == NULL || easy_set_up(easy, endpoint) != 0) {
        return NULL;
    }
    return easy;
}

struct easy *easy_acquire(struct transfer *transfer)
{
    struct endpoint *endpoint = transfer->endpoint;
    struct http_client *client = endpoint->client;
    struct easy *easy = easy_find(endpoint);
    if (easy == NULL) {
        return NULL;
    }
    easy->transfer = transfer;
    if (!easy_aim(easy)) {
        easy->transfer = NULL;
        return NULL;
    }
    TAILQ_REMOVE(&client->free, easy, queue_link);
    LIST_REMOVE(easy, warm_link);
    LIST_INSERT_HEAD(&client->busy, easy, busy_link);
    endpoint->busy_count++;
    response_line_begin(easy);
    easy->is_head_told = false;
    easy->is_repeated = false;
    easy->is_misled = false;
    easy->error = 0;
    easy->open_errno = 0;
    easy->verify_error = 0;
    easy->progress_bytes = 0;
    easy->why.text[0] = '\0';
    easy->warning.text[0] = '\0';
    easy->detail[0] = '\0';
    easy->started_ms = uv_now(client->loop);
    easy_enter(easy, EASY_RESOLVING);
    return easy;
}

/* libcurl moves the pin into the multi handle's cache when a transfer begins,
 * so it is set again only when the addresses or the multi handle changed. */
static bool easy_pin(struct easy *easy)
{
    const struct resolver *resolver = easy->endpoint->resolver;
    struct addresses *addresses = resolver != NULL ? resolver->addresses : NULL;
    unsigned generation = easy->slot->multi->generation;
    if (addresses == NULL ||
        (addresses == easy->addresses && generation == easy->pin_generation)) {
        return true;
    }
    if (curl_easy_setopt(easy->curl, CURLOPT_RESOLVE, addresses->pin) !=
            CURLE_OK ||
        !easy_set_address_count(easy, addresses->count)) {
        return false;
    }
    addresses_hold(addresses);
    addresses_release(easy->addresses);
    easy->addresses = addresses;
    easy->pin_generation = generation;
    return true;
}

int easy_begin(struct easy *easy)
{
    struct client_certificate *certificate = easy->endpoint->certificate;
    int error = 0;
    easy->phase = EASY_CONNECTING;
    if (easy->trust != NULL) {
        error = trust_set(easy->trust, easy);
    }
    if (error == 0 && certificate != NULL) {
        error = client_certificate_set(certificate, easy);
    }
    if (error != 0) {
        return error;
    }
    if (!easy_pin(easy) || multi_add(easy->slot->multi, easy->curl) != 0) {
        return reason_set(&easy->why, HAPLO_ENOMEM, "out of memory");
    }
    easy->is_added = true;
    return 0;
}

static void easy_remove(struct easy *easy)
{
    if (easy->is_added) {
        multi_remove(easy->slot->multi, easy->curl);
        easy->is_added = false;
    }
}

void easy_take_back(struct easy *easy)
{
    easy_remove(easy);
    easy->is_misled = false;
}

void easy_release(struct easy *easy)
{
    struct http_client *client = easy->client;
    struct endpoint *endpoint = easy->endpoint;
    if (easy->lookup != NULL) {
        resolver_leave(easy);
    }
    easy_remove(easy);
    easy->transfer->easy = NULL;
    easy->transfer = NULL;
    easy->phase = EASY_FREE;
    LIST_REMOVE(easy, busy_link);
    TAILQ_INSERT_TAIL(&client->free, easy, queue_link);
    LIST_INSERT_HEAD(&endpoint->warm, easy, warm_link);
    endpoint->busy_count--;
    if (LIST_EMPTY(&client->busy) && LIST_EMPTY(&client->expired)) {
        watchdog_rest(client);
    }
}

void easy_free(struct easy *easy)
{
    easy_reset(easy);
    TAILQ_REMOVE(&easy->client->free, easy, queue_link);
    easy->client->easy_count--;
    curl_easy_cleanup(easy->curl);
    alloc_free(easy->whole_url);
    alloc_free(easy);
}
