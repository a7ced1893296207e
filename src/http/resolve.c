#include "http/resolve.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>
#include <uv.h>

#include "base/alloc.h"
#include "http/easy.h"
#include "http/endpoint_private.h"
#include "http/transfer_private.h"

#define FRESH_MS 60000u   /* no new look-up before */
#define USABLE_MS 600000u /* no transfer waits for one before */
#define RETRY_MS 10000u   /* after a look-up that failed */
#define ADDRESSES_MAX 16  /* of one name */
#define PIN_SIZE_MAX (HAPLO_URL_SIZE_MAX + 16 + ADDRESSES_MAX * 50)

struct lookup {
    uv_getaddrinfo_t request;   /* outstanding */
    struct http_client *client; /* held */
    struct endpoint *endpoint;  /* NULL: it is gone */
    struct easy_queue waiting;  /* in the order they came */
};

struct addresses *addresses_hold(struct addresses *addresses)
{
    addresses->reference_count++;
    return addresses;
}

void addresses_release(struct addresses *addresses)
{
    if (addresses == NULL || --addresses->reference_count != 0) {
        return;
    }
    curl_slist_free_all(addresses->pin);
    alloc_free(addresses);
}

/* Appends ",ADDRESS" as libcurl wants it; false if it does not fit. */
static bool pin_append(char *pin, size_t *size, const struct addrinfo *info)
{
    char name[INET6_ADDRSTRLEN] = "";
    bool is_6 = info->ai_family == AF_INET6;
    int error =
        is_6 ? uv_ip6_name((const void *)info->ai_addr, name, sizeof name)
             : uv_ip4_name((const void *)info->ai_addr, name, sizeof name);
    if (error != 0) {
        return false;
    }
    int written = snprintf(pin + *size, PIN_SIZE_MAX - *size,
                           is_6 ? "[%s]," : "%s,", name);
    if (written < 0 || (size_t)written >= PIN_SIZE_MAX - *size) {
        return false;
    }
    *size += (size_t)written;
    return true;
}

/* Writes "HOST:PORT:ADDRESS,ADDRESS"; returns how many addresses. */
static unsigned pin_print(char *pin, const struct host *host,
                          const struct addrinfo *info)
{
    unsigned count = 0;
    int written = snprintf(pin, PIN_SIZE_MAX, "%s:%u:", host->name, host->port);
    if (written < 0 || written >= PIN_SIZE_MAX) {
        return 0;
    }
    size_t size = (size_t)written;
    for (; info != NULL && count < ADDRESSES_MAX; info = info->ai_next) {
        if (info->ai_family != AF_INET && info->ai_family != AF_INET6) {
            continue;
        }
        if (!pin_append(pin, &size, info)) {
            break;
        }
        count++;
    }
    pin[size - 1] = '\0'; /* the last comma, or colon */
    return count;
}

/* Stores what was found. The object stays the same if the addresses did, so
 * that easys need not be told. */
static int addresses_keep(struct endpoint *endpoint,
                          const struct addrinfo *info)
{
    char pin[PIN_SIZE_MAX];
    unsigned count = pin_print(pin, endpoint_peer(endpoint), info);
    if (count == 0) {
        return UV_EAI_NODATA;
    }
    if (endpoint->addresses != NULL &&
        strcmp(endpoint->addresses->pin->data, pin) == 0) {
        return 0;
    }
    struct addresses *addresses = alloc_zeroed(1, sizeof *addresses);
    if (addresses == NULL) {
        return UV_ENOMEM;
    }
    addresses->reference_count = 1;
    addresses->count = count;
    addresses->pin = curl_slist_append(NULL, pin);
    if (addresses->pin == NULL) {
        addresses_release(addresses);
        return UV_ENOMEM;
    }
    addresses_release(endpoint->addresses);
    endpoint->addresses = addresses;
    return 0;
}

static int explain(struct easy *easy, int uv_error)
{
    return reason_set(&easy->why,
                      uv_error == UV_ENOMEM || uv_error == UV_EAI_MEMORY
                          ? HAPLO_ENOMEM
                          : HAPLO_ERESOLVE,
                      "resolve %s: %s", endpoint_peer(easy->endpoint)->name,
                      uv_strerror(uv_error));
}

/* Stores the result of a look-up. 0 if there are addresses now, even old ones.
 */
static int lookup_settle(struct endpoint *endpoint, int status,
                         const struct addrinfo *info)
{
    uint64_t now_ms = uv_now(endpoint->client->loop);
    int uv_error = status != 0 ? status : addresses_keep(endpoint, info);
    endpoint->lookup = NULL;
    if (uv_error == 0) {
        endpoint->fresh_until_ms = now_ms + FRESH_MS;
        endpoint->usable_until_ms = now_ms + USABLE_MS;
        return 0;
    }
    if (endpoint->addresses == NULL) {
        return uv_error;
    }
    endpoint->fresh_until_ms = now_ms + RETRY_MS;
    if (endpoint->usable_until_ms < endpoint->fresh_until_ms) {
        endpoint->usable_until_ms = endpoint->fresh_until_ms;
    }
    return 0;
}

static void on_resolved(uv_getaddrinfo_t *request, int status,
                        struct addrinfo *info)
{
    struct lookup *lookup = request->data;
    struct http_client *client = lookup->client;
    struct easy *easy = NULL;
    int uv_error = 0;
    if (lookup->endpoint != NULL) {
        uv_error = lookup_settle(lookup->endpoint, status, info);
        if (lookup->endpoint->looked_up_cb != NULL) {
            lookup->endpoint->looked_up_cb(lookup->endpoint->data);
        }
    }
    uv_freeaddrinfo(info);
    while ((easy = TAILQ_FIRST(&lookup->waiting)) != NULL) {
        resolve_leave(easy);
        transfer_resolved(easy, uv_error == 0 ? 0 : explain(easy, uv_error));
    }
    alloc_free(lookup);
    http_client_release(client);
}

/* 0 or an error of libuv. */
static int lookup_start(struct endpoint *endpoint)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM};
    struct lookup *lookup = alloc_zeroed(1, sizeof *lookup);
    if (lookup == NULL) {
        return UV_ENOMEM;
    }
    TAILQ_INIT(&lookup->waiting);
    lookup->client = endpoint->client;
    lookup->endpoint = endpoint;
    lookup->request.data = lookup;
    int uv_error =
        uv_getaddrinfo(endpoint->client->loop, &lookup->request, on_resolved,
                       endpoint_peer(endpoint)->name, NULL, &hints);
    if (uv_error != 0) {
        alloc_free(lookup);
        return uv_error;
    }
    endpoint->lookup = lookup;
    http_client_hold(endpoint->client);
    return 0;
}

bool resolve_is_ready(struct endpoint *endpoint)
{
    uint64_t now_ms = uv_now(endpoint->client->loop);
    if (endpoint_peer(endpoint)->is_known) {
        return true;
    }
    if (endpoint->addresses == NULL || now_ms >= endpoint->usable_until_ms) {
        return false;
    }
    if (now_ms >= endpoint->fresh_until_ms && endpoint->lookup == NULL &&
        lookup_start(endpoint) != 0) {
        endpoint->fresh_until_ms = now_ms + RETRY_MS;
    }
    return true;
}

int resolve_wait(struct easy *easy)
{
    struct endpoint *endpoint = easy->endpoint;
    if (endpoint->lookup == NULL) {
        int uv_error = lookup_start(endpoint);
        if (uv_error != 0) {
            return explain(easy, uv_error);
        }
    }
    easy->lookup = endpoint->lookup;
    TAILQ_INSERT_TAIL(&endpoint->lookup->waiting, easy, queue_link);
    return 0;
}

void resolve_leave(struct easy *easy)
{
    TAILQ_REMOVE(&easy->lookup->waiting, easy, queue_link);
    easy->lookup = NULL;
}

const char *resolve_addresses(const struct endpoint *endpoint)
{
    if (endpoint->addresses == NULL) {
        return NULL;
    }
    const char *list = strchr(endpoint->addresses->pin->data, ':');
    return strchr(list + 1, ':') + 1;
}

int endpoint_look_up(struct endpoint *endpoint)
{
    int uv_error = endpoint->lookup == NULL ? lookup_start(endpoint) : 0;
    return uv_error == 0           ? 0
           : uv_error == UV_ENOMEM ? HAPLO_ENOMEM
                                   : HAPLO_ERESOLVE;
}

void resolve_doubt(struct endpoint *endpoint)
{
    endpoint->usable_until_ms = 0;
}

void resolve_abandon(struct endpoint *endpoint)
{
    if (endpoint->lookup != NULL) {
        endpoint->lookup->endpoint = NULL;
        /* Fails if it is already running: then its result is dropped. */
        (void)uv_cancel((uv_req_t *)&endpoint->lookup->request);
        endpoint->lookup = NULL;
    }
    addresses_release(endpoint->addresses);
    endpoint->addresses = NULL;
}
