#include "http/client_private.h"

#include <assert.h>

#include "base/alloc.h"
#include "base/handle.h"
#include "base/reason.h"
#include "haplopoll.h"
#include "http/client_certificate.h"
#include "http/easy.h"
#include "http/libcurl_info.h"
#include "http/multi.h"
#include "http/resolver.h"
#include "http/socket_watch.h"
#include "http/trust.h"
#include "http/watchdog.h"

/* A cache of TLS sessions, and nothing else. No locks: one thread uses it. */
CURLSH *http_share_new(void)
{
    CURLSH *share = curl_share_init();
    if (share != NULL &&
        curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) !=
            CURLSHE_OK) {
        http_share_free(share);
        return NULL;
    }
    return share;
}

void http_share_free(CURLSH *share)
{
    if (share != NULL) {
        CURLSHcode code = curl_share_cleanup(share);
        assert(code == CURLSHE_OK);
        (void)code;
    }
}

int http_client_new(uv_loop_t *loop, unsigned transfers_max,
                    struct http_client **result, struct reason *why)
{
    *result = NULL;
    if (transfers_max == 0) {
        return reason_set(why, HAPLO_EINVAL, "no transfer is allowed");
    }
    struct http_client *client = alloc_zeroed(1, sizeof *client);
    if (client == NULL) {
        return HAPLO_ENOMEM;
    }
    /* libcurl counts these calls, so an application's own are unaffected. */
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        alloc_free(client);
        return HAPLO_ENOMEM;
    }
    if (libcurl_info()->missing[0] != '\0') {
        curl_global_cleanup();
        alloc_free(client);
        return reason_set(why, HAPLO_ENOTSUP, "%s", libcurl_info()->missing);
    }
    client->plain_share = http_share_new();
    if (client->plain_share == NULL) {
        curl_global_cleanup();
        alloc_free(client);
        return HAPLO_ENOMEM;
    }
    client->loop = loop;
    client->transfers_max = transfers_max;
    client->resolvers.name_of = resolver_name_of;
    TAILQ_INIT(&client->free);
    LIST_INIT(&client->busy);
    LIST_INIT(&client->expired);
    TAILQ_INIT(&client->multis);
    LIST_INIT(&client->trusts);
    LIST_INIT(&client->certificates);
    watchdog_init(client);
    http_client_hold(client);
    *result = client;
    return 0;
}

void http_client_allow(struct http_client *client, unsigned transfers_max)
{
    if (transfers_max > client->transfers_max) {
        client->transfers_max = transfers_max;
    }
}

void http_client_ref_handle(const struct http_client *client,
                            uv_handle_t *handle)
{
    if (client->is_unref) {
        uv_unref(handle);
    } else {
        uv_ref(handle);
    }
}

void http_client_ref(struct http_client *client, bool keeps_alive)
{
    struct multi *multi;
    client->is_unref = !keeps_alive;
    http_client_ref_handle(client, (uv_handle_t *)&client->watchdog);
    TAILQ_FOREACH (multi, &client->multis, link) {
        multi_ref(multi);
    }
    socket_watch_ref_all(client);
}

void http_client_hold(struct http_client *client)
{
    client->pending_count++;
}

void http_client_release(struct http_client *client)
{
    assert(client->pending_count > 0);
    if (--client->pending_count > 0) {
        return;
    }
    assert(client->is_closing);
    http_client_close_cb close_cb = client->close_cb;
    void *data = client->close_data;
    curl_global_cleanup();
    assert(client->resolvers.count == 0);
    name_table_free(&client->resolvers);
    alloc_free(client->watches);
    if (close_cb != NULL) {
        close_cb(client, data);
    }
    alloc_free(client);
}

static void release_list(struct easy_list *list)
{
    while (!LIST_EMPTY(list)) {
        easy_release(LIST_FIRST(list));
    }
}

static void on_watchdog_closed(uv_handle_t *handle)
{
    http_client_release(handle->data);
}

void http_client_close(struct http_client *client,
                       http_client_close_cb close_cb, void *data)
{
    assert(!client->is_closing);
    client->is_closing = true;
    client->close_cb = close_cb;
    client->close_data = data;
    release_list(&client->busy);
    release_list(&client->expired);
    while (!TAILQ_EMPTY(&client->free)) {
        easy_free(TAILQ_FIRST(&client->free));
    }
    http_share_free(client->plain_share);
    client->plain_share = NULL;
    while (!TAILQ_EMPTY(&client->multis)) {
        multi_close(TAILQ_FIRST(&client->multis));
    }
    trust_free_all(client);
    client_certificate_free_all(client);
    socket_watch_close_all(client);
    handle_close((uv_handle_t *)&client->watchdog, on_watchdog_closed);
}

uint64_t http_client_connection_count(const struct http_client *client)
{
    return client->connection_count;
}
