/*
 * micro.c - parts of the product, each alone:
 *
 *     micro NAME COUNT FOLDER
 *
 * Runs the part COUNT times after a warm-up, and prints how many operations
 * that were and how many nanoseconds one took. Under valgrind's callgrind,
 * with --instr-atstart=no, only those are counted: the instructions of an
 * operation are the same in every run. FOLDER holds body.json, and receives
 * an inbox.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <valgrind/callgrind.h>

#include "core/batch.h"
#include "core/fetch_reply.h"
#include "core/mark_reply.h"
#include "core/scheduler.h"
#include "sinks/inbox_group.h"
#include "sinks/inbox_store.h"

#define BODY_SIZE_MAX 65536
#define BODY_BYTES_MAX ((size_t)64 << 20)
#define QUEUES_A_SERVER 100
#define INTERVAL_MS 60000
#define GROUP_BATCHES 64

static const char mark_body[] = "{\"markedCount\":16,\"unreadCount\":5}";

static const char *folder;
static double started_ns;

_Noreturn static void fail(const char *what)
{
    (void)fprintf(stderr, "micro: %s\n", what);
    exit(1);
}

static double now_ns(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) {
        fail("no clock");
    }
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void measure_begin(void)
{
    CALLGRIND_START_INSTRUMENTATION;
    started_ns = now_ns();
}

static void measure_end(uint64_t operations)
{
    double ns = now_ns() - started_ns;
    CALLGRIND_STOP_INSTRUMENTATION;
    printf("{\"operations\": %llu, \"ns\": %.1f}\n",
           (unsigned long long)operations, ns / (double)operations);
}

/* -- Answers -------------------------------------------------------------- */

static char body[BODY_SIZE_MAX];
static size_t body_size;
static struct fetch_format format;

static void body_load(void)
{
    static const struct haplo_queue_options options = {.struct_size =
                                                           sizeof options};
    char path[4096];
    struct reason why;
    (void)snprintf(path, sizeof path, "%s/body.json", folder);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        fail("no body.json");
    }
    body_size = fread(body, 1, sizeof body, file);
    (void)fclose(file);
    if (fetch_format_init(&format, &options, &why) != 0) {
        fail(why.text);
    }
}

/* In pieces as libcurl hands them over. */
static void body_read(struct haplo_batch *batch)
{
    static struct fetch_reply reply;
    static struct reason why;
    const struct http_head head = {.status = 200,
                                   .content_type = "application/json",
                                   .content_size = (int64_t)body_size};
    fetch_reply_begin(&reply, &format, batch, BODY_BYTES_MAX, &why);
    fetch_reply_head(&reply, &head);
    if (fetch_reply_data(&reply, body, body_size) != 0 ||
        fetch_reply_end(&reply) != 0 || batch->message_count != 16) {
        fail(why.text);
    }
}

static void parse_fetch(uint64_t count)
{
    body_load();
    struct haplo_batch *batch = batch_new();
    for (uint64_t i = 0; i < 2 * count; i++) {
        if (i == count) {
            measure_begin();
        }
        body_read(batch);
        batch_reset(batch);
    }
    measure_end(count);
}

static void parse_mark(uint64_t count)
{
    static struct mark_reply reply;
    static struct reason why;
    const struct http_head head = {.status = 200,
                                   .content_type =
                                       "application/json; charset=utf-8",
                                   .content_size = sizeof mark_body - 1};
    for (uint64_t i = 0; i < 2 * count; i++) {
        if (i == count) {
            measure_begin();
        }
        mark_reply_begin(&reply, &why);
        mark_reply_head(&reply, &head);
        if (mark_reply_data(&reply, mark_body, sizeof mark_body - 1) != 0 ||
            mark_reply_end(&reply) != 0) {
            fail(why.text);
        }
    }
    measure_end(count);
}

/* -- State machine and scheduler ------------------------------------------ */

static const struct queue_policy policy = {.interval_ms = INTERVAL_MS,
                                           .backoff_ms = 1000,
                                           .backoff_max_ms = 300000,
                                           .refused_ms = 900000,
                                           .mark_attempts_max = 4};
static const struct server_policy server_policy = {
    .in_flight_max = 1, .failed_logins_max = 5, .breaker_failures = 5};

static void on_queue_trace(void *data, const struct queue *queue,
                           enum haplo_queue_state from, int error)
{
    (void)data;
    (void)queue;
    (void)from;
    (void)error;
}

static void on_server_trace(void *data, const struct server *server,
                            enum haplo_server_state from, int error)
{
    (void)data;
    (void)server;
    (void)from;
    (void)error;
}

/* One cycle is six steps. */
static const struct queue_event cycle_events[] = {
    {.kind = QUEUE_EVENT_DUE},
    {.kind = QUEUE_EVENT_STARTED},
    {.kind = QUEUE_EVENT_FETCHED, .count = 16},
    {.kind = QUEUE_EVENT_ACCEPTED},
    {.kind = QUEUE_EVENT_STARTED},
    {.kind = QUEUE_EVENT_MARKED, .count = 16, .unread_count = 0}};

static void queue_steps(uint64_t count)
{
    static struct server server;
    static struct queue queue;
    struct random random = {.state = 1};
    const size_t event_count = sizeof cycle_events / sizeof cycle_events[0];
    const struct step_context context = {
        .now_ms = 1, .random = &random, .trace_cb = on_queue_trace};
    server_init(&server, &server_policy);
    queue_init(&queue, &policy, &server, 0, false, 0);
    queue.key_proven = true;
    for (uint64_t i = 0; i < 2 * count; i++) {
        if (i == count) {
            measure_begin();
        }
        for (size_t j = 0; j < event_count; j++) {
            (void)queue_step(&queue, &cycle_events[j], &context);
        }
        if (queue.state != HAPLO_QUEUE_IDLE) {
            fail("the queue did not finish its cycle");
        }
    }
    measure_end(count * event_count);
}

struct scene {
    struct scheduler scheduler; /* */
    struct server *servers;     /* */
    struct queue *queues;       /* */
};

static void scene_make(struct scene *scene, size_t queue_count)
{
    size_t server_count = (queue_count + QUEUES_A_SERVER - 1) / QUEUES_A_SERVER;
    struct random places = {.state = 7};
    scene->servers = calloc(server_count, sizeof *scene->servers);
    scene->queues = calloc(queue_count, sizeof *scene->queues);
    if (scene->servers == NULL || scene->queues == NULL) {
        fail("out of memory");
    }
    scheduler_init(&scene->scheduler, 256, SIZE_MAX, 1);
    scene->scheduler.queue_trace_cb = on_queue_trace;
    scene->scheduler.server_trace_cb = on_server_trace;
    for (size_t i = 0; i < server_count; i++) {
        server_init(&scene->servers[i], &server_policy);
        if (scheduler_add_server(&scene->scheduler, &scene->servers[i]) != 0) {
            fail("out of memory");
        }
    }
    for (size_t i = 0; i < queue_count; i++) {
        struct queue *queue = &scene->queues[i];
        queue_init(queue, &policy, &scene->servers[i % server_count], 0, false,
                   random_below(&places, INTERVAL_MS));
        queue->key_proven = true;
        if (scheduler_add_queue(&scene->scheduler, queue) != 0) {
            fail("out of memory");
        }
    }
}

/* The first one that is due is taken out, fetches nothing, and is put in. */
static void scene_poll_one(struct scene *scene)
{
    static const struct queue_event due = {.kind = QUEUE_EVENT_DUE};
    static const struct queue_event empty = {.kind = QUEUE_EVENT_EMPTY};
    struct scheduler *scheduler = &scene->scheduler;
    uint64_t now_ms = scheduler_due_ms(scheduler);
    struct queue *queue = scheduler_take_due(scheduler, now_ms);
    (void)scheduler_step(scheduler, queue, &due, now_ms);
    if (scheduler_next(scheduler, now_ms) != queue) {
        fail("another queue's turn");
    }
    scheduler_request_ended(scheduler, queue, 0, now_ms);
    (void)scheduler_step(scheduler, queue, &empty, now_ms);
}

static void scheduler_turns(size_t queue_count, uint64_t count)
{
    struct scene scene;
    scene_make(&scene, queue_count);
    for (uint64_t i = 0; i < 2 * count; i++) {
        if (i == count) {
            measure_begin();
        }
        scene_poll_one(&scene);
    }
    measure_end(count);
}

static void scheduler_1k(uint64_t count)
{
    scheduler_turns(1000, count);
}

static void scheduler_100k(uint64_t count)
{
    scheduler_turns(100000, count);
}

static void scheduler_1m(uint64_t count)
{
    scheduler_turns(1000000, count);
}

/* -- The inbox ------------------------------------------------------------ */

struct group_scene {
    struct inbox_store *store;                      /* */
    struct inbox_queue_set queues;                  /* */
    struct sink sink;                               /* */
    struct haplo_batch *batches[GROUP_BATCHES];     /* one of each queue */
    struct sink_delivery deliveries[GROUP_BATCHES]; /* of those */
};

static struct inbox_queue *group_queue(struct group_scene *scene, int index)
{
    char name[16];
    (void)snprintf(name, sizeof name, "q%d", index);
    struct inbox_queue *queue =
        inbox_queue_get(&scene->queues, &scene->sink, "server", name);
    if (queue == NULL) {
        fail("out of memory");
    }
    return queue;
}

static void group_scene_make(struct group_scene *scene)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    char path[4096];
    memset(scene, 0, sizeof *scene);
    (void)snprintf(path, sizeof path, "%s/inbox.db", folder);
    if (inbox_store_open(path, &scene->store, why, sizeof why) != 0) {
        fail(why);
    }
    for (int i = 0; i < GROUP_BATCHES; i++) {
        scene->batches[i] = batch_new();
        body_read(scene->batches[i]);
    }
}

/* Every batch is one of a new epoch, so that all of its messages are new. */
static void group_write(struct group_scene *scene, uint64_t epoch)
{
    struct inbox_group group = {.part_count = 0};
    struct inbox_delivery_list line = {.first = NULL};
    for (int i = 0; i < GROUP_BATCHES; i++) {
        scene->batches[i]->epoch = epoch;
        scene->deliveries[i] =
            (struct sink_delivery){.queue = &group_queue(scene, i)->base,
                                   .batch = scene->batches[i],
                                   .received_at_ms = 1767225600000};
        inbox_delivery_push(&line, &scene->deliveries[i]);
    }
    inbox_group_take(&group, &line, SIZE_MAX);
    inbox_group_write(&group, scene->store);
    if (group.fault != INBOX_FINE || group.part_count != GROUP_BATCHES ||
        scene->deliveries[0].stored_count != 16) {
        fail(scene->store->why);
    }
}

static void inbox_messages(uint64_t count)
{
    static struct group_scene scene;
    body_load();
    group_scene_make(&scene);
    for (uint64_t i = 0; i < 2 * count; i++) {
        if (i == count) {
            measure_begin();
        }
        group_write(&scene, i);
    }
    measure_end(count * GROUP_BATCHES * 16);
    inbox_store_close(scene.store);
}

static void epochs_write(struct group_scene *scene, uint64_t epoch)
{
    struct inbox_group group = {.part_count = 0};
    struct inbox_queue_list line = {.first = NULL};
    for (int i = 0; i < GROUP_BATCHES; i++) {
        struct inbox_queue *queue = group_queue(scene, i);
        queue->base.ledger.epoch = epoch;
        inbox_queue_push(&line, queue);
    }
    inbox_group_take_confirmed(&group, &line);
    inbox_group_write(&group, scene->store);
    if (group.fault != INBOX_FINE || group.part_count != GROUP_BATCHES) {
        fail(scene->store->why);
    }
    while (inbox_queue_shift(&group.confirmed) != NULL) {
        /* they may be listed again */
    }
}

static void inbox_epochs(uint64_t count)
{
    static struct group_scene scene;
    body_load();
    group_scene_make(&scene);
    for (uint64_t i = 0; i < 2 * count; i++) {
        if (i == count) {
            measure_begin();
        }
        epochs_write(&scene, i + 1);
    }
    measure_end(count * GROUP_BATCHES);
    inbox_store_close(scene.store);
}

/* -- The ledger's rules, over a record that does nothing ------------------ */

static int record_do_nothing(void *record)
{
    (void)record;
    return 0;
}

static int record_take_back(void *record, const uint8_t key[LEDGER_KEY_SIZE],
                            bool *was_there)
{
    (void)record;
    (void)key;
    *was_there = false;
    return 0;
}

static int record_add(void *record, size_t index,
                      const uint8_t key[LEDGER_KEY_SIZE], bool *is_new)
{
    (void)record;
    (void)index;
    (void)key;
    *is_new = true;
    return 0;
}

static int record_find(void *record, bool *found)
{
    (void)record;
    *found = false;
    return 0;
}

static void ledger_messages(uint64_t count)
{
    static const struct ledger_ops ops = {.carry_over = record_do_nothing,
                                          .take_back = record_take_back,
                                          .add = record_add,
                                          .find_leftovers = record_find,
                                          .raise_epoch = record_do_nothing};
    struct haplo_batch *batch = batch_new();
    body_load();
    body_read(batch);
    for (uint64_t i = 0; i < 2 * count; i++) {
        struct ledger_batch ledger = {.messages = batch->messages,
                                      .count = batch->message_count,
                                      .epoch = i};
        if (i == count) {
            measure_begin();
        }
        if (ledger_add_batch(&ops, batch, &ledger) != 0 ||
            ledger.new_count != 16) {
            fail("the ledger's rules failed");
        }
    }
    measure_end(count * 16);
}

/* -- Choosing one --------------------------------------------------------- */

static const struct {
    const char *name;               /* */
    void (*run_cb)(uint64_t count); /* */
} parts[] = {
    {"parse-fetch", parse_fetch},        {"parse-mark", parse_mark},
    {"queue-step", queue_steps},         {"scheduler-1k", scheduler_1k},
    {"scheduler-100k", scheduler_100k},  {"scheduler-1m", scheduler_1m},
    {"ledger-message", ledger_messages}, {"inbox-message", inbox_messages},
    {"inbox-epoch", inbox_epochs},
};

int main(int argc, char **argv)
{
    if (argc != 4) {
        fail("arguments: NAME COUNT FOLDER");
    }
    folder = argv[3];
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (strcmp(parts[i].name, argv[1]) == 0) {
            parts[i].run_cb(strtoull(argv[2], NULL, 10));
            return 0;
        }
    }
    fail("no such part");
}
