/*
 * cycle.c - the cost of a cycle with the library: fetch 16 messages, accept
 * them in a callback, mark them.
 *
 *     cycle [-a] [-c ROUNDS] HOSTS AT-ONCE WARM-CYCLES CYCLES CA-FILE
 *
 * The library proves the API keys of a server one at a time. So each queue
 * runs one cycle and pauses; once all have done so, all resume together and
 * warm up.
 *
 * -a counts the allocations of the library after the warm-up. -c measures a
 * cold start, see rounds.h; each queue is then polled once per round.
 */
#include <haplopoll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "client.h"
#include "rounds.h"

#define INTERVAL_MS 86400000 /* effectively never: rounds request polls */

static struct {
    struct client_options options;
    struct client_meter meter;
    struct rounds rounds; /* with -c */
    struct haplo_poller *poller;
    struct haplo_queue **queues; /* at_once of them */
    unsigned proven_count;       /* queues whose first cycle is done */
    unsigned long allocations;   /* counted with -a */
} bench;

/* Memory */

static void *counted_malloc(size_t size)
{
    bench.allocations++;
    return malloc(size);
}

static void *counted_realloc(void *block, size_t size)
{
    bench.allocations++;
    return realloc(block, size);
}

/* Cycles */

static void on_deliver(struct haplo_queue *queue, struct haplo_batch batch)
{
    (void)queue;
    if (haplo_batch_message_count(batch) != BENCH_MESSAGE_COUNT) {
        client_fail("cycle: not a batch of %d messages", BENCH_MESSAGE_COUNT);
    }
    haplo_batch_accept(batch);
}

/* A queue has finished its first cycle, which proves its API key. */
static void count_proven(struct haplo_queue *queue)
{
    haplo_queue_pause(queue);
    if (++bench.proven_count < bench.options.at_once) {
        return;
    }
    for (unsigned i = 0; i < bench.options.at_once; i++) {
        haplo_queue_resume(bench.queues[i]);
    }
}

static void count_cycle(void)
{
    char extra[64];
    switch (client_meter_count(&bench.meter)) {
    case CLIENT_IS_WARM:
        bench.allocations = 0;
        break;
    case CLIENT_IS_DONE:
        (void)snprintf(extra, sizeof extra, ", \"allocations\": %lu",
                       bench.allocations);
        client_meter_print(&bench.meter, extra);
        haplo_poller_close(bench.poller, NULL);
        break;
    case CLIENT_GOES_ON:
        break;
    }
}

static void on_marked(struct haplo_queue *queue, const struct haplo_mark *mark)
{
    if (mark->marked_count != BENCH_MESSAGE_COUNT) {
        client_fail("cycle: %llu messages marked",
                    (unsigned long long)mark->marked_count);
    }
    if (bench.rounds.count > 0) {
        rounds_count(&bench.rounds);
    } else if (bench.proven_count < bench.options.at_once) {
        count_proven(queue);
    } else {
        count_cycle();
    }
}

static void on_event(struct haplo_poller *poller,
                     const struct haplo_event *event)
{
    (void)poller;
    if (event->error != 0) {
        client_fail("cycle: %s", event->text);
    }
}

/* Setting up */

static void start_all(void)
{
    for (unsigned i = 0; i < bench.options.at_once; i++) {
        haplo_queue_poll_now(bench.queues[i]);
    }
}

static void add_queue(struct haplo_server *server, unsigned index)
{
    char name[32];
    char why[HAPLO_TEXT_SIZE_MAX];
    (void)snprintf(name, sizeof name, "q%u", index);
    const struct haplo_queue_options options = {.struct_size = sizeof options,
                                                .name = name,
                                                .api_key = BENCH_KEY,
                                                .interval_ms = INTERVAL_MS,
                                                .deliver_cb = on_deliver,
                                                .marked_cb = on_marked};
    if (haplo_queue_add(server, &options, &bench.queues[index], why,
                        sizeof why) != 0) {
        client_fail("cycle: %s", why);
    }
}

/* Server i polls the queues i, i + url_count and so on concurrently. */
static void add_server(unsigned index)
{
    char name[32];
    char why[HAPLO_TEXT_SIZE_MAX];
    struct haplo_server *server;
    unsigned url_count = (unsigned)bench.options.url_count;
    unsigned at_once = bench.options.at_once;
    (void)snprintf(name, sizeof name, "s%u", index);
    const struct haplo_server_options options = {
        .struct_size = sizeof options,
        .name = name,
        .url = bench.options.urls[index],
        .tls_ca_file = bench.options.ca_file,
        .in_flight_max = (at_once + url_count - 1) / url_count};
    if (haplo_server_add(bench.poller, &options, &server, why, sizeof why) !=
        0) {
        client_fail("cycle: %s", why);
    }
    for (unsigned i = index; i < at_once; i += url_count) {
        add_queue(server, i);
    }
}

static void make_all(void)
{
    const struct haplo_poller_options options = {.struct_size = sizeof options,
                                                 .in_flight_max =
                                                     bench.options.at_once,
                                                 .event_cb = on_event};
    bench.queues = calloc(bench.options.at_once, sizeof(struct haplo_queue *));
    if (bench.queues == NULL || haplo_poller_new(uv_default_loop(), &options,
                                                 &bench.poller, NULL, 0) != 0) {
        client_fail("out of memory");
    }
    for (unsigned i = 0; i < bench.options.url_count; i++) {
        add_server(i);
    }
}

int main(int argc, char **argv)
{
    int option;
    unsigned round_count = 0;
    while ((option = getopt(argc, argv, "ac:")) != -1) {
        if (option == 'a') {
            (void)haplo_replace_allocator(counted_malloc, counted_realloc,
                                          free);
        } else if (option == 'c') {
            round_count = (unsigned)strtoul(optarg, NULL, 10);
        } else {
            return 2;
        }
    }
    client_options_read(&bench.options, argv + optind);
    client_meter_init(&bench.meter, &bench.options);
    make_all();
    if (round_count > 0) {
        rounds_start(&bench.rounds, round_count, bench.options.at_once,
                     start_all);
    } else {
        start_all();
    }
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
