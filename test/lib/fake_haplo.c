#include "fake_haplo.h"

#include <string.h>

#include "must.h"

#define PATH_PREFIX "/api/haplo-integration-messages/poll/"

/* In one piece: two writes in a row would wait for a delayed acknowledgement,
 * and the second may meet a closed connection, which is SIGPIPE. */
static void send_parts(struct http_peer *peer, const char *head,
                       size_t head_size, const char *rest, size_t rest_size)
{
    char *whole = malloc(head_size + rest_size);
    MUST(whole != NULL);
    memcpy(whole, head, head_size);
    memcpy(whole + head_size, rest, rest_size);
    http_peer_send(peer, whole, head_size + rest_size);
    free(whole);
}

/* Sends a text, with its Content-Length where it is a whole response. */
static void send_text(struct http_peer *peer, const char *text)
{
    char head[1024];
    const char *end = strstr(text, "\r\n\r\n");
    if (end == NULL) {
        http_peer_send(peer, text, strlen(text));
        return;
    }
    int size = snprintf(head, sizeof head, "%.*s\r\nContent-Length: %zu",
                        (int)(end - text), text, strlen(end + 4));
    MUST((size_t)size < sizeof head);
    send_parts(peer, head, (size_t)size, end, strlen(end));
}

static void send_body(struct http_peer *peer, const char *type,
                      const char *body, size_t size)
{
    char head[256];
    int head_size = snprintf(head, sizeof head,
                             "HTTP/1.1 200 OK\r\nContent-Type: %s\r\n"
                             "Content-Length: %zu\r\n\r\n",
                             type, size);
    send_parts(peer, head, (size_t)head_size, body, size);
}

static void answer_fetch(struct http_peer *peer, const struct fake_queue *queue)
{
    unsigned count = queue->unread;
    size_t size = 0;
    if (queue->batch_max != 0 && count > queue->batch_max) {
        count = queue->batch_max;
    }
    char *body = malloc(200 + (size_t)count * 100);
    MUST(body != NULL);
    if (count == 0) {
        size = (size_t)sprintf(body, "{\"version\": 0, \"token\": \"\", "
                                     "\"messages\": [");
    } else {
        size = (size_t)sprintf(
            body, "{\"version\": 0, \"token\": \"T%u-%u\", \"messages\": [",
            queue->marked + 1, queue->marked + count);
    }
    for (unsigned i = 1; i <= count; i++) {
        size += (size_t)sprintf(
            body + size,
            "%s{\"id\":%u,\"datetime\":\"2019-02-15T10:32:01Z\",\"n\":%u}",
            i == 1 ? "" : ", ", queue->marked + i, queue->marked + i);
    }
    size += (size_t)sprintf(body + size, "]}");
    send_body(peer, "application/json", body, size);
    free(body);
}

static void answer_mark(struct http_peer *peer, struct fake_queue *queue)
{
    struct fake_server *server = peer->server->data;
    unsigned first = 0;
    unsigned last = 0;
    unsigned count = 0;
    char body[64];
    const char *field =
        server->form_field != NULL ? server->form_field : "token";
    const char *form = strstr(peer->request, "\r\n\r\n");
    MUST(form != NULL);
    form += 4;
    MUST(strncmp(form, field, strlen(field)) == 0);
    MUST(sscanf(form + strlen(field), "=T%u-%u", &first, &last) == 2);
    server->unaccepted_marks += last > queue->accepted;
    if (last > queue->marked) {
        count = last - queue->marked;
        queue->marked += count;
        queue->unread -= count;
    }
    if (queue->batch_max == 0) {
        int size = sprintf(body, "Marked: %u", count);
        send_body(peer, "text/plain", body, (size_t)size);
    } else {
        int size = sprintf(body, "{\"markedCount\":%u,\"unreadCount\":%u}",
                           count, queue->unread);
        send_body(peer, "application/json", body, (size_t)size);
    }
}

static bool is_post(const struct http_peer *peer)
{
    return strncmp(peer->request, "POST ", 5) == 0;
}

static void answer(struct http_peer *peer, struct fake_queue *queue)
{
    struct fake_server *server = peer->server->data;
    const char *instead =
        is_post(peer) ? queue->mark_answer : queue->fetch_answer;
    const char *raw = is_post(peer) ? queue->mark_raw : queue->fetch_raw;
    server->open_count--;
    peer->data = NULL;
    if (raw != NULL) {
        http_peer_send(peer, raw, strlen(raw));
        http_peer_close(peer);
        return;
    }
    if (instead != NULL) {
        send_text(peer, instead);
    } else if (is_post(peer)) {
        answer_mark(peer, queue);
    } else {
        answer_fetch(peer, queue);
    }
}

/* Reads path and login of the newest request; returns whose it is. */
static struct fake_queue *queue_find(struct fake_server *server,
                                     const struct http_peer *peer)
{
    char name[512] = "";
    const char *prefix = server->prefix != NULL ? server->prefix : PATH_PREFIX;
    const char *login = strstr(peer->request, "Authorization: Basic ");
    MUST(login != NULL);
    MUST(sscanf(peer->request, "%*s %1023s", server->path) == 1);
    MUST(strncmp(server->path, prefix, strlen(prefix)) == 0);
    MUST(sscanf(server->path + strlen(prefix), "%511[^/]", name) == 1);
    for (unsigned i = 0; i < server->queue_count; i++) {
        struct fake_queue *queue = &server->queues[i];
        if (strcmp(queue->name, name) == 0) {
            MUST(sscanf(login, "Authorization: Basic %255s", queue->login) ==
                 1);
            return queue;
        }
    }
    return NULL;
}

static void on_request(struct http_peer *peer)
{
    struct fake_server *server = peer->server->data;
    struct fake_queue *queue = queue_find(server, peer);
    MUST(queue != NULL);
    server->request_count++;
    if (server->in_request != NULL) {
        server->in_request(server->data);
    }
    if (++server->open_count > server->open_count_max) {
        server->open_count_max = server->open_count;
    }
    queue->fetch_count += !is_post(peer);
    queue->mark_count += is_post(peer);
    if (queue->is_held) {
        peer->data = queue;
    } else {
        answer(peer, queue);
    }
}

static void on_gone(struct http_peer *peer)
{
    struct fake_server *server = peer->server->data;
    server->open_count -= peer->data != NULL;
}

void fake_release(struct fake_server *server)
{
    struct http_peer *peer;
    for (unsigned i = 0; i < server->queue_count; i++) {
        server->queues[i].is_held = false;
    }
    LIST_FOREACH (peer, &server->http.peers, link) {
        if (peer->data != NULL) {
            answer(peer, peer->data);
        }
    }
}

void fake_open(struct fake_server *server, uv_loop_t *loop)
{
    memset(server, 0, sizeof *server);
    http_server_open(&server->http, loop);
    server->http.data = server;
    server->http.request_cb = on_request;
    server->http.gone_cb = on_gone;
}

void fake_close(struct fake_server *server)
{
    http_server_close(&server->http);
}

int fake_port(const struct fake_server *server)
{
    return server->http.port;
}
