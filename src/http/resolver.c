#include "http/resolver.h"

#include <assert.h>
#include <ctype.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>
#include <uv.h>

#include "base/alloc.h"
#include "base/handle.h"
#include "base/name_table.h"
#include "http/client_private.h"
#include "http/easy.h"
#include "http/endpoint_private.h"
#include "http/transfer_private.h"

#define FRESH_MS 60000u   /* no new look-up before */
#define USABLE_MS 600000u /* no transfer waits for one before */
#define RETRY_MS 10000u   /* after a look-up that failed */

struct lookup {
    uv_getaddrinfo_t request;   /* outstanding */
    uv_timer_t limit;           /* see resolver_look_up() */
    struct http_client *client; /* held */
    struct resolver *resolver;  /* NULL: it is gone */
    struct easy_queue waiting;  /* in the order they came */
};

/* Stores what was found. The object stays the same if the addresses did, so
 * that easys need not be told. */
static int resolver_keep(struct resolver *resolver, const struct addrinfo *info)
{
    struct addresses *old = resolver->addresses;
    struct addresses *found = NULL;
    int uv_error = addresses_read(&found, resolver->name, info);
    if (uv_error != 0) {
        return uv_error;
    }
    if (old != NULL && addresses_are_same(old, found)) {
        addresses_release(found);
        return 0;
    }
    addresses_release(old);
    resolver->addresses = found;
    return 0;
}

static int explain(const struct resolver *resolver, struct easy *easy,
                   int uv_error)
{
    return reason_set(&easy->why,
                      uv_error == UV_ENOMEM || uv_error == UV_EAI_MEMORY
                          ? HAPLO_ENOMEM
                          : HAPLO_ERESOLVE,
                      "resolve %.*s: %s", (int)resolver->host_size,
                      resolver->name, uv_strerror(uv_error));
}

/* Stores the result of a look-up. 0 if there are addresses now, even old ones.
 */
static int lookup_settle(struct resolver *resolver, int status,
                         const struct addrinfo *info)
{
    uint64_t now_ms = uv_now(resolver->client->loop);
    int uv_error = status != 0 ? status : resolver_keep(resolver, info);
    resolver->lookup = NULL;
    if (uv_error == 0) {
        resolver->fresh_until_ms = now_ms + FRESH_MS;
        resolver->usable_until_ms = now_ms + USABLE_MS;
        return 0;
    }
    if (resolver->addresses == NULL) {
        return uv_error;
    }
    resolver->fresh_until_ms = now_ms + RETRY_MS;
    if (resolver->usable_until_ms < resolver->fresh_until_ms) {
        resolver->usable_until_ms = resolver->fresh_until_ms;
    }
    return 0;
}

static void resolver_tell(const struct resolver *resolver)
{
    const struct endpoint *endpoint = NULL;
    LIST_FOREACH (endpoint, &resolver->endpoints, resolver_link) {
        if (endpoint->looked_up_cb != NULL) {
            endpoint->looked_up_cb(endpoint->data);
        }
    }
}

static void on_limit(uv_timer_t *limit)
{
    const struct lookup *lookup = limit->data;
    resolver_tell(lookup->resolver);
}

static void on_limit_closed(uv_handle_t *limit)
{
    struct lookup *lookup = limit->data;
    struct http_client *client = lookup->client;
    alloc_free(lookup);
    http_client_release(client);
}

/* A callback may free the resolver, but only once all that wait for it have
 * ended: endpoints with transfers are not freed. */
static void on_resolved(uv_getaddrinfo_t *request, int status,
                        struct addrinfo *info)
{
    struct lookup *lookup = request->data;
    struct easy *easy = NULL;
    int uv_error = 0;
    if (lookup->resolver != NULL) {
        uv_error = lookup_settle(lookup->resolver, status, info);
        resolver_tell(lookup->resolver);
    }
    uv_freeaddrinfo(info);
    while ((easy = TAILQ_FIRST(&lookup->waiting)) != NULL) {
        int error =
            uv_error == 0 ? 0 : explain(lookup->resolver, easy, uv_error);
        resolver_leave(easy);
        transfer_resolved(easy, error);
    }
    handle_close((uv_handle_t *)&lookup->limit, on_limit_closed);
}

/* 0 or an error of libuv. */
static int lookup_start(struct resolver *resolver)
{
    char host[HAPLO_URL_SIZE_MAX];
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM};
    struct lookup *lookup = alloc_zeroed(1, sizeof *lookup);
    if (lookup == NULL) {
        return UV_ENOMEM;
    }
    TAILQ_INIT(&lookup->waiting);
    lookup->client = resolver->client;
    lookup->resolver = resolver;
    lookup->request.data = lookup;
    (void)snprintf(host, sizeof host, "%.*s", (int)resolver->host_size,
                   resolver->name);
    int uv_error = uv_getaddrinfo(resolver->client->loop, &lookup->request,
                                  on_resolved, host, NULL, &hints);
    if (uv_error != 0) {
        alloc_free(lookup);
        return uv_error;
    }
    (void)uv_timer_init(resolver->client->loop,
                        &lookup->limit); /* cannot fail */
    lookup->limit.data = lookup;
    resolver->lookup = lookup;
    http_client_hold(resolver->client);
    return 0;
}

bool resolver_is_ready(struct resolver *resolver)
{
    uint64_t now_ms = uv_now(resolver->client->loop);
    if (resolver->addresses == NULL || now_ms >= resolver->usable_until_ms) {
        return false;
    }
    if (now_ms >= resolver->fresh_until_ms && resolver->lookup == NULL &&
        lookup_start(resolver) != 0) {
        resolver->fresh_until_ms = now_ms + RETRY_MS;
    }
    return true;
}

int resolver_wait(struct resolver *resolver, struct easy *easy)
{
    if (resolver->lookup == NULL) {
        int uv_error = lookup_start(resolver);
        if (uv_error != 0) {
            return explain(resolver, easy, uv_error);
        }
    }
    easy->lookup = resolver->lookup;
    TAILQ_INSERT_TAIL(&resolver->lookup->waiting, easy, queue_link);
    return 0;
}

void resolver_leave(struct easy *easy)
{
    TAILQ_REMOVE(&easy->lookup->waiting, easy, queue_link);
    easy->lookup = NULL;
}

int resolver_look_up(struct resolver *resolver, uint64_t limit_ms)
{
    int uv_error = resolver->lookup == NULL ? lookup_start(resolver) : 0;
    if (uv_error != 0) {
        return uv_error == UV_ENOMEM ? HAPLO_ENOMEM : HAPLO_ERESOLVE;
    }
    uv_timer_t *limit = &resolver->lookup->limit;
    if (!uv_is_active((uv_handle_t *)limit)) {
        uv_error = uv_timer_start(limit, on_limit, limit_ms, 0);
        assert(uv_error == 0);
    }
    return 0;
}

bool resolver_has(const struct resolver *resolver, const char *address)
{
    return resolver->addresses == NULL ||
           addresses_have(resolver->addresses, address);
}

void resolver_doubt(struct resolver *resolver)
{
    resolver->usable_until_ms = 0;
}

/* Resolvers */

/* Names are compared without case, also by libcurl. NULL: no memory. */
static char *name_make(const struct host *host, size_t *host_size)
{
    char name[HAPLO_URL_SIZE_MAX + 16];
    int size = snprintf(name, sizeof name, "%s:%u", host->name, host->port);
    if (size < 0 || (size_t)size >= sizeof name) {
        return NULL;
    }
    *host_size = strlen(host->name);
    for (size_t i = 0; i < *host_size; i++) {
        name[i] = (char)tolower((unsigned char)name[i]);
    }
    return alloc_string(name);
}

/* Takes the name. */
static struct resolver *resolver_new(struct http_client *client, char *name,
                                     size_t host_size)
{
    struct resolver *resolver = alloc_zeroed(1, sizeof *resolver);
    if (resolver == NULL) {
        alloc_free(name);
        return NULL;
    }
    resolver->client = client;
    resolver->name = name;
    resolver->host_size = host_size;
    LIST_INIT(&resolver->endpoints);
    if (name_table_add(&client->resolvers, resolver) != 0) {
        alloc_free(resolver);
        alloc_free(name);
        return NULL;
    }
    return resolver;
}

int resolver_join(struct endpoint *endpoint)
{
    struct http_client *client = endpoint->client;
    size_t host_size = 0;
    char *name = name_make(endpoint_peer(endpoint), &host_size);
    if (name == NULL) {
        return HAPLO_ENOMEM;
    }
    struct resolver *resolver = name_table_find(&client->resolvers, name);
    if (resolver != NULL) {
        alloc_free(name);
    } else {
        resolver = resolver_new(client, name, host_size);
    }
    if (resolver == NULL) {
        return HAPLO_ENOMEM;
    }
    LIST_INSERT_HEAD(&resolver->endpoints, endpoint, resolver_link);
    endpoint->resolver = resolver;
    return 0;
}

static void lookup_detach(struct lookup *lookup)
{
    assert(TAILQ_EMPTY(&lookup->waiting));
    int error = uv_timer_stop(&lookup->limit);
    assert(error == 0);
    (void)error;
    lookup->resolver = NULL;
    /* Fails if it is already running: then its result is dropped. */
    (void)uv_cancel((uv_req_t *)&lookup->request);
}

static void resolver_free(struct resolver *resolver)
{
    if (resolver->lookup != NULL) {
        lookup_detach(resolver->lookup);
    }
    name_table_remove(&resolver->client->resolvers, resolver);
    addresses_release(resolver->addresses);
    alloc_free(resolver->name);
    alloc_free(resolver);
}

void resolver_part(struct endpoint *endpoint)
{
    struct resolver *resolver = endpoint->resolver;
    if (resolver == NULL) {
        return;
    }
    LIST_REMOVE(endpoint, resolver_link);
    endpoint->resolver = NULL;
    if (LIST_EMPTY(&resolver->endpoints)) {
        resolver_free(resolver);
    }
}

const char *resolver_name_of(const void *resolver)
{
    return ((const struct resolver *)resolver)->name;
}
