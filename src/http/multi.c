#include "http/multi.h"

#include <assert.h>

#include "base/alloc.h"
#include "base/handle.h"
#include "haplopoll.h"
#include "http/client_private.h"
#include "http/easy.h"
#include "http/endpoint_private.h"
#include "http/socket_watch.h"
#include "http/transfer_private.h"
#include "http/trust.h"

static void on_timer(uv_timer_t *timer)
{
    multi_act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static void on_idle(uv_idle_t *idle)
{
    int error = uv_idle_stop(idle);
    assert(error == 0);
    (void)error;
    multi_act(idle->data, CURL_SOCKET_TIMEOUT, 0);
}

/* A timeout of 0 means the next iteration of the loop, because libcurl must not
 * be entered from its own callback. It asks for that again and again while a
 * server sends faster than libcurl reads. A timer of 0 ms that restarts itself
 * would then starve the loop; an idle handle runs once per iteration. */
static int on_timeout_wanted(CURLM *curlm, long timeout_ms, void *data)
{
    struct multi *multi = data;
    int error = 0;
    (void)curlm;
    if (multi->client->is_closing) {
        return 0;
    }
    if (timeout_ms > 0) {
        error =
            uv_timer_start(&multi->timer, on_timer, (uint64_t)timeout_ms, 0);
    } else {
        error = uv_timer_stop(&multi->timer);
    }
    assert(error == 0);
    error = timeout_ms == 0 ? uv_idle_start(&multi->idle, on_idle)
                            : uv_idle_stop(&multi->idle);
    assert(error == 0);
    (void)error;
    return 0;
}

static int on_socket_wanted(CURL *curl, curl_socket_t fd, int what, void *data,
                            void *unused)
{
    struct multi *multi = data;
    struct easy *easy = NULL;
    (void)unused;
    if (multi->client->is_closing || socket_watch_want(multi, fd, what) == 0) {
        return 0;
    }
    /* An error returned from here would make the whole multi handle useless,
     * so only this transfer is given up. */
    if (curl_easy_getinfo(curl, CURLINFO_PRIVATE, (char **)&easy) == CURLE_OK &&
        easy != NULL && easy->transfer != NULL) {
        easy_fail(easy, HAPLO_ENOMEM, "no memory to watch a socket");
    }
    return 0;
}

static bool multi_set_options(struct multi *multi)
{
    CURLM *curlm = multi->curlm;
    return curl_multi_setopt(curlm, CURLMOPT_SOCKETFUNCTION,
                             on_socket_wanted) == CURLM_OK &&
           curl_multi_setopt(curlm, CURLMOPT_SOCKETDATA, multi) == CURLM_OK &&
           curl_multi_setopt(curlm, CURLMOPT_TIMERFUNCTION,
                             on_timeout_wanted) == CURLM_OK &&
           curl_multi_setopt(curlm, CURLMOPT_TIMERDATA, multi) == CURLM_OK &&
           curl_multi_setopt(curlm, CURLMOPT_PIPELINING,
                             (long)CURLPIPE_NOTHING) == CURLM_OK &&
           /* Below the number in use every request would reconnect; above
            * it there is room for those that servers have closed, which
            * libcurl finds out only by and by. */
           curl_multi_setopt(curlm, CURLMOPT_MAXCONNECTS,
                             2L * MULTI_CONNECTIONS_MAX) == CURLM_OK;
}

/* False if there is no memory. */
static bool multi_make(struct multi *multi)
{
    multi->curlm = curl_multi_init();
    if (multi->curlm != NULL && !multi_set_options(multi)) {
        (void)curl_multi_cleanup(multi->curlm);
        multi->curlm = NULL;
    }
    return multi->curlm != NULL;
}

static void multi_unmake(struct multi *multi)
{
    CURLMcode code = curl_multi_cleanup(multi->curlm);
    assert(code == CURLM_OK);
    (void)code;
    multi->curlm = NULL;
    multi->generation++;
}

void multi_ref(struct multi *multi)
{
    http_client_ref_handle(multi->client, (uv_handle_t *)&multi->timer);
    http_client_ref_handle(multi->client, (uv_handle_t *)&multi->idle);
}

static struct multi *multi_new(struct http_client *client, const char *ca_file)
{
    struct multi *multi = alloc_zeroed(1, sizeof *multi);
    if (multi == NULL) {
        return NULL;
    }
    multi->client = client;
    multi->trust = trust_find(client, ca_file);
    if (multi->trust == NULL || !multi_make(multi)) {
        alloc_free(multi);
        return NULL;
    }
    (void)uv_timer_init(client->loop, &multi->timer); /* cannot fail, */
    (void)uv_idle_init(client->loop, &multi->idle);   /* neither can this */
    multi_ref(multi);
    multi->timer.data = multi;
    multi->idle.data = multi;
    http_client_hold(client);
    TAILQ_INSERT_TAIL(&client->multis, multi, link);
    client->multi_count++;
    return multi;
}

static struct multi *multi_find(struct http_client *client, const char *ca_file,
                                unsigned connections)
{
    struct multi *best = NULL;
    struct multi *multi = NULL;
    TAILQ_FOREACH (multi, &client->multis, link) {
        if (multi->promised + connections > MULTI_CONNECTIONS_MAX ||
            (best != NULL && best->promised <= multi->promised)) {
            continue;
        }
        if (ca_file == NULL || trust_is_of(multi->trust, ca_file)) {
            best = multi;
        }
    }
    return best;
}

struct multi *multi_promise(struct http_client *client, const char *ca_file,
                            unsigned connections)
{
    assert(connections <= MULTI_CONNECTIONS_MAX);
    struct multi *multi = multi_find(client, ca_file, connections);
    if (multi == NULL && client->multi_count >= MULTI_COUNT_MAX) {
        multi = multi_find(client, NULL, connections);
    }
    if (multi == NULL) {
        multi = multi_new(client, ca_file);
    }
    if (multi != NULL) {
        multi->promised += connections;
    }
    return multi;
}

void multi_withdraw(struct multi *multi, unsigned connections)
{
    assert(multi->promised >= connections);
    multi->promised -= connections;
}

int multi_add(struct multi *multi, CURL *curl)
{
    if (multi->curlm == NULL && !multi_make(multi)) {
        return HAPLO_ENOMEM;
    }
    return curl_multi_add_handle(multi->curlm, curl) == CURLM_OK ? 0
                                                                 : HAPLO_ENOMEM;
}

void multi_remove(struct multi *multi, CURL *curl)
{
    CURLMcode code = curl_multi_remove_handle(multi->curlm, curl);
    assert(code == CURLM_OK);
    (void)code;
}

static void give_up_list(struct multi *multi, struct easy_list *list)
{
    for (struct easy *easy = LIST_FIRST(list); easy != NULL;
         easy = LIST_NEXT(easy, busy_link)) {
        if (easy->is_added && easy->slot->multi == multi) {
            multi_remove(multi, easy->curl);
            easy->is_added = false;
            (void)easy_fail(easy, HAPLO_ENOMEM, "libcurl ran out of memory");
        }
    }
}

/* When libcurl has no memory for its tables, it says so but leaves them
 * inconsistent, and 7.88 crashes when it uses them again. So the handle is
 * discarded with its connections, its transfers end, and the next transfer
 * creates a new one. */
static void multi_give_up(struct multi *multi)
{
    int error = 0;
    give_up_list(multi, &multi->client->busy);
    give_up_list(multi, &multi->client->expired);
    multi_unmake(multi);
    error = uv_timer_stop(&multi->timer);
    assert(error == 0);
    error = uv_idle_stop(&multi->idle);
    assert(error == 0);
    (void)error;
}

/* When one address of a name has failed, libcurl 7.88 tries the next one only
 * when it looks at the transfer again, but asks for no wake-up: the transfer
 * would hang until its time limit. Only this deprecated function makes libcurl
 * look. */
static CURLMcode multi_continue(struct multi *multi)
{
    CURLMcode code = CURLM_OK;
    int count = 0;
    while (code == CURLM_OK && multi->is_stuck) {
        multi->is_stuck = false;
        CURL_IGNORE_DEPRECATION(
            code = curl_multi_socket_all(multi->curlm, &count);)
    }
    return code;
}

/* A callback may close the client. */
static void multi_pass_on(struct multi *multi)
{
    const struct http_client *client = multi->client;
    CURLMsg *message = NULL;
    int count = 0;
    while (!client->is_closing && multi->curlm != NULL &&
           (message = curl_multi_info_read(multi->curlm, &count)) != NULL) {
        struct easy *easy = NULL;
        CURLcode code = message->data.result;
        if (message->msg == CURLMSG_DONE &&
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE,
                              (char **)&easy) == CURLE_OK) {
            transfer_finished(easy, code);
        }
    }
}

void multi_act(struct multi *multi, curl_socket_t fd, int flags)
{
    int count = 0;
    multi->is_stuck = false;
    CURLMcode code = curl_multi_socket_action(multi->curlm, fd, flags, &count);
    if (code == CURLM_OK) {
        code = multi_continue(multi);
    }
    if (code == CURLM_OK) {
        multi_pass_on(multi);
    } else {
        multi_give_up(multi);
    }
}

static void on_idle_closed(uv_handle_t *handle)
{
    struct multi *multi = handle->data;
    struct http_client *client = multi->client;
    alloc_free(multi);
    http_client_release(client);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct multi *multi = handle->data;
    handle_close((uv_handle_t *)&multi->idle, on_idle_closed);
}

void multi_close(struct multi *multi)
{
    if (multi->curlm != NULL) {
        multi_unmake(multi);
    }
    TAILQ_REMOVE(&multi->client->multis, multi, link);
    multi->client->multi_count--;
    handle_close((uv_handle_t *)&multi->timer, on_timer_closed);
}
