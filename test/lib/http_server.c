/*
 * The life of a connection:
 *
 *   - accepted: its socket and its drip timer are in the loop, unreferenced;
 *   - on_read, until the request is complete: request_cb answers it;
 *   - http_peer_send: what the kernel does not take at once is written later;
 *   - the client closes it, or the script, or the test: peer_end() closes both
 *     handles, and the last of them frees it.
 */
#include "http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "must.h"

struct pending_write {
    uv_write_t request;     /* data: the peer */
    struct http_peer *peer; /* whose */
    char bytes[];           /* copied */
};

/* Closing */

static void on_closed(uv_handle_t *handle)
{
    struct http_peer *peer = handle->data;
    if (--peer->open_handles == 0) {
        SSL_free(peer->ssl);
        free(peer->request);
        free(peer);
    }
}

static void peer_end(struct http_peer *peer, bool is_reset)
{
    if (uv_is_closing((uv_handle_t *)&peer->tcp)) {
        return;
    }
    LIST_REMOVE(peer, link);
    if (peer->server->gone_cb != NULL) {
        peer->server->gone_cb(peer);
    }
    uv_close((uv_handle_t *)&peer->drip, on_closed);
    if (!is_reset || uv_tcp_close_reset(&peer->tcp, on_closed) != 0) {
        uv_close((uv_handle_t *)&peer->tcp, on_closed);
    }
}

void http_peer_close(struct http_peer *peer)
{
    if (peer->write_count > 0) {
        peer->closes_when_sent = true;
    } else {
        peer_end(peer, false);
    }
}

void http_peer_reset(struct http_peer *peer)
{
    peer_end(peer, true);
}

/* Sending */

static void on_written(uv_write_t *request, int status)
{
    struct pending_write *write = request->data;
    struct http_peer *peer = write->peer;
    free(write);
    peer->write_count--;
    if (peer->closes_when_sent && (peer->write_count == 0 || status != 0)) {
        peer_end(peer, false);
    }
}

static void send_later(struct http_peer *peer, const char *bytes, size_t size)
{
    struct pending_write *write = malloc(sizeof *write + size);
    MUST(write != NULL);
    memcpy(write->bytes, bytes, size);
    write->request.data = write;
    write->peer = peer;
    uv_buf_t buffer = uv_buf_init(write->bytes, (unsigned)size);
    if (uv_write(&write->request, (uv_stream_t *)&peer->tcp, &buffer, 1,
                 on_written) != 0) {
        free(write);
        return;
    }
    peer->write_count++;
}

/* That the client is gone is no failure: on_read will notice. Nor may it be a
 * signal, which the product would have to answer for. */
static void send_now(struct http_peer *peer, const char *bytes, size_t size)
{
    uv_os_fd_t fd;
    MUST(uv_fileno((uv_handle_t *)&peer->tcp, &fd) == 0);
    ssize_t sent = 0;
    if (peer->write_count == 0) {
        sent = send(fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    if (sent < 0 && errno != EAGAIN) {
        return;
    }
    size_t done = sent > 0 ? (size_t)sent : 0;
    if (done < size) {
        send_later(peer, bytes + done, size - done);
    }
}

static void send_encrypted(struct http_peer *peer)
{
    char bytes[16384];
    size_t size;
    while ((size = http_tls_take(peer->ssl, bytes, sizeof bytes)) > 0) {
        send_now(peer, bytes, size);
    }
}

void http_peer_send(struct http_peer *peer, const char *bytes, size_t size)
{
    if (uv_is_closing((uv_handle_t *)&peer->tcp)) {
        return;
    }
    if (peer->ssl == NULL) {
        send_now(peer, bytes, size);
        return;
    }
    http_tls_write(peer->ssl, bytes, size);
    send_encrypted(peer);
}

/* The script */

static void line_end(struct http_peer *peer, enum script_end end)
{
    if (end == SCRIPT_CLOSE) {
        http_peer_close(peer);
    } else if (end == SCRIPT_RESET) {
        http_peer_reset(peer);
    }
}

static void on_drip(uv_timer_t *timer)
{
    struct http_peer *peer = timer->data;
    http_peer_send(peer, peer->line.bytes + peer->dripped, 1);
    if (++peer->dripped == peer->line.size) {
        uv_timer_stop(timer);
        line_end(peer, peer->line.end);
    }
}

static void answer_by_script(struct http_peer *peer)
{
    const struct http_server *server = peer->server;
    unsigned index = server->request_count - 1;
    MUST(server->line_count > 0);
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
        uv_timer_start(&peer->drip, on_drip, line.drip_ms, line.drip_ms);
        return;
    }
    http_peer_send(peer, line.bytes, line.size);
    line_end(peer, line.end);
}

void http_server_script(struct http_server *server,
                        const struct script_line *lines, unsigned count)
{
    server->lines = lines;
    server->line_count = count;
    server->request_count = 0;
}

/* Receiving */

/* Of the request at the head of what was received; 0: not complete. */
static size_t complete_size(const struct http_peer *peer)
{
    static const char name[] = "Content-Length: ";
    const char *end = strstr(peer->request, "\r\n\r\n");
    const char *length = strstr(peer->request, name);
    if (end == NULL) {
        return 0;
    }
    size_t size = (size_t)(end - peer->request) + 4;
    if (length != NULL && length < end) {
        size += strtoul(length + strlen(name), NULL, 10);
    }
    return size <= peer->request_size ? size : 0;
}

static void request_keep(struct http_server *server,
                         const struct http_peer *peer, size_t size)
{
    server->request = realloc(server->request, size + 1);
    MUST(server->request != NULL);
    memcpy(server->request, peer->request, size);
    server->request[size] = '\0';
    server->request_count++;
}

/* Makes room for more of the request. */
static void request_grow(struct http_peer *peer)
{
    if (peer->request_room - peer->request_size < 4096) {
        peer->request_room = 2 * peer->request_room + 8192;
        MUST(peer->request_room <= HTTP_REQUEST_SIZE_MAX);
        peer->request = realloc(peer->request, peer->request_room);
        MUST(peer->request != NULL);
    }
}

/* The next bytes of the request have been stored at its end. */
static void request_add(struct http_peer *peer, size_t size)
{
    peer->request_size += size;
    peer->request[peer->request_size] = '\0';
    size_t request_size = complete_size(peer);
    if (request_size > 0) {
        request_keep(peer->server, peer, request_size);
        peer->request_size = 0;
        peer->server->request_cb(peer);
    }
}

static size_t request_room_left(const struct http_peer *peer)
{
    return peer->request_room - 1 - peer->request_size;
}

static void on_encrypted(struct http_peer *peer, const char *bytes, size_t size)
{
    if (!http_tls_feed(peer->ssl, bytes, size)) {
        send_encrypted(peer); /* an alert */
        peer_end(peer, false);
        return;
    }
    for (;;) {
        request_grow(peer);
        size = http_tls_read(peer->ssl, peer->request + peer->request_size,
                             request_room_left(peer));
        send_encrypted(peer);
        if (size == 0) {
            return;
        }
        request_add(peer, size);
        if (uv_is_closing((uv_handle_t *)&peer->tcp)) {
            return;
        }
    }
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    struct http_peer *peer = stream->data;
    if (size < 0) {
        peer_end(peer, false);
    } else if (peer->ssl != NULL) {
        on_encrypted(peer, buffer->base, (size_t)size);
    } else {
        request_add(peer, (size_t)size);
    }
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buffer)
{
    static char encrypted[16384];
    struct http_peer *peer = handle->data;
    (void)size;
    if (peer->ssl != NULL) {
        *buffer = uv_buf_init(encrypted, sizeof encrypted);
        return;
    }
    request_grow(peer);
    *buffer = uv_buf_init(peer->request + peer->request_size,
                          (unsigned)request_room_left(peer));
}

/* The server */

static void on_connection(uv_stream_t *stream, int status)
{
    struct http_server *server = stream->data;
    struct http_peer *peer = calloc(1, sizeof *peer);
    MUST(status == 0);
    MUST(peer != NULL);
    peer->server = server;
    peer->open_handles = 2;
    peer->ssl = server->tls != NULL ? http_tls_accept(server->tls) : NULL;
    MUST(uv_tcp_init(stream->loop, &peer->tcp) == 0);
    MUST(uv_timer_init(stream->loop, &peer->drip) == 0);
    peer->tcp.data = peer;
    peer->drip.data = peer;
    MUST(uv_accept(stream, (uv_stream_t *)&peer->tcp) == 0);
    /* Dripped bytes must not wait for a delayed acknowledgement. */
    MUST(uv_tcp_nodelay(&peer->tcp, 1) == 0);
    MUST(uv_read_start((uv_stream_t *)&peer->tcp, on_alloc, on_read) == 0);
    uv_unref((uv_handle_t *)&peer->tcp);
    LIST_INSERT_HEAD(&server->peers, peer, link);
    server->peer_count++;
}

void http_server_open(struct http_server *server, uv_loop_t *loop)
{
    http_server_open_at(server, loop, "127.0.0.1", 0);
}

void http_server_open_at(struct http_server *server, uv_loop_t *loop,
                         const char *ip, int port)
{
    struct sockaddr_in address;
    struct sockaddr_storage bound;
    int size = sizeof bound;
    memset(server, 0, sizeof *server);
    server->request_cb = answer_by_script;
    server->request = calloc(1, 1);
    MUST(server->request != NULL);
    LIST_INIT(&server->peers);
    MUST(uv_ip4_addr(ip, port, &address) == 0);
    MUST(uv_tcp_init(loop, &server->tcp) == 0);
    server->tcp.data = server;
    MUST(uv_tcp_bind(&server->tcp, (const struct sockaddr *)&address, 0) == 0);
    MUST(uv_listen((uv_stream_t *)&server->tcp, 1024, on_connection) == 0);
    MUST(uv_tcp_getsockname(&server->tcp, (struct sockaddr *)&bound, &size) ==
         0);
    server->port = ntohs(((struct sockaddr_in *)(void *)&bound)->sin_port);
    uv_unref((uv_handle_t *)&server->tcp);
}

void http_server_drop_peers(struct http_server *server)
{
    while (!LIST_EMPTY(&server->peers)) {
        peer_end(LIST_FIRST(&server->peers), false);
    }
}

void http_server_close(struct http_server *server)
{
    http_server_drop_peers(server);
    free(server->request);
    server->request = NULL;
    uv_close((uv_handle_t *)&server->tcp, NULL);
}
