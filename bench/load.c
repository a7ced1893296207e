/*
 * load.c - polls queues at their intervals for a while and measures how late
 * polls start, what they cost and whether memory use is stable.
 *
 *     load HOSTS CA-FILE QUEUES INTERVAL-MS AT-ONCE SETTLE-SECONDS SECONDS
 *
 * AT-ONCE applies per server. Measuring starts one interval after all queues
 * have been added, when their polls have spread out; if polls are still late
 * then, at most SETTLE-SECONDS later. Prints a line of JSON every ten seconds
 * and one at the end. The lateness of a poll is the time from when it was due
 * to the start of its fetch.
 */
#include <haplopoll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "client.h"
#include "histogram.h"

#define ADDED_A_TURN 200 /* queues per turn, so polling continues */
#define REPORT_MS 10000
#define SETTLE_STEP_MS 1000
/* Polls later than this are still delayed by the adding of queues. */
#define LATE_MS 100.0

struct load_queue {
    double due_ms; /* when its next poll is due; 0: unknown */
};

static struct {
    struct client_options options; /* only hosts and CA file are used */
    unsigned long queue_count;
    unsigned long added_count;
    uint64_t interval_ms;
    unsigned at_once;    /* per server */
    uint64_t settle_ms;  /* limit for settling */
    uint64_t settled_ms; /* time spent settling so far */
    uint64_t late_count; /* late polls in this second of settling */
    uint64_t run_ms;     /* how long to measure */
    struct haplo_poller *poller;
    struct haplo_server **servers;
    struct load_queue *queues;
    uv_idle_t adding; /* adds queues while the loop is idle */
    uv_timer_t timer; /* for settling, measuring and reports */
    bool is_measuring;
    double cpu_us;             /* CPU time when measuring started */
    double wall_us;            /* wall-clock time when it started */
    uint64_t fetch_count;      /* since measuring started */
    uint64_t mark_count;       /* since measuring started */
    uint64_t failure_count;    /* since the program started */
    struct histogram lateness; /* since measuring started */
} load;

static double now_ms(void)
{
    return (double)uv_hrtime() / 1e6;
}

/* What happens to queues */

static void on_deliver(struct haplo_queue *queue, struct haplo_batch batch)
{
    (void)queue;
    haplo_batch_accept(batch);
}

static void on_marked(struct haplo_queue *queue, const struct haplo_mark *mark)
{
    (void)queue;
    (void)mark;
    load.mark_count++;
}

static void fetch_begins(struct load_queue *queue)
{
    double late_ms = now_ms() - queue->due_ms;
    load.fetch_count++;
    if (queue->due_ms > 0) {
        load.late_count += late_ms > LATE_MS;
        if (load.is_measuring) {
            histogram_add(&load.lateness, late_ms);
        }
    }
    queue->due_ms = 0;
}

static void on_event(struct haplo_poller *poller,
                     const struct haplo_event *event)
{
    (void)poller;
    if (event->error != 0) {
        if (load.failure_count++ < 10) {
            (void)fprintf(stderr, "load: %s\n", event->text);
        }
        return;
    }
    if (event->queue == NULL) {
        return;
    }
    struct load_queue *queue = haplo_queue_data(event->queue);
    if (event->to == HAPLO_QUEUE_IDLE) {
        queue->due_ms = (double)(event->now_ms + event->delay_ms);
    } else if (event->to == HAPLO_QUEUE_FETCHING) {
        fetch_begins(queue);
    }
}

/* Reports */

static void report(const char *what)
{
    double wall_us = client_wall_us() - load.wall_us;
    struct haplo_poller_stats stats = {.struct_size = sizeof stats};
    haplo_poller_get_stats(load.poller, &stats);
    printf("{\"report\": \"%s\", \"seconds\": %.1f, \"cpu_us\": %.0f, "
           "\"fetches\": %llu, \"marks\": %llu, \"failures\": %llu, "
           "\"connections\": %llu, \"resident_kib\": %ld, "
           "\"late_p50_ms\": %.1f, \"late_p99_ms\": %.1f, "
           "\"late_max_ms\": %.1f}\n",
           what, wall_us / 1e6, client_cpu_us() - load.cpu_us,
           (unsigned long long)load.fetch_count,
           (unsigned long long)load.mark_count,
           (unsigned long long)load.failure_count,
           (unsigned long long)stats.connection_count, client_resident_kib(),
           histogram_at(&load.lateness, 0.50),
           histogram_at(&load.lateness, 0.99), load.lateness.max_ms);
    (void)fflush(stdout);
}

static void on_report(uv_timer_t *timer)
{
    if (client_wall_us() - load.wall_us >= (double)load.run_ms * 1e3) {
        report("end");
        exit(0);
    }
    report("so far");
    double left_ms =
        (double)load.run_ms - (client_wall_us() - load.wall_us) / 1e3;
    uint64_t wait_ms = left_ms < REPORT_MS
                           ? (uint64_t)(left_ms > 0 ? left_ms + 1 : 1)
                           : REPORT_MS;
    (void)uv_timer_start(timer, on_report, wait_ms, 0);
}

static void on_settling(uv_timer_t *timer)
{
    load.settled_ms += SETTLE_STEP_MS;
    bool is_late = load.late_count > 0 && load.settled_ms < load.settle_ms;
    if (is_late || load.settled_ms < load.interval_ms) {
        load.late_count = 0;
        (void)uv_timer_start(timer, on_settling, SETTLE_STEP_MS, 0);
        return;
    }
    load.is_measuring = true;
    load.cpu_us = client_cpu_us();
    load.wall_us = client_wall_us();
    load.fetch_count = 0;
    load.mark_count = 0;
    on_report(timer);
}

/* Setting up */

static void add_queue(unsigned long index)
{
    char name[32];
    char why[HAPLO_TEXT_SIZE_MAX];
    struct haplo_queue *queue;
    struct haplo_queue_stats stats = {.struct_size = sizeof stats};
    const struct haplo_queue_options options = {.struct_size = sizeof options,
                                                .name = name,
                                                .api_key = BENCH_KEY,
                                                .interval_ms = load.interval_ms,
                                                .deliver_cb = on_deliver,
                                                .marked_cb = on_marked,
                                                .data = &load.queues[index]};
    (void)snprintf(name, sizeof name, "q%lu", index);
    if (haplo_queue_add(load.servers[index % load.options.url_count], &options,
                        &queue, why, sizeof why) != 0) {
        client_fail("load: %s", why);
    }
    haplo_queue_get_stats(queue, &stats);
    load.queues[index].due_ms =
        (double)(uv_now(uv_default_loop()) + stats.wait_ms);
}

static void on_adding(uv_idle_t *idle)
{
    for (int i = 0; i < ADDED_A_TURN && load.added_count < load.queue_count;
         i++) {
        add_queue(load.added_count++);
    }
    if (load.added_count == load.queue_count) {
        (void)uv_idle_stop(idle);
        load.settle_ms += load.interval_ms;
        (void)uv_timer_start(&load.timer, on_settling, SETTLE_STEP_MS, 0);
    }
}

static void add_servers(void)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    const struct haplo_poller_options poller_options = {
        .struct_size = sizeof poller_options, .event_cb = on_event};
    size_t count = load.options.url_count;
    load.servers = calloc(count, sizeof(struct haplo_server *));
    load.queues = calloc(load.queue_count, sizeof *load.queues);
    if (load.servers == NULL || load.queues == NULL ||
        haplo_poller_new(uv_default_loop(), &poller_options, &load.poller, NULL,
                         0) != 0) {
        client_fail("load: out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        char name[32];
        const struct haplo_server_options options = {
            .struct_size = sizeof options,
            .name = name,
            .url = load.options.urls[i],
            .tls_ca_file = load.options.ca_file,
            .in_flight_max = load.at_once};
        (void)snprintf(name, sizeof name, "s%zu", i);
        if (haplo_server_add(load.poller, &options, &load.servers[i], why,
                             sizeof why) != 0) {
            client_fail("load: %s", why);
        }
    }
}

int main(int argc, char **argv)
{
    if (argc != 8) {
        (void)fputs("usage: load HOSTS CA-FILE QUEUES INTERVAL-MS AT-ONCE "
                    "SETTLE-SECONDS SECONDS\n",
                    stderr);
        return 2;
    }
    client_hosts_read(&load.options, argv[1]);
    load.options.ca_file = strcmp(argv[2], "-") == 0 ? NULL : argv[2];
    load.queue_count = strtoul(argv[3], NULL, 10);
    load.interval_ms = strtoul(argv[4], NULL, 10);
    load.at_once = (unsigned)strtoul(argv[5], NULL, 10);
    load.settle_ms = strtoul(argv[6], NULL, 10) * 1000;
    load.run_ms = strtoul(argv[7], NULL, 10) * 1000;
    add_servers();
    if (uv_timer_init(uv_default_loop(), &load.timer) != 0 ||
        uv_idle_init(uv_default_loop(), &load.adding) != 0 ||
        uv_idle_start(&load.adding, on_adding) != 0) {
        client_fail("load: cannot create the event loop");
    }
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
