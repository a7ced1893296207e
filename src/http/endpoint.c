#include "http/endpoint_private.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "http/client_certificate.h"
#include "http/easy.h"
#include "http/libcurl_info.h"
#include "http/multi.h"
#include "http/resolver.h"

static int proxy_set(struct endpoint *endpoint, const char *proxy,
                     struct reason *why)
{
    if (proxy == NULL || proxy[0] == '\0') {
        return 0;
    }
    endpoint->proxy = alloc_string(proxy);
    if (endpoint->proxy == NULL) {
        return HAPLO_ENOMEM;
    }
    return proxy_url_read(&endpoint->proxy_host, proxy, why);
}

static bool is_given(const char *name)
{
    return name != NULL && name[0] != '\0';
}

/* Proxies are not shown it, so it is of no use without TLS to the server. */
static int certificate_set(struct endpoint *endpoint,
                           const struct endpoint_options *options)
{
    if (!endpoint->url.is_tls || !is_given(options->tls_certificate_file)) {
        return 0;
    }
    endpoint->certificate = client_certificate_find(
        endpoint->client, options->tls_certificate_file,
        is_given(options->tls_key_file) ? options->tls_key_file : NULL);
    return endpoint->certificate != NULL ? 0 : HAPLO_ENOMEM;
}

/* One cache of TLS sessions for all easy handles of the endpoint, because a
 * connection that has been idle for too long is replaced by whichever handle
 * is free. Not for several endpoints: a session that was verified with one CA
 * file must not be resumed where another is to be used. */
static int tls_set(struct endpoint *endpoint,
                   const struct endpoint_options *options)
{
    const char *ca_file = options->tls_ca_file;
    endpoint->tls_ca_file =
        alloc_string(is_given(ca_file) ? ca_file : libcurl_info()->ca_file);
    if (endpoint->tls_ca_file == NULL ||
        certificate_set(endpoint, options) != 0) {
        return HAPLO_ENOMEM;
    }
    if (!endpoint->url.is_tls && endpoint->proxy == NULL) {
        return 0;
    }
    endpoint->share = http_share_new();
    return endpoint->share != NULL ? 0 : HAPLO_ENOMEM;
}

/* Divides the connections evenly among as few multi handles as possible. */
static int slots_set(struct endpoint *endpoint, unsigned in_flight_max)
{
    unsigned left = in_flight_max == 0 ? 1 : in_flight_max;
    unsigned slot_count =
        (left + MULTI_CONNECTIONS_MAX - 1) / MULTI_CONNECTIONS_MAX;
    endpoint->slots = alloc_zeroed(slot_count, sizeof endpoint->slots[0]);
    if (endpoint->slots == NULL) {
        return HAPLO_ENOMEM;
    }
    for (unsigned i = 0; i < slot_count; i++) {
        struct slot *slot = &endpoint->slots[i];
        unsigned share = left / (slot_count - i);
        slot->multi =
            multi_promise(endpoint->client, endpoint->tls_ca_file, share);
        if (slot->multi == NULL) {
            return HAPLO_ENOMEM;
        }
        slot->promised = share;
        left -= share;
        endpoint->slot_count++;
    }
    return 0;
}

int endpoint_new(struct http_client *client,
                 const struct endpoint_options *options,
                 struct endpoint **result, struct reason *why)
{
    int error = HAPLO_ENOMEM;
    *result = NULL;
    struct endpoint *endpoint = alloc_zeroed(1, sizeof *endpoint);
    if (endpoint == NULL) {
        return reason_set(why, error, "out of memory");
    }
    endpoint->client = client;
    endpoint->connect_timeout_ms = options->connect_timeout_ms;
    endpoint->first_byte_timeout_ms = options->first_byte_timeout_ms;
    endpoint->stall_timeout_ms = options->stall_timeout_ms;
    endpoint->total_timeout_ms = options->total_timeout_ms;
    endpoint->looked_up_cb = options->looked_up_cb;
    endpoint->data = options->data;
    LIST_INIT(&endpoint->warm);
    error =
        server_url_read(&endpoint->url, options->url, options->allow_http, why);
    if (error == 0) {
        error = proxy_set(endpoint, options->proxy, why);
    }
    if (error == 0) {
        error = endpoint_peer(endpoint)->is_known ? 0 : resolver_join(endpoint);
    }
    if (error == 0) {
        error = tls_set(endpoint, options);
    }
    if (error == 0) {
        error = slots_set(endpoint, options->in_flight_max);
    }
    if (error != 0) {
        endpoint_free(endpoint);
        return error == HAPLO_ENOMEM ? reason_set(why, error, "out of memory")
                                     : error;
    }
    *result = endpoint;
    return 0;
}

void endpoint_free(struct endpoint *endpoint)
{
    assert(endpoint->busy_count == 0);
    while (!LIST_EMPTY(&endpoint->warm)) {
        easy_reset(LIST_FIRST(&endpoint->warm));
    }
    resolver_part(endpoint);
    for (unsigned i = 0; i < endpoint->slot_count; i++) {
        multi_withdraw(endpoint->slots[i].multi, endpoint->slots[i].promised);
    }
    http_share_free(endpoint->share);
    if (endpoint->proxy != NULL) {
        explicit_bzero(endpoint->proxy, strlen(endpoint->proxy));
    }
    server_url_clear(&endpoint->url);
    host_clear(&endpoint->proxy_host);
    alloc_free(endpoint->proxy);
    alloc_free(endpoint->tls_ca_file);
    alloc_free(endpoint->slots);
    alloc_free(endpoint);
}

const struct host *endpoint_host(const struct endpoint *endpoint)
{
    return &endpoint->url.host;
}

bool endpoint_has_proxy(const struct endpoint *endpoint)
{
    return endpoint->proxy != NULL;
}

const char *endpoint_addresses(const struct endpoint *endpoint)
{
    const struct resolver *resolver = endpoint->resolver;
    if (resolver == NULL) {
        return host_known_addresses(endpoint_peer(endpoint));
    }
    return resolver->addresses != NULL ? resolver->addresses->list : NULL;
}

uint64_t endpoint_certificate_expires_ms(const struct endpoint *endpoint)
{
    return endpoint->expiry.server_ms;
}

uint64_t endpoint_ca_certificate_expires_ms(const struct endpoint *endpoint)
{
    return endpoint->expiry.ca_ms;
}

uint64_t endpoint_client_certificate_expires_ms(const struct endpoint *endpoint)
{
    return endpoint->certificate == NULL
               ? 0
               : client_certificate_expires_ms(endpoint->certificate);
}

int endpoint_look_up(struct endpoint *endpoint)
{
    assert(endpoint->resolver != NULL);
    return resolver_look_up(endpoint->resolver, endpoint->connect_timeout_ms);
}

const struct host *endpoint_peer(const struct endpoint *endpoint)
{
    return endpoint->proxy != NULL ? &endpoint->proxy_host
                                   : &endpoint->url.host;
}

bool endpoint_has_tls_proxy(const struct endpoint *endpoint)
{
    return endpoint->proxy != NULL &&
           strncasecmp(endpoint->proxy, "https:", 6) == 0;
}

bool endpoint_needs_whole_url(const struct endpoint *endpoint)
{
    return endpoint->proxy != NULL && !endpoint->url.is_tls &&
           strncasecmp(endpoint->proxy, "socks", 5) != 0;
}
