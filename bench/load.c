/*
 * load.c - queues that are polled at their intervals, for a time: how late
 * polls start, what they cost, and whether memory stays as it is.
 *
 *     load HOSTS CA-FILE QUEUES INTERVAL-MS AT-ONCE SETTLE-SECONDS SECONDS
 *
 * AT-ONCE is for each server. Measuring begins when all queues have been added
 * and an interval has passed, in which they have found their places; if polls
 * are late still, at most SETTLE-SECONDS later. A line of JSON every ten
 * seconds, and one at the end. A poll is late by the time from when it was due
 * to when its fetch was begun.
 */
#include <haplopoll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "client.h"
#include "histogram.h"

#define ADDED_A_TURN 200 /* queues, so that polls go on meanwhile */
#define REPORT_MS 10000
#define SETTLE_STEP_MS 1000
#define LATE_MS \
    100.0 /* what was late for lack of time while queues were added */

struct load_queue {
    double due_ms; /* its next poll; 0: unknown */
};

static struct {
    struct client_options options; /* only hosts and CA file */
    unsigned long queue_count;     /* */
    unsigned long added_count;     /* */
    uint64_t interval_ms;          /* */
    unsigned at_once;              /* of each server */
    uint64_t settle_ms;            /* at most, until nothing is late */
    uint64_t settled_ms;           /* of those, so far */
    uint64_t late_count;           /* polls in this second of settling */
    uint64_t run_ms;               /* measured */
    struct haplo_poller *poller;   /* */
    struct haplo_server **servers; /* */
    struct load_queue *queues;     /* */
    uv_idle_t adding;              /* */
    uv_timer_t timer;              /* settling, running, reporting */
    bool is_measuring;             /* */
    double cpu_us;                 /* at the start of that */
    double wall_us;                /* the same */
    uint64_t fetch_count;          /* since then */
    uint64_t mark_count;           /* since then */
    uint64_t failure_count;        /* since the program's start */
    struct histogram lateness;     /* since the measuring's start */
} load;

static double now_ms(void)
{
    return (double)uv_hrtime() / 1e6;
}

/* -- What happens to queues ----------------------------------------------- */

static void on_deliver(struct haplo_queue *queue, struct haplo_batch *batch)
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

/* -- Reports -------------------------------------------------------------- */

static void report(const char *what)
{
    double wall_us = client_wall_us() - load.wall_us;
    struct haplo_poller_stats stats = {.struct_size = sizeof stats};
    haplo_poller_stats(load.poller, &stats);
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

/* -- Setting up ----------------------------------------------------------- */

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
    haplo_queue_stats(queue, &stats);
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
        haplo_poller_new(uv_default_loop(), &poller_options, &load.poller) !=
            0) {
        client_fail("load: no memory");
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
        client_fail("load: no loop");
    }
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
