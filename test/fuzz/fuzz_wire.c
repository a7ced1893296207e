/*
 * The whole library against a server that answers anything. 2 bytes are the
 * size of the response to the fetch, which follows, head and all; the rest is
 * the response to the mark. Each connection is closed after its response.
 */
#include <string.h>

#include "core/batch.h"
#include "http_server.h"
#include "reading.h"

struct answer {
    char *bytes; /* owned; of exactly that size */
    size_t size; /* of bytes */
};

static uv_loop_t loop;
static struct http_server fake; /* open from the first run on */

/* Of the run. */
static struct answer fetch_answer;
static struct answer mark_answer;
static unsigned fetch_count;
static unsigned mark_count;
static unsigned delivered_count;
static unsigned marked_count;
static unsigned failed_count;
static char *expected_form; /* of the batch; owned */

static void on_request(struct http_peer *peer)
{
    bool is_fetch = strncmp(peer->request, "GET ", 4) == 0;
    const struct answer *answer = is_fetch ? &fetch_answer : &mark_answer;
    if (is_fetch) {
        fetch_count++;
    } else {
        const char *form = strstr(peer->request, "\r\n\r\n") + 4;
        mark_count++;
        FUZZ_CHECK(expected_form != NULL);
        FUZZ_CHECK(strcmp(form, expected_form) == 0);
    }
    http_peer_send(peer, answer->bytes, answer->size);
    http_peer_close(peer);
}

static void server_open(void)
{
    FUZZ_CHECK(uv_loop_init(&loop) == 0);
    http_server_open(&fake, &loop);
    fake.request_cb = on_request;
}

/* The application */

static void on_event(struct haplo_poller *poller,
                     const struct haplo_event *event)
{
    (void)poller;
    check_line(event->text, HAPLO_TEXT_SIZE_MAX);
    failed_count += event->error != 0;
}

static void on_deliver(struct haplo_queue *queue, struct haplo_batch handle)
{
    const struct batch *batch = batch_lent(handle);
    (void)queue;
    delivered_count++;
    FUZZ_CHECK(batch != NULL);
    FUZZ_CHECK(batch->form_size > 0);
    FUZZ_CHECK(haplo_batch_message_count(handle) > 0);
    for (size_t i = 0; i < batch->message_count; i++) {
        struct haplo_slice body = batch->messages[i].body;
        FUZZ_CHECK(body.data >= batch->body && body.size > 1);
        FUZZ_CHECK(body.data + body.size <= batch->body + batch->body_size);
        FUZZ_CHECK(body.data[0] == '{' && body.data[body.size - 1] == '}');
    }
    expected_form = strndup(batch->form, batch->form_size);
    FUZZ_CHECK(expected_form != NULL);
    haplo_batch_accept(handle);
}

static void on_marked(struct haplo_queue *queue, const struct haplo_mark *mark)
{
    marked_count++;
    haplo_queue_pause(queue); /* one batch will do */
    FUZZ_CHECK(mark->state.size > 0);
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
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d", fake.port);
    FUZZ_CHECK(haplo_poller_new(&loop, &options, &poller, NULL, 0) == 0);
    FUZZ_CHECK(haplo_server_add(poller, &server_options, &server, NULL, 0) ==
               0);
    FUZZ_CHECK(haplo_queue_add(server, &queue_options, queue, NULL, 0) == 0);
    return poller;
}

static bool queue_is_done(const struct haplo_queue *queue)
{
    struct haplo_queue_stats stats = {.struct_size = sizeof stats};
    haplo_queue_get_stats(queue, &stats);
    return failed_count > 0 || stats.state == HAPLO_QUEUE_PAUSED ||
           (stats.state == HAPLO_QUEUE_IDLE && stats.fetch_count > 0);
}

static void run_check(void)
{
    /* On a slow machine, the time may be over before the fetch is sent. */
    FUZZ_CHECK((fetch_count > 0 || failed_count > 0) && delivered_count <= 1);
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
    if (fake.port == 0) {
        server_open();
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
    http_server_drop_peers(&fake);
    FUZZ_CHECK(uv_run(&loop, UV_RUN_DEFAULT) == 0);
    run_check();
    free(fetch_answer.bytes);
    free(mark_answer.bytes);
    free(expected_form);
    expected_form = NULL;
    return 0;
}
