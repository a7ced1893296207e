/*
 * share_scene.h - an outlet that several hosts share, in virtual time: each has
 * a forwarder of the product, all use one inbox with positions. The clock, the
 * timers, the inbox and the destination are this file's.
 *
 * Each queue has a server, and so a slot, of its own: queue 'a' is that of slot
 * slot_of('a'). The scene checks that the destination gets each queue in order
 * and, as long as may_repeat is false, nothing twice; that no position passes
 * what was not delivered; and that no parcel begins that must not.
 *
 * Include it once in a test program: it defines functions of libuv and of
 * inbox.h, which take the place of the real ones.
 */
#ifndef TEST_UNIT_SHARE_SCENE_H
#define TEST_UNIT_SHARE_SCENE_H

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fleet/placement.h"
#include "inbox/inbox_task.h"
#include "outlets/forwarder/forwarder.h"

#define HOSTS 3
#define QUEUES 6
#define MESSAGES_MAX 4000
#define WORK_MAX 512
#define HOOK __attribute__((visibility("default")))

struct work {
    uint64_t due_ms;
    uint64_t number; /* in the order in which it was asked for */
    void (*work_cb)(void *pointer);
    void *pointer;
};

struct inbox { /* as one host sees it */
    int host;
};

struct host {
    struct inbox inbox;
    struct inbox_outlet progress;
    struct outlet outlet;
    struct forwarder *forwarder; /* NULL: closed */
    struct forwarder_share share;
    uv_timer_t *timer; /* NULL: none */
    uv_timer_cb timer_cb;
    uint64_t timer_ms;
    bool owns[FLEET_SLOT_COUNT];
    bool may_not_begin;
    inbox_outlet_opened_cb opened_cb;
    inbox_lanes_cb lanes_cb;
    bool asked_slots[FLEET_SLOT_COUNT]; /* last asked for */
    struct outlet_parcel *parcels[16];  /* that the destination has */
    size_t parcel_count;
    outlet_closed_cb closed_cb;
    void *closed_data;
    unsigned drained[FLEET_SLOT_COUNT]; /* so often */
    char told[4096];                    /* events: "a blocked\n" */
    unsigned task_count;
};

static struct {
    uint64_t now_ms;
    struct work work[WORK_MAX];
    size_t work_count;
    uint64_t work_number;
    uint64_t random;
    bool is_in_call; /* of the forwarder: nothing may be called back */
    /* the database */
    char queue_of[MESSAGES_MAX + 1]; /* of each arrival: 'a' ... */
    uint64_t last;
    uint64_t position_of[QUEUES];
    bool is_buried[MESSAGES_MAX + 1];
    const char *save_fails;
    struct inbox_replay replay; /* id 0: none */
    /* the destination */
    uint64_t latency_ms;
    bool is_stuck; /* it answers nothing */
    bool has_random_answers;
    char answer_of[MESSAGES_MAX + 1]; /* '+', 'r', 'x', 'b' */
    unsigned delivered[MESSAGES_MAX + 1];
    unsigned replayed[MESSAGES_MAX + 1];
    bool was_refused[MESSAGES_MAX + 1];
    unsigned begun[HOSTS]; /* parcels of each host */
    uint64_t newest[QUEUES];
    bool may_repeat;
    struct forwarder_options options;
    struct outlet_type type;
    struct host hosts[HOSTS];
} scene;

static inline unsigned random_below(unsigned limit)
{
    scene.random = scene.random * UINT64_C(6364136223846793005) + 1442695;
    return (unsigned)(scene.random >> 33) % limit;
}

static const char *const servers[QUEUES] = {"bath",  "kcl",   "ucl",
                                            "leeds", "essex", "york"};
static const char names[QUEUES][2] = {"a", "b", "c", "d", "e", "f"};

static inline unsigned slot_of(char queue)
{
    return placement_slot(servers[queue - 'a']);
}

static inline unsigned slot_of_parcel(const struct outlet_parcel *parcel)
{
    return placement_slot(parcel->replay_id != 0 ? "out"
                                                 : parcel->messages[0].server);
}

/* The loop */

static inline void later(uint64_t delay_ms, void (*work_cb)(void *),
                         void *pointer)
{
    assert_true(scene.work_count < WORK_MAX);
    scene.work[scene.work_count++] = (struct work){
        scene.now_ms + delay_ms, scene.work_number++, work_cb, pointer};
}

HOOK uint64_t uv_now(const uv_loop_t *loop)
{
    (void)loop;
    return scene.now_ms;
}

/* The loop is the host: no test looks into it. */
HOOK int uv_timer_init(uv_loop_t *loop, uv_timer_t *timer)
{
    struct host *host = (struct host *)loop;

    assert_null(host->timer);
    host->timer = timer;
    host->timer_cb = NULL;
    return 0;
}

static inline struct host *host_of_timer(const void *timer)
{
    struct host *host = scene.hosts;

    while (host->timer != timer) {
        host++;
        assert_true(host < scene.hosts + HOSTS);
    }
    return host;
}

HOOK int uv_timer_start(uv_timer_t *timer, uv_timer_cb timer_cb,
                        uint64_t timeout_ms, uint64_t repeat_ms)
{
    struct host *host = host_of_timer(timer);

    assert_int_equal(repeat_ms, 0);
    host->timer_cb = timer_cb;
    host->timer_ms = scene.now_ms + timeout_ms;
    return 0;
}

HOOK int uv_timer_stop(uv_timer_t *timer)
{
    host_of_timer(timer)->timer_cb = NULL;
    return 0;
}

static uv_close_cb handle_close_cb;

static inline void handle_closed(void *pointer)
{
    handle_close_cb(pointer);
}

HOOK void uv_close(uv_handle_t *handle, uv_close_cb close_cb)
{
    struct host *host = host_of_timer(handle);

    host->timer = NULL;
    host->timer_cb = NULL;
    handle_close_cb = close_cb;
    later(0, handle_closed, handle);
}

static inline struct work *first_work(void)
{
    struct work *first = NULL;

    for (size_t i = 0; i < scene.work_count; i++) {
        struct work *work = &scene.work[i];

        if (first == NULL || work->due_ms < first->due_ms ||
            (work->due_ms == first->due_ms && work->number < first->number)) {
            first = work;
        }
    }
    return first;
}

static inline struct host *first_timer(void)
{
    struct host *first = NULL;

    for (int i = 0; i < HOSTS; i++) {
        struct host *host = &scene.hosts[i];

        if (host->timer_cb != NULL &&
            (first == NULL || host->timer_ms < first->timer_ms)) {
            first = host;
        }
    }
    return first;
}

static inline void advance(uint64_t to_ms)
{
    scene.now_ms = to_ms > scene.now_ms ? to_ms : scene.now_ms;
}

/* True if something happened that was due by then. */
static inline bool run_one(uint64_t until_ms)
{
    struct host *host = first_timer();
    struct work *first = first_work();

    if (host != NULL && host->timer_ms <= until_ms &&
        (first == NULL || host->timer_ms <= first->due_ms)) {
        uv_timer_cb timer_cb = host->timer_cb;

        advance(host->timer_ms);
        host->timer_cb = NULL;
        timer_cb(host->timer);
        return true;
    }
    if (first == NULL || first->due_ms > until_ms) {
        return false;
    }
    struct work work = *first;
    *first = scene.work[--scene.work_count];
    advance(work.due_ms);
    work.work_cb(work.pointer);
    return true;
}

static inline void run(uint64_t for_ms)
{
    uint64_t until_ms = scene.now_ms + for_ms;
    unsigned turns = 0;

    while (run_one(until_ms)) {
        assert_true(++turns < 1000000); /* or it runs in circles */
    }
    scene.now_ms = until_ms;
}

/* The inbox */

static inline uint64_t round_trip_ms(void)
{
    return 1 + random_below(5);
}

HOOK const char *inbox_uuid(const struct inbox *inbox)
{
    (void)inbox;
    return "550e8400-e29b-41d4-a716-446655440000";
}

static inline void read_take(struct inbox_read *read, uint64_t arrival)
{
    size_t queue = (size_t)(scene.queue_of[arrival] - 'a');

    read->messages[read->count++] = (struct inbox_message){
        .arrival = arrival,
        .batch_first = arrival,
        .batch_count = 1,
        .queue_id = queue + 1,
        .server = servers[queue],
        .queue = names[queue],
        .body = {"{}", 2},
    };
}

static inline bool replay_takes(const struct inbox_read *read, uint64_t arrival)
{
    size_t queue = (size_t)(scene.queue_of[arrival] - 'a');

    return arrival <= read->replay->last && arrival <= scene.position_of[queue];
}

static inline void read_replay(struct inbox_read *read)
{
    for (uint64_t i = read->after + 1; i <= scene.last; i++) {
        if (replay_takes(read, i) && read->count < read->count_max) {
            read_take(read, i);
        }
    }
}

static inline void read_lane(struct inbox_read *read,
                             const struct inbox_read_lane *lane)
{
    uint64_t after = scene.position_of[lane->queue_id - 1];

    after = lane->after > after ? lane->after : after;
    for (uint64_t i = after + 1; i <= scene.last; i++) {
        if (scene.queue_of[i] == (char)('a' + lane->queue_id - 1)) {
            if (read->count == read->count_max) {
                read->has_more = true;
                return;
            }
            read_take(read, i);
        }
    }
}

static inline void read_answer(void *pointer)
{
    struct inbox_read *read = pointer;

    read->messages = calloc(read->count_max, sizeof(*read->messages));
    read->count = 0;
    read->has_more = false;
    assert_non_null(read->messages);
    if (read->replay != NULL) {
        read_replay(read);
    }
    for (size_t i = 0; i < read->lane_count && !read->has_more; i++) {
        read_lane(read, &read->lanes[i]);
    }
    read->read_cb(read, 0, "");
}

HOOK void inbox_read_start(struct inbox_read *read)
{
    later(round_trip_ms(), read_answer, read);
}

HOOK void inbox_read_free(struct inbox_read *read)
{
    free(read->messages);
}

static inline void place(const struct inbox_place *to)
{
    uint64_t *stored = &scene.position_of[to->queue_id - 1];

    for (uint64_t i = *stored + 1; i <= to->arrival; i++) {
        if (scene.queue_of[i] == (char)('a' + to->queue_id - 1) &&
            scene.delivered[i] == 0 && !scene.is_buried[i]) {
            fail_msg("the position has passed %" PRIu64, i);
        }
    }
    assert_true(to->arrival >= *stored || scene.may_repeat);
    *stored = to->arrival > *stored ? to->arrival : *stored;
}

static inline void save_answer(void *pointer)
{
    struct inbox_progress *save = pointer;

    if (scene.save_fails != NULL) {
        save->progress_cb(save, HAPLO_EDELIVERY, scene.save_fails);
        return;
    }
    for (size_t i = 0; i < save->dead_letter_count; i++) {
        scene.is_buried[save->dead_letters[i].arrival] = true;
    }
    for (size_t i = 0; i < save->position_count; i++) {
        place(&save->positions[i]);
    }
    save->progress_cb(save, 0, "");
}

HOOK void inbox_advance(struct inbox_progress *progress)
{
    later(round_trip_ms(), save_answer, progress);
}

static inline void open_answer(void *pointer)
{
    struct host *host = pointer;

    host->opened_cb(&host->progress, 0, "", host->forwarder);
}

HOOK int inbox_outlet_open(struct inbox *inbox, const char *name,
                           uint64_t start_ms, inbox_outlet_opened_cb opened_cb,
                           void *data)
{
    struct host *host = &scene.hosts[inbox->host];

    (void)name;
    (void)start_ms;
    (void)data;
    host->opened_cb = opened_cb;
    later(round_trip_ms(), open_answer, host);
    return 0;
}

static inline uint64_t last_of(char queue)
{
    uint64_t arrival = scene.last;

    while (arrival > 0 && scene.queue_of[arrival] != queue) {
        arrival--;
    }
    return arrival;
}

/* As of the moment when it was asked, at the earliest. */
static inline void lanes_answer(void *pointer)
{
    struct host *host = pointer;
    struct inbox_deferred_lane lanes[QUEUES];
    size_t count = 0;

    for (size_t i = 0; i < QUEUES; i++) {
        uint64_t last = last_of((char)('a' + i));

        if (last > scene.position_of[i] &&
            host->asked_slots[placement_slot(servers[i])]) {
            lanes[count++] = (struct inbox_deferred_lane){.queue_id = i + 1,
                                                          .server = servers[i],
                                                          .queue = names[i],
                                                          .last_arrival = last};
        }
    }
    host->lanes_cb(&host->progress, 0, "", lanes, count, host->forwarder);
}

HOOK int inbox_outlet_lanes(struct inbox_outlet *outlet, const bool *slots,
                            inbox_lanes_cb lanes_cb, void *data)
{
    struct host *host = &scene.hosts[outlet->id - 1];

    assert_ptr_equal(data, host->forwarder);
    memcpy(host->asked_slots, slots, sizeof(host->asked_slots));
    host->lanes_cb = lanes_cb;
    later(round_trip_ms(), lanes_answer, host);
    return 0;
}

/* Replays */

static inline void task_answer(void *pointer)
{
    struct inbox_task *task = pointer;
    enum inbox_replay_state state = scene.replay.state;

    if (task->kind == INBOX_TASK_REPLAY_NEXT) {
        task->count =
            scene.replay.id != 0 && state == INBOX_REPLAY_RUNNING ? 1 : 0;
        *task->replay = task->count > 0 ? scene.replay : *task->replay;
    } else {
        assert_int_equal(task->kind, INBOX_TASK_REPLAY_SAVE);
        if (task->replay->cursor < scene.replay.cursor) {
            assert_true(scene.may_repeat);
        } else {
            scene.replay = *task->replay;
        }
    }
    task->done_cb(task, 0, "");
}

HOOK int inbox_task_start(struct inbox *inbox, struct inbox_task *task)
{
    scene.hosts[inbox->host].task_count++;
    task->count = 0;
    later(round_trip_ms(), task_answer, task);
    return 0;
}

/* The destination */

static inline int fake_open(const struct outlet_setting *setting,
                            struct outlet **out, struct reason *why)
{
    struct host *host = (struct host *)setting->loop;

    (void)why;
    host->outlet.type = setting->type;
    *out = &host->outlet;
    return 0;
}

static inline void note_delivered(const struct outlet_parcel *parcel,
                                  const struct inbox_message *message)
{
    uint64_t arrival = message->arrival;
    uint64_t *newest = &scene.newest[message->queue_id - 1];

    if (parcel->replay_id != 0) {
        scene.replayed[arrival]++;
        return;
    }
    if (scene.delivered[arrival]++ > 0) {
        assert_true(scene.may_repeat);
        return;
    }
    /* One that another host has sent in vain may be accepted here. */
    if (arrival < *newest && !scene.was_refused[arrival]) {
        fail_msg("%" PRIu64 " is out of order", arrival);
    }
    *newest = arrival > *newest ? arrival : *newest;
}

static inline void parcel_end(struct host *host, struct outlet_parcel *parcel)
{
    for (size_t i = 0; i < host->parcel_count; i++) {
        if (host->parcels[i] == parcel) {
            host->parcels[i] = host->parcels[--host->parcel_count];
            parcel->delivered_cb(parcel);
            return;
        }
    }
}

static inline char answer_to(const struct inbox_message *message)
{
    if (scene.has_random_answers && random_below(20) == 0) {
        return "rxb"[random_below(3)];
    }
    return scene.answer_of[message->arrival];
}

static inline void answer(struct host *host, struct outlet_parcel *parcel)
{
    char answer = '+';

    for (size_t i = 0; i < parcel->count && answer == '+'; i++) {
        answer = answer_to(&parcel->messages[i]);
        if (answer == '+') {
            note_delivered(parcel, &parcel->messages[i]);
            parcel->delivered_count++;
        }
    }
    if (answer == 'x') {
        scene.was_refused[parcel->messages[parcel->delivered_count].arrival] =
            true;
    }
    parcel->verdict = answer == '+'   ? OUTLET_DELIVERED
                      : answer == 'r' ? OUTLET_RETRY
                      : answer == 'x' ? OUTLET_REFUSED
                                      : OUTLET_BROKEN;
    if (answer != '+') {
        (void)reason_set(&parcel->why, 0, "answered %c", answer);
    }
    parcel_end(host, parcel);
}

/* The parcel may have ended with its outlet. */
static inline void on_answer(void *pointer)
{
    for (int i = 0; i < HOSTS && !scene.is_stuck; i++) {
        struct host *host = &scene.hosts[i];

        for (size_t j = 0; j < host->parcel_count; j++) {
            if (host->parcels[j] == pointer) {
                answer(host, pointer);
                return;
            }
        }
    }
}

static inline void fake_deliver(struct outlet *outlet,
                                struct outlet_parcel *parcel)
{
    struct host *host =
        (struct host *)((char *)outlet - offsetof(struct host, outlet));
    unsigned slot = placement_slot(
        parcel->replay_id != 0 ? "out" : parcel->messages[0].server);

    assert_true(host->owns[slot]);
    assert_false(host->may_not_begin);
    scene.begun[host->inbox.host]++;
    host->parcels[host->parcel_count++] = parcel;
    later(scene.latency_ms != 0 ? scene.latency_ms : round_trip_ms(), on_answer,
          parcel);
}

static inline void on_outlet_closed(void *pointer)
{
    struct host *host = pointer;

    while (host->parcel_count > 0) {
        struct outlet_parcel *parcel = host->parcels[0];

        parcel->verdict = OUTLET_RETRY;
        parcel_end(host, parcel);
    }
    host->closed_cb(host->closed_data);
}

static inline void fake_close(struct outlet *outlet, outlet_closed_cb closed_cb,
                              void *data)
{
    struct host *host =
        (struct host *)((char *)outlet - offsetof(struct host, outlet));

    host->closed_cb = closed_cb;
    host->closed_data = data;
    later(1, on_outlet_closed, host);
}

/* Hosts */

static inline void on_event(struct forwarder *forwarder,
                            const struct forwarder_event *event, void *data)
{
    struct host *host = data;
    size_t size = strlen(host->told);

    (void)forwarder;
    assert_false(scene.is_in_call);
    if (size < sizeof(host->told) / 2) {
        (void)snprintf(host->told + size, sizeof(host->told) - size, "%s %s\n",
                       event->queue != NULL ? event->queue : "out",
                       event->state);
    }
}

static inline bool owns(void *data, unsigned slot)
{
    return ((struct host *)data)->owns[slot];
}

static inline bool may_begin(void *data)
{
    return !((struct host *)data)->may_not_begin;
}

static inline void on_drained(void *data, unsigned slot)
{
    struct host *host = data;

    assert_false(scene.is_in_call);
    for (size_t i = 0; i < host->parcel_count; i++) {
        assert_int_not_equal(slot_of_parcel(host->parcels[i]), slot);
    }
    host->drained[slot]++;
}

static inline int setup(void **state)
{
    (void)state;
    memset(&scene, 0, sizeof(scene));
    memset(scene.answer_of, '+', sizeof(scene.answer_of));
    scene.latency_ms = 1;
    scene.type = (struct outlet_type){.name = "fake",
                                      .in_flight_max = 4,
                                      .open = fake_open,
                                      .deliver = fake_deliver,
                                      .close = fake_close};
    scene.options =
        (struct forwarder_options){.name = "out", .type = &scene.type};
    return 0;
}

static inline void start(int index)
{
    struct host *host = &scene.hosts[index];

    host->inbox.host = index;
    host->progress = (struct inbox_outlet){.name = "out",
                                           .inbox = &host->inbox,
                                           .id = (uint64_t)index + 1,
                                           .is_by_queue = true};
    host->share = (struct forwarder_share){.owns_cb = owns,
                                           .may_begin_cb = may_begin,
                                           .drained_cb = on_drained,
                                           .data = host};
    host->forwarder = forwarder_new((uv_loop_t *)host, &host->inbox,
                                    &scene.options, on_event, host);
    assert_non_null(host->forwarder);
    forwarder_share(host->forwarder, &host->share);
}

static inline void on_closed(void *data)
{
    ((struct host *)data)->forwarder = NULL;
}

static inline void stop(int index)
{
    struct host *host = &scene.hosts[index];

    forwarder_close(host->forwarder, 0, on_closed, host);
    while (host->forwarder != NULL) {
        assert_true(run_one(UINT64_MAX));
    }
}

static inline int teardown(void **state)
{
    (void)state;
    for (int i = 0; i < HOSTS; i++) {
        if (scene.hosts[i].forwarder != NULL) {
            stop(i);
        }
    }
    return 0;
}

static inline void gain(int index, unsigned slot)
{
    struct host *host = &scene.hosts[index];

    host->owns[slot] = true;
    scene.is_in_call = true;
    forwarder_slot_gained(host->forwarder, slot);
    scene.is_in_call = false;
}

static inline void drain(int index, unsigned slot)
{
    struct host *host = &scene.hosts[index];

    host->owns[slot] = false;
    scene.is_in_call = true;
    forwarder_slot_drain(host->forwarder, slot);
    scene.is_in_call = false;
}

static inline void lose(int index, unsigned slot)
{
    struct host *host = &scene.hosts[index];

    host->owns[slot] = false;
    scene.is_in_call = true;
    forwarder_slot_lost(host->forwarder, slot);
    scene.is_in_call = false;
}

/* A host stores a message of each of these queues. */
static inline void store(int index, const char *queues)
{
    for (; *queues != '\0'; queues++) {
        size_t number = (size_t)(*queues - 'a');
        const struct inbox_queue queue = {
            .id = number + 1, .server = servers[number], .name = names[number]};

        assert_true(scene.last < MESSAGES_MAX);
        scene.queue_of[++scene.last] = *queues;
        forwarder_wake(scene.hosts[index].forwarder, &queue, scene.last, 1);
    }
}

static inline struct forwarder_stats stats(int index)
{
    struct forwarder_stats stats;

    forwarder_stats(scene.hosts[index].forwarder, &stats);
    return stats;
}

static inline void expect_all(void)
{
    for (uint64_t i = 1; i <= scene.last; i++) {
        assert_true(scene.delivered[i] > 0 || scene.is_buried[i]);
        assert_true(i <= scene.position_of[scene.queue_of[i] - 'a']);
    }
}

#endif
