#include "http/socket_watch.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "base/alloc.h"
#include "base/handle.h"
#include "haplopoll.h"
#include "http/client_private.h"
#include "http/easy.h"
#include "http/endpoint_private.h"
#include "http/multi.h"

struct socket_watch {
    uv_poll_t poll;             /* once is_polled */
    struct http_client *client; /* the multi may be gone before it */
    struct multi *multi;        /* whose connection it is */
    curl_socket_t fd;           /* closed by libcurl, or through us */
    int events;                 /* UV_READABLE, UV_WRITABLE; 0: stopped */
    ino_t inode;       /* tells it from a later socket with the same fd */
    bool is_polled;    /* poll is the loop's */
    bool is_wanted;    /* libcurl waits for it */
    bool is_connected; /* bytes have been received */
    bool is_kept;      /* libcurl has let it go, and kept it open */
    bool is_foreign;   /* not opened by socket_watch_open_cb() */
};

static struct socket_watch *watch_find(const struct http_client *client,
                                       curl_socket_t fd)
{
    return fd >= 0 && (size_t)fd < client->watch_slots ? client->watches[fd]
                                                       : NULL;
}

/* Makes room in the table for a descriptor. */
static int watch_table_grow(struct http_client *client, curl_socket_t fd)
{
    size_t slots = client->watch_slots == 0 ? 64 : client->watch_slots;
    while (slots <= (size_t)fd) {
        slots *= 2;
    }
    if (slots == client->watch_slots) {
        return 0;
    }
    struct socket_watch **watches =
        alloc_resize(client->watches, slots * sizeof(struct socket_watch *));
    if (watches == NULL) {
        return HAPLO_ENOMEM;
    }
    memset(watches + client->watch_slots, 0,
           (slots - client->watch_slots) * sizeof(struct socket_watch *));
    client->watches = watches;
    client->watch_slots = slots;
    return 0;
}

static ino_t inode_of(curl_socket_t fd)
{
    struct stat status;
    return fstat(fd, &status) == 0 ? status.st_ino : 0;
}

/* The loop does not know of it yet, because libcurl silently closes a socket
 * that cannot even begin to connect. */
static struct socket_watch *watch_new(struct multi *multi, curl_socket_t fd,
                                      bool is_foreign)
{
    struct http_client *client = multi->client;
    if (watch_table_grow(client, fd) != 0) {
        return NULL;
    }
    struct socket_watch *watch = alloc_zeroed(1, sizeof *watch);
    if (watch == NULL) {
        return NULL;
    }
    watch->client = client;
    watch->multi = multi;
    watch->fd = fd;
    watch->inode = inode_of(fd);
    watch->is_foreign = is_foreign;
    client->watches[fd] = watch;
    return watch;
}

static int watch_init(struct socket_watch *watch)
{
    if (watch->is_polled) {
        return 0;
    }
    int error = uv_poll_init(watch->client->loop, &watch->poll, watch->fd);
    if (error != 0) {
        return error;
    }
    watch->poll.data = watch;
    watch->is_polled = true;
    http_client_hold(watch->client);
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct socket_watch *watch = handle->data;
    struct http_client *client = watch->client;
    alloc_free(watch);
    http_client_release(client);
}

/* Takes the descriptor out of the loop; it may be closed after that. */
static void watch_close(struct socket_watch *watch)
{
    watch->client->watches[watch->fd] = NULL;
    if (watch->is_polled) {
        handle_close((uv_handle_t *)&watch->poll, on_closed);
    } else {
        alloc_free(watch);
    }
}

static void watch_stop(struct socket_watch *watch)
{
    int error = uv_poll_stop(&watch->poll);
    assert(error == 0);
    (void)error;
    watch->events = 0;
}

/* Something arrived on an idle connection: its end, or a response that nobody
 * asked for, as some servers send (408). libcurl 7.88 would take that for the
 * response to the next request. So the connection is shut down: when the next
 * request cannot be sent on it, libcurl opens a new one. */
static void watch_spoil(const struct socket_watch *watch)
{
    if (watch->is_kept) {
        (void)shutdown(watch->fd, SHUT_RDWR);
    }
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct socket_watch *watch = poll->data;
    int flags = 0;
    if (status < 0 || !watch->is_wanted) {
        watch_stop(watch);
    }
    if (!watch->is_wanted) {
        watch_spoil(watch);
        return;
    }
    if (status < 0) {
        flags |= CURL_CSELECT_ERR;
    }
    if ((events & UV_READABLE) != 0) {
        watch->is_connected = true;
        flags |= CURL_CSELECT_IN;
    }
    if ((events & UV_WRITABLE) != 0) {
        flags |= CURL_CSELECT_OUT;
    }
    multi_act(watch->multi, watch->fd, flags);
}

static int watch_start(struct socket_watch *watch, int events)
{
    if (watch_init(watch) != 0) {
        return HAPLO_ENOMEM;
    }
    http_client_ref_handle(watch->client, (uv_handle_t *)&watch->poll);
    watch->is_wanted = true;
    if (events == watch->events) {
        return 0;
    }
    if (uv_poll_start(&watch->poll, events, on_poll) != 0) {
        watch->events = 0;
        return HAPLO_ENOMEM;
    }
    watch->events = events;
    return 0;
}

/* libcurl 7.88 closes a socket that failed to connect (refused, timed out, or
 * another address was faster) without calling the callback for it, and lets go
 * of it only after that. */
static bool watch_is_gone(struct socket_watch *watch)
{
    if (watch->is_kept) {
        return false;
    }
    watch->is_kept = inode_of(watch->fd) == watch->inode;
    return !watch->is_kept;
}

static void watch_let_go(struct socket_watch *watch)
{
    bool is_gone = watch_is_gone(watch);
    watch->is_wanted = false;
    uv_unref((uv_handle_t *)&watch->poll);
    if (is_gone) {
        watch->multi->is_stuck = true;
    }
    if (is_gone || watch->is_foreign) {
        watch_close(watch);
    }
}

int socket_watch_want(struct multi *multi, curl_socket_t fd, int what)
{
    struct socket_watch *watch = watch_find(multi->client, fd);
    int events = 0;
    if (what == CURL_POLL_REMOVE) {
        if (watch != NULL && watch->is_polled) {
            watch_let_go(watch);
        }
        return 0;
    }
    if (watch == NULL) {
        watch = watch_new(multi, fd, true);
        if (watch == NULL) {
            return HAPLO_ENOMEM;
        }
    }
    if (what == CURL_POLL_IN || what == CURL_POLL_INOUT) {
        events |= UV_READABLE;
    }
    if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT) {
        events |= UV_WRITABLE;
    }
    return watch_start(watch, events);
}

/* Watches a new socket. If the descriptor is still watched, libcurl has just
 * closed that socket silently; it will not say again what it waits for if that
 * is what it waited for on the old one. */
static int watch_opened(struct multi *multi, curl_socket_t fd)
{
    struct socket_watch *old = watch_find(multi->client, fd);
    int events = 0;
    if (old != NULL) {
        events = old->is_wanted ? old->events : 0;
        watch_close(old);
    }
    struct socket_watch *watch = watch_new(multi, fd, false);
    if (watch == NULL) {
        return HAPLO_ENOMEM;
    }
    if (events != 0 && watch_start(watch, events) != 0) {
        watch_close(watch);
        return HAPLO_ENOMEM;
    }
    return 0;
}

curl_socket_t socket_watch_open_cb(void *data, curlsocktype purpose,
                                   struct curl_sockaddr *address)
{
    struct easy *easy = data;
    struct multi *multi = easy->slot->multi;
    (void)purpose;
    int fd = socket(address->family,
                    address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                    address->protocol);
    if (fd < 0) {
        easy->open_errno = errno;
        return CURL_SOCKET_BAD;
    }
    if (watch_opened(multi, fd) != 0) {
        easy->open_errno = ENOMEM;
        (void)close(fd);
        return CURL_SOCKET_BAD;
    }
    multi->client->connection_count++;
    return fd;
}

int socket_watch_close_cb(void *data, curl_socket_t fd)
{
    struct socket_watch *watch = watch_find(data, fd);
    if (watch != NULL) {
        watch->multi->is_stuck |= !watch->is_connected;
        watch_close(watch);
    }
    return close(fd);
}

void socket_watch_ref_all(struct http_client *client)
{
    for (size_t fd = 0; fd < client->watch_slots; fd++) {
        struct socket_watch *watch = client->watches[fd];
        if (watch != NULL && watch->is_polled && watch->is_wanted) {
            http_client_ref_handle(client, (uv_handle_t *)&watch->poll);
        }
    }
}

void socket_watch_close_all(struct http_client *client)
{
    for (size_t fd = 0; fd < client->watch_slots; fd++) {
        if (client->watches[fd] != NULL) {
            watch_close(client->watches[fd]);
        }
    }
}
