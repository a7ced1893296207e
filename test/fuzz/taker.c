#include "taker.h"

static uv_loop_t *taker_loop(void)
{
    static uv_loop_t loop;
    static bool is_made;
    if (!is_made) {
        is_made = uv_loop_init(&loop) == 0;
        FUZZ_CHECK(is_made);
    }
    return &loop;
}

static void check_why(int error, const char *why, size_t why_size)
{
    check_line(why, why_size);
    FUZZ_CHECK((error == 0) == (why[0] == '\0'));
    FUZZ_CHECK(error == 0 || error == HAPLO_EINVAL || error == HAPLO_EEXIST);
}

static void on_deliver(struct haplo_queue *queue, struct haplo_batch batch)
{
    (void)queue;
    haplo_batch_reject(batch, NULL);
}

struct haplo_poller *taker_open(void)
{
    struct haplo_poller *poller;
    FUZZ_CHECK(haplo_poller_new(taker_loop(), NULL, &poller, NULL, 0) == 0);
    return poller;
}

int taker_add_server(struct haplo_poller *poller,
                     const struct haplo_server_options *options,
                     struct haplo_server **server)
{
    char why[HAPLO_TEXT_SIZE_MAX] = "";
    int error = haplo_server_add(poller, options, server, why, sizeof why);
    check_why(error, why, sizeof why);
    return error;
}

int taker_add_queue(struct haplo_server *server,
                    const struct haplo_queue_options *given)
{
    char why[HAPLO_TEXT_SIZE_MAX] = "";
    struct haplo_queue_options options = *given;
    struct haplo_queue *queue;
    options.api_key = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQR";
    options.deliver_cb = on_deliver;
    /* Not now: nothing is to be polled. */
    options.interval_ms = HAPLO_WAIT_MS_MAX;
    int error = haplo_queue_add(server, &options, &queue, why, sizeof why);
    check_why(error, why, sizeof why);
    return error;
}

void taker_close(struct haplo_poller *poller)
{
    haplo_poller_close(poller, NULL);
    FUZZ_CHECK(uv_run(taker_loop(), UV_RUN_DEFAULT) == 0);
}
