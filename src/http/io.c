#include "http/io_private.h"

#include <assert.h>
#include <curl/curl.h>

#include "base/alloc.h"
#include "haplopoll.h"
#include "http/exchange.h"
#include "http/multi.h"
#include "http/socket_watch.h"
#include "http/trust.h"
#include "http/watchdog.h"

#define CURL_VERSION_MIN 0x075800 /* 7.88.0: as in Debian 12 */

static bool has_features(void)
{
    const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
    return info->version_num >= CURL_VERSION_MIN &&
           (info->features & CURL_VERSION_SSL) != 0 &&
           (info->features & CURL_VERSION_LIBZ) != 0;
}

int io_new(uv_loop_t *loop, unsigned transfers_max, struct io **result)
{
    *result = NULL;
    if (transfers_max == 0 || !has_features()) {
        return HAPLO_EINVAL;
    }
    struct io *io = alloc_zeroed(1, sizeof *io);
    if (io == NULL) {
        return HAPLO_ENOMEM;
    }
    /* libcurl counts these calls, so that an application's own stand. */
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        alloc_free(io);
        return HAPLO_ENOMEM;
    }
    io->loop = loop;
    io->transfers_max = transfers_max;
    TAILQ_INIT(&io->free);
    LIST_INIT(&io->busy);
    LIST_INIT(&io->expired);
    TAILQ_INIT(&io->multis);
    LIST_INIT(&io->trusts);
    watchdog_init(io);
    io_hold(io);
    *result = io;
    return 0;
}

void io_hold(struct io *io)
{
    io->pending_count++;
}

void io_release(struct io *io)
{
    assert(io->pending_count > 0);
    if (--io->pending_count > 0) {
        return;
    }
    assert(io->is_closing);
    io_close_cb close_cb = io->close_cb;
    void *data = io->close_data;
    curl_global_cleanup();
    alloc_free(io->watches);
    if (close_cb != NULL) {
        close_cb(io, data);
    }
    alloc_free(io);
}

static void release_list(struct exchange_list *list)
{
    while (!LIST_EMPTY(list)) {
        exchange_release(LIST_FIRST(list));
    }
}

static void on_watchdog_closed(uv_handle_t *handle)
{
    io_release(handle->data);
}

void io_close(struct io *io, io_close_cb close_cb, void *data)
{
    assert(!io->is_closing);
    io->is_closing = true;
    io->close_cb = close_cb;
    io->close_data = data;
    release_list(&io->busy);
    release_list(&io->expired);
    while (!TAILQ_EMPTY(&io->free)) {
        exchange_free(TAILQ_FIRST(&io->free));
    }
    while (!TAILQ_EMPTY(&io->multis)) {
        multi_close(TAILQ_FIRST(&io->multis));
    }
    trust_free_all(io);
    socket_watch_close_all(io);
    uv_close((uv_handle_t *)&io->watchdog, on_watchdog_closed);
}

uint64_t io_connection_count(const struct io *io)
{
    return io->connection_count;
}
