/*
 * cycle.c - what a cycle costs the poller: fetch 16 messages, accept them,
 * mark them. Prints CPU microseconds of this process for one cycle.
 *
 *     cycle URL QUEUES AT-ONCE CYCLES [CA-FILE]
 *
 * The server is expected to answer each fetch with the same batch, and each
 * mark with messages left, so that every queue goes on at once.
 */
#include <haplopoll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

struct bench {
    struct haplo_poller *poller; /* */
    unsigned long cycles;        /* done */
    unsigned long warm_cycles;   /* not counted: connections, pools */
    unsigned long cycles_max;    /* then it ends */
    double warm_us;              /* CPU time when they were done */
    double all_us;               /* CPU time at the end */
};

static double cpu_us(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0) {
        return 0;
    }
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static void on_deliver(struct haplo_queue *queue, struct haplo_batch *batch)
{
    (void)queue;
    haplo_batch_accept(batch);
}

static void on_marked(struct haplo_queue *queue, const struct haplo_mark *mark)
{
    struct bench *bench = haplo_queue_data(queue);
    (void)mark;
    bench->cycles++;
    if (bench->cycles == bench->warm_cycles) {
        bench->warm_us = cpu_us();
    } else if (bench->cycles == bench->cycles_max) {
        bench->all_us = cpu_us();
        haplo_poller_close(bench->poller, NULL);
    }
}

static void on_event(struct haplo_poller *poller,
                     const struct haplo_event *event)
{
    (void)poller;
    if (event->error != 0) {
        fprintf(stderr, "%s\n", event->text);
        exit(1);
    }
}

static int add_queues(struct bench *bench, struct haplo_server *server,
                      int count)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    for (int i = 0; i < count; i++) {
        char name[32];
        struct haplo_queue *queue;
        snprintf(name, sizeof name, "q%d", i);
        const struct haplo_queue_options options = {
            .struct_size = sizeof options,
            .name = name,
            .api_key = "0123456789012345678901234567890123456789abcd",
            .deliver_cb = on_deliver,
            .marked_cb = on_marked,
            .data = bench};
        if (haplo_queue_add(server, &options, &queue, why, sizeof why) != 0) {
            fprintf(stderr, "%s\n", why);
            return 1;
        }
        haplo_queue_poll_now(queue);
    }
    return 0;
}

int main(int argc, char **argv)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    struct haplo_server *server;
    if (argc < 5) {
        fprintf(stderr, "usage: cycle URL QUEUES AT-ONCE CYCLES [CA-FILE]\n");
        return 2;
    }
    struct bench bench = {.cycles_max = strtoul(argv[4], NULL, 10)};
    bench.warm_cycles = bench.cycles_max / 10 + 1;
    unsigned at_once = (unsigned)strtoul(argv[3], NULL, 10);
    const struct haplo_poller_options poller_options = {
        .struct_size = sizeof poller_options,
        .in_flight_max = at_once,
        .event_cb = on_event};
    const struct haplo_server_options server_options = {
        .struct_size = sizeof server_options,
        .name = "bench",
        .url = argv[1],
        .tls_ca_file = argc > 5 ? argv[5] : NULL,
        .in_flight_max = at_once};
    if (haplo_poller_new(uv_default_loop(), &poller_options, &bench.poller) !=
            0 ||
        haplo_server_add(bench.poller, &server_options, &server, why,
                         sizeof why) != 0) {
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    if (add_queues(&bench, server, (int)strtol(argv[2], NULL, 10)) != 0) {
        return 1;
    }
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    printf("%.1f\n", (bench.all_us - bench.warm_us) /
                         (double)(bench.cycles_max - bench.warm_cycles));
    return 0;
}
