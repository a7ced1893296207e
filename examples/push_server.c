/* push_server.c - a TCP server that also polls on its loop, and pushes messages
 * to its client: push_server PORT URL QUEUE... < FILE-WITH-THE-API-KEY
 * A NUL follows each message, which may have several lines. The client stores
 * it and answers with a line. After the last answer, a batch is accepted. So
 * while the client is slow or absent, each queue waits with one batch. */
#include <haplopoll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uv_tcp_t listener, client;
static struct haplo_batch waiting[100]; /* the client gets the first */
static size_t waiting_count, at;        /* the next message of the first */

static void on_connection(uv_stream_t *stream, int error);
static void on_written(uv_write_t *write, int error);

static void on_gone(uv_handle_t *handle)
{
    at = 0; /* the next one gets the batch from its start */
    uv_tcp_init(handle->loop, &client);
    on_connection((uv_stream_t *)&listener, 0); /* if one is there already */
}

/* Nothing is copied: the body is borrowed until the batch is answered. Nothing
 * is read before it has been sent, so that no answer can come too early. */
static void push(void)
{
    static uv_write_t write;
    if (waiting_count > 0 && uv_is_writable((uv_stream_t *)&client)) {
        struct haplo_slice body = haplo_batch_messages(waiting[0])[at].body;
        uv_buf_t line[] = {{(char *)body.data, body.size}, {(char *)"", 1}};
        uv_read_stop((uv_stream_t *)&client);
        if (uv_write(&write, (uv_stream_t *)&client, line, 2, on_written)) {
            uv_close((uv_handle_t *)&client, on_gone);
        }
    }
}

static void on_deliver(struct haplo_queue *queue, struct haplo_batch batch)
{
    (void)queue;
    waiting[waiting_count] = batch; /* a queue never has more than one */
    if (waiting_count++ == 0) {
        push();
    }
}

static void on_space(uv_handle_t *handle, size_t size, uv_buf_t *space)
{
    static char bytes[64];
    (void)handle, (void)size;
    *space = uv_buf_init(bytes, sizeof bytes);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *from)
{
    if (size < 0) {
        uv_close((uv_handle_t *)stream, on_gone);
    } else if (waiting_count > 0 && memchr(from->base, '\n', (size_t)size)) {
        if (++at == haplo_batch_message_count(waiting[0])) {
            haplo_batch_accept(waiting[0]);
            memmove(waiting, waiting + 1, --waiting_count * sizeof *waiting);
            at = 0;
        }
        push();
    }
}

static void on_written(uv_write_t *write, int error)
{
    (void)write;
    if (error || uv_read_start((uv_stream_t *)&client, on_space, on_read)) {
        uv_close((uv_handle_t *)&client, on_gone);
    }
}

/* uv_accept() refuses whoever comes while there is a client. */
static void on_connection(uv_stream_t *stream, int error)
{
    if (error == 0 && !uv_is_closing((uv_handle_t *)&client) &&
        uv_accept(stream, (uv_stream_t *)&client) == 0) {
        on_written(NULL, 0);
        push();
    }
}

int main(int argc, char **argv)
{
    char key[HAPLO_KEY_SIZE_MAX + 2] = "", why[HAPLO_TEXT_SIZE_MAX] = "";
    uv_loop_t *loop = uv_default_loop();
    struct haplo_poller *poller;
    struct haplo_server *server;
    struct haplo_queue *queue;
    struct sockaddr_in here;
    if (argc < 4 || argc > 100 || !fgets(key, sizeof key, stdin) ||
        uv_ip4_addr("127.0.0.1", atoi(argv[1]), &here) ||
        uv_tcp_init(loop, &client) || uv_tcp_init(loop, &listener) ||
        uv_tcp_bind(&listener, (struct sockaddr *)&here, 0) ||
        uv_listen((uv_stream_t *)&listener, 8, on_connection)) {
        return 2;
    }
    struct haplo_server_options at_url = {
        .struct_size = sizeof at_url, .name = "server", .url = argv[2]};
    struct haplo_queue_options options = {.struct_size = sizeof options,
                                          .api_key = strtok(key, "\n"),
                                          .interval_ms = 1000,
                                          .deliver_cb = on_deliver};
    int error = haplo_poller_new(loop, NULL, &poller, why, sizeof why) ||
                haplo_server_add(poller, &at_url, &server, why, sizeof why);
    for (int i = 3; i < argc && !error; i++) {
        options.name = argv[i];
        error = haplo_queue_add(server, &options, &queue, why, sizeof why);
    }
    if (error) {
        fprintf(stderr, "%s\n", why);
    }
    return error ? 2 : uv_run(loop, UV_RUN_DEFAULT);
}
