/*
 * The whole library against a server that answers anything. 2 bytes are the
 * size of the answer to the fetch, which follows, head and all; the rest is the
 * answer to the mark. Each connection is closed behind its answer.
 */
#include <arpa/inet.h>
#include <string.h>

#include "core/batch.h"
#include "reading.h"

#define REQUEST_SIZE_MAX 8192

struct answer {
    char *bytes; /* owned; of that very size */
    size_t size; /* */
};

/* One connection to the server. */
struct peer {
    uv_tcp_t tcp;                   /* */
    uv_write_t write;               /* */
    char request[REQUEST_SIZE_MAX]; /* NUL behind it */
    size_t request_size;            /* */
};

static uv_loop_t loop;
static uv_tcp_t listener;
static int port; /* 0: not open yet */

/* Of the run. */
static struct answer fetch_answer;
static struct answer mark_answer;
static unsigned fetch_count;
static unsigned mark_count;
static unsigned delivered_count;
static unsigned marked_count;
static unsigned failed_count;
static char *expected_form; /* of the batch; owned */

/* -- The server ------------------------------------------------------------ */

static void on_peer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void peer_close(struct peer *peer)
{
    if (!uv_is_closing((uv_handle_t *)&peer->tcp)) {
        uv_close((uv_handle_t *)&peer->tcp, on_peer_closed);
    }
}

static void on_written(uv_write_t *write, int status)
{
    (void)status;
    peer_close((struct peer *)write->handle->data);
}

static void peer_answer(struct peer *peer)
{
    bool is_fetch = strncmp(peer->request, "GET ", 4) == 0;
    const struct answer *answer = is_fetch ? &fetch_answer : &mark_answer;
    uv_buf_t buffer = uv_buf_init(answer->bytes, (unsigned)answer->size);
    if (is_fetch) {
        fetch_count++;
    } else {
        const char *form = strstr(peer->request, "\r\n\r\n") + 4;
        mark_count++;
        FUZZ_CHECK(expected_form != NULL);
        FUZZ_CHECK(strcmp(form, expected_form) == 0);
    }
    FUZZ_CHECK(uv_read_stop((uv_stream_t *)&peer->tcp) == 0);
    FUZZ_CHECK(uv_write(&peer->write, (uv_stream_t *)&peer->tcp, &buffer, 1,
                        on_written) == 0);
}

static bool request_is_whole(const struct peer *peer)
{
    const char *end = strstr(peer->request, "\r\n\r\n");
    const char *length = strstr(peer->request, "Content-Length: ");
    if (end == NULL) {
        return false;
    }
    size_t size = length != NULL && length < end
                      ? strtoul(length + strlen("Content-Length: "), NULL, 10)
                      : 0;
    return peer->request_size >= (size_t)(end + 4 - peer->request) + size;
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buffer)
{
    struct peer *peer = handle->data;
    (void)size;
    *buffer =
        uv_buf_init(peer->request + peer->request_size,
                    (unsigned)(REQUEST_SIZE_MAX - 1 - peer->request_size));
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    struct peer *peer = stream->data;
    (void)buffer;
    if (size < 0) {
        peer_close(peer);
        return;
    }
    peer->request_size += (size_t)size;
    FUZZ_CHECK(peer->request_size < REQUEST_SIZE_MAX - 1);
    if (request_is_whole(peer)) {
        peer_answer(peer);
    }
}

static void on_connection(uv_stream_t *stream, int status)
{
    struct peer *peer = calloc(1, sizeof *peer);
    FUZZ_CHECK(peer != NULL && status == 0);
    FUZZ_CHECK(uv_tcp_init(stream->loop, &peer->tcp) == 0);
    peer->tcp.data = peer;
    FUZZ_CHECK(uv_accept(stream, (uv_stream_t *)&peer->tcp) == 0);
    FUZZ_CHECK(uv_read_start((uv_stream_t *)&peer->tcp, on_alloc, on_read) ==
               0);
}

static void listener_open(void)
{
    struct sockaddr_in address;
    struct sockaddr_storage bound;
    int size = sizeof bound;
    FUZZ_CHECK(uv_loop_init(&loop) == 0);
    FUZZ_CHECK(uv_ip4_addr("127.0.0.1", 0, &address) == 0);
    FUZZ_CHECK(uv_tcp_init(&loop, &listener) == 0);
    FUZZ_CHECK(uv_tcp_bind(&listener, (const struct sockaddr *)&address, 0) ==
               0);
    FUZZ_CHECK(uv_listen((uv_stream_t *)&listener, 64, on_connection) == 0);
    FUZZ_CHECK(
        uv_tcp_getsockname(&listener, (struct sockaddr *)&bound, &size) == 0);
    port = ntohs(((struct sockaddr_in *)(void *)&bound)->sin_port);
    uv_unref((uv_handle_t *)&listener);
}

/* -- The application ------------------------------------------------------- */

static void on_event(struct haplo_poller *poller,
                     const struct haplo_event *event)
{
    (void)poller;
    check_line(event->text, HAPLO_TEXT_SIZE_MAX);
    failed_count += event->error != 0;
}

static void on_deliver(struct haplo_queue *queue, struct haplo_batch *batch)
{
    (void)queue;
    delivered_count++;
    FUZZ_CHECK(batch->form_size > 0);
    FUZZ_CHECK(haplo_batch_message_count(batch) > 0);
    for (size_t i = 0; i < batch->message_count; i++) {
        struct haplo_slice body = batch->messages[i].body;
        FUZZ_CHECK(body.data >= batch->body && body.size > 1);
        FUZZ_CHECK(body.data + body.size <= batch->body + batch->body_size);
        FUZZ_CHECK(body.data[0] == '{' && body.data[body.size - 1] == '}');
    }
    expected_form = strndup(batch->form, batch->form_size);
    FUZZ_CHECK(expected_form != NULL);
    haplo_batch_accept(batch);
}

static void on_marked(struct haplo_queue *queue, const struct haplo_mark *mark)
{
    marked_count++;
    haplo_queue_pause(queue); /* one batch will do */
    FUZZ_CHECK(mark->next_epoch > mark->epoch);
    FUZZ_CHECK(delivered_count == 1 && mark_count > 0);
}

static struct haplo_poller *poller_open(struct haplo_queue **queue)
{
    char url[64];
    struct haplo_poller *poller;
    struct haplo_server *server;
    const struct haplo_poller_options options = {
        .struct_size = sizeof options, .seed = 1, .event_cb = on_event};
    const struct haplo_server_options server_options = {
        .struct_size = sizeof server_options,
        .name = "s",
        .url = url,
        .stall_timeout_ms = 2000,
        .total_timeout_ms = 2000};
    const struct haplo_queue_options queue_options = {
        .struct_size = sizeof queue_options,
        .name = "q",
        .api_key = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQR",
        .interval_ms = HAPLO_WAIT_MS_MAX,
        .backoff_ms = HAPLO_WAIT_MS_MAX,
        .backoff_max_ms = HAPLO_WAIT_MS_MAX,
        .mark_attempts_max = 1,
        .body_bytes_max = 1 << 20,
        .deliver_cb = on_deliver,
        .marked_cb = on_marked};
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d", port);
    FUZZ_CHECK(haplo_poller_new(&loop, &options, &poller) == 0);
    FUZZ_CHECK(haplo_server_add(poller, &server_options, &server, NULL, 0) ==
               0);
    FUZZ_CHECK(haplo_queue_add(server, &queue_options, queue, NULL, 0) == 0);
    return poller;
}

static bool queue_is_done(const struct haplo_queue *queue)
{
    struct haplo_queue_stats stats = {.struct_size = sizeof stats};
    haplo_queue_stats(queue, &stats);
    return failed_count > 0 || stats.state == HAPLO_QUEUE_PAUSED ||
           (stats.state == HAPLO_QUEUE_IDLE && stats.fetch_count > 0);
}

static void run_check(void)
{
    FUZZ_CHECK(fetch_count > 0 && delivered_count <= 1);
    FUZZ_CHECK(mark_count == 0 || delivered_count == 1);
    FUZZ_CHECK(marked_count <= 1);
    FUZZ_CHECK(marked_count == 0 ||
               memmem(mark_answer.bytes, mark_answer.size, "arked", 5) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    struct haplo_queue *queue;
    size_t fetch_size = input_byte(&input) * 256u;
    fetch_size += input_byte(&input);
    fetch_size = fetch_size < input.size ? fetch_size : input.size;
    struct fuzz_input fetch = {input.at, fetch_size};
    input = (struct fuzz_input){input.at + fetch_size, input.size - fetch_size};
    if (port == 0) {
        listener_open();
    }
    fetch_answer.bytes = input_rest(&fetch, &fetch_answer.size);
    mark_answer.bytes = input_rest(&input, &mark_answer.size);
    fetch_count = mark_count = delivered_count = marked_count = 0;
    failed_count = 0;
    struct haplo_poller *poller = poller_open(&queue);
    haplo_queue_poll_now(queue);
    while (!queue_is_done(queue)) {
        FUZZ_CHECK(uv_run(&loop, UV_RUN_ONCE) != 0 || queue_is_done(queue));
    }
    haplo_poller_close(poller, NULL);
    FUZZ_CHECK(uv_run(&loop, UV_RUN_DEFAULT) == 0);
    run_check();
    free(fetch_answer.bytes);
    free(mark_answer.bytes);
    free(expected_form);
    expected_form = NULL;
    return 0;
}
