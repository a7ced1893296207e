/*
 * scripted_server.h - a server on the test's own loop that answers each
 * request, on whichever connection, with the next line of its script.
 */
#ifndef TEST_SCRIPTED_SERVER_H
#define TEST_SCRIPTED_SERVER_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <uv.h>

enum script_end {
    SCRIPT_KEEP,  /* the connection stays open */
    SCRIPT_CLOSE, /* closed in order */
    SCRIPT_RESET  /* closed with RST */
};

struct script_line {
    const char *bytes;   /* of the answer; NULL: none, ever */
    size_t size;         /* 0: strlen(bytes) */
    enum script_end end; /* after them */
    uint64_t drip_ms;    /* not 0: a byte at a time, so far apart */
};

struct script_peer {
    uv_tcp_t tcp;                  /* */
    uv_timer_t drip;               /* */
    struct scripted_server *owner; /* */
    char received[900000];         /* one request, or part of it */
    size_t received_size;          /* */
    struct script_line line;       /* being dripped */
    size_t dripped;                /* bytes of it */
    unsigned open_handles;         /* tcp and drip */
    LIST_ENTRY(script_peer) link;  /* */
};

struct scripted_server {
    uv_tcp_t tcp;                    /* */
    int port;                        /* */
    const struct script_line *lines; /* borrowed */
    unsigned line_count;             /* the last one repeats */
    unsigned request_count;          /* whole requests received */
    unsigned peer_count;             /* connections accepted */
    char request[900000];            /* the newest, NUL at its end */
    LIST_HEAD(, script_peer) peers;  /* */
};

static inline void peer_on_closed(uv_handle_t *handle)
{
    struct script_peer *peer = handle->data;
    if (--peer->open_handles == 0) {
        free(peer);
    }
}

static inline void peer_close(struct script_peer *peer, bool reset)
{
    LIST_REMOVE(peer, link);
    uv_close((uv_handle_t *)&peer->drip, peer_on_closed);
    if (!reset || uv_tcp_close_reset(&peer->tcp, peer_on_closed) != 0) {
        uv_close((uv_handle_t *)&peer->tcp, peer_on_closed);
    }
}

/* Answers are small: the kernel takes them at once. */
static inline void peer_send(struct script_peer *peer, const char *bytes,
                             size_t size)
{
    while (size > 0) {
        uv_buf_t buffer = uv_buf_init((char *)bytes, (unsigned)size);
        int sent = uv_try_write((uv_stream_t *)&peer->tcp, &buffer, 1);
        if (sent < 0 && sent != UV_EAGAIN) {
            return;
        }
        bytes += sent > 0 ? sent : 0;
        size -= (size_t)(sent > 0 ? sent : 0);
    }
}

static inline void peer_end(struct script_peer *peer, enum script_end end)
{
    if (end != SCRIPT_KEEP) {
        peer_close(peer, end == SCRIPT_RESET);
    }
}

static inline void peer_on_drip(uv_timer_t *timer)
{
    struct script_peer *peer = timer->data;
    peer_send(peer, peer->line.bytes + peer->dripped, 1);
    if (++peer->dripped == peer->line.size) {
        uv_timer_stop(timer);
        peer_end(peer, peer->line.end);
    }
}

static inline void peer_answer(struct script_peer *peer)
{
    struct scripted_server *server = peer->owner;
    unsigned index = server->request_count++;
    if (index >= server->line_count) {
        index = server->line_count - 1;
    }
    struct script_line line = server->lines[index];
    if (line.bytes == NULL) {
        return;
    }
    if (line.size == 0) {
        line.size = strlen(line.bytes);
    }
    if (line.drip_ms != 0) {
        peer->line = line;
        peer->dripped = 0;
        uv_timer_start(&peer->drip, peer_on_drip, line.drip_ms, line.drip_ms);
        return;
    }
    peer_send(peer, line.bytes, line.size);
    peer_end(peer, line.end);
}

/* The size of the request at the head of what was received, or 0. */
static inline size_t peer_request_size(const struct script_peer *peer)
{
    const char *end = strstr(peer->received, "\r\n\r\n");
    const char *length = strstr(peer->received, "Content-Length: ");
    if (end == NULL) {
        return 0;
    }
    size_t size = (size_t)(end - peer->received) + 4;
    if (length != NULL && length < end) {
        size += strtoul(length + strlen("Content-Length: "), NULL, 10);
    }
    return size <= peer->received_size ? size : 0;
}

static inline void peer_on_read(uv_stream_t *stream, ssize_t size,
                                const uv_buf_t *buffer)
{
    struct script_peer *peer = stream->data;
    (void)buffer;
    if (size < 0) {
        peer_close(peer, false);
        return;
    }
    peer->received_size += (size_t)size;
    peer->received[peer->received_size] = '\0';
    size_t request_size = peer_request_size(peer);
    if (request_size == 0) {
        return;
    }
    memcpy(peer->owner->request, peer->received, request_size);
    peer->owner->request[request_size] = '\0';
    peer->received_size = 0;
    peer_answer(peer);
}

static inline void peer_on_alloc(uv_handle_t *handle, size_t size,
                                 uv_buf_t *buffer)
{
    struct script_peer *peer = handle->data;
    (void)size;
    *buffer = uv_buf_init(
        peer->received + peer->received_size,
        (unsigned)(sizeof peer->received - 1 - peer->received_size));
}

static inline void server_on_connection(uv_stream_t *stream, int status)
{
    struct scripted_server *server = stream->data;
    struct script_peer *peer = malloc(sizeof *peer);
    if (status != 0 || peer == NULL) {
        abort();
    }
    peer->owner = server;
    peer->received_size = 0;
    peer->open_handles = 2;
    uv_tcp_init(stream->loop, &peer->tcp);
    uv_timer_init(stream->loop, &peer->drip);
    peer->tcp.data = peer;
    peer->drip.data = peer;
    uv_accept(stream, (uv_stream_t *)&peer->tcp);
    uv_read_start((uv_stream_t *)&peer->tcp, peer_on_alloc, peer_on_read);
    /* The server must not be what keeps the loop alive. */
    uv_unref((uv_handle_t *)&peer->tcp);
    LIST_INSERT_HEAD(&server->peers, peer, link);
    server->peer_count++;
}

static inline void server_open(struct scripted_server *server, uv_loop_t *loop)
{
    struct sockaddr_in address;
    struct sockaddr_storage bound;
    int size = sizeof bound;
    memset(server, 0, sizeof *server);
    LIST_INIT(&server->peers);
    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_tcp_init(loop, &server->tcp);
    server->tcp.data = server;
    if (uv_tcp_bind(&server->tcp, (const struct sockaddr *)&address, 0) != 0 ||
        uv_listen((uv_stream_t *)&server->tcp, 1024, server_on_connection) !=
            0 ||
        uv_tcp_getsockname(&server->tcp, (struct sockaddr *)&bound, &size) !=
            0) {
        abort();
    }
    server->port = ntohs(((struct sockaddr_in *)(void *)&bound)->sin_port);
    uv_unref((uv_handle_t *)&server->tcp);
}

static inline void server_script(struct scripted_server *server,
                                 const struct script_line *lines,
                                 unsigned count)
{
    server->lines = lines;
    server->line_count = count;
    server->request_count = 0;
}

/* Closes the connections that are open, as a server does with idle ones. */
static inline void server_drop_peers(struct scripted_server *server)
{
    while (!LIST_EMPTY(&server->peers)) {
        peer_close(LIST_FIRST(&server->peers), false);
    }
}

static inline void server_close(struct scripted_server *server)
{
    server_drop_peers(server);
    uv_close((uv_handle_t *)&server->tcp, NULL);
}

#endif
