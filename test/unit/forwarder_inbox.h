/*
 * forwarder_inbox.h - the inbox of forwarder_scene.h, and the state of the
 * whole scene: messages are rows of some arrays, and each call is answered
 * after LATENCY_MS, with the error that is set for it.
 */
#ifndef TEST_UNIT_FORWARDER_INBOX_H
#define TEST_UNIT_FORWARDER_INBOX_H

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container_of.h"
#include "inbox/inbox_task.h"
#include "outlets/forwarder/forwarder.h"
#include "virtual_loop.h"

#define MESSAGES_MAX 20000
#define LANES_MAX 8
#define LATENCY_MS 1
#define REPLAYS_MAX 8

enum fate { FATE_NONE, FATE_DELIVERED, FATE_BURIED };

struct inbox {
    char lane_of[MESSAGES_MAX + 1]; /* 'a' ... */
    uint64_t batch_first[MESSAGES_MAX + 1];
    uint32_t batch_count[MESSAGES_MAX + 1];
    char value_of[MESSAGES_MAX + 1]; /* of /k in the body; 'r': raw format; 0:
                                        there is no body to look at */
    bool is_deferred[MESSAGES_MAX + 1];
    bool was_deferred[MESSAGES_MAX + 1]; /* at any time */
    bool is_buried[MESSAGES_MAX + 1];
    bool is_hidden[MESSAGES_MAX + 1]; /* its transaction is open */
    uint64_t position_of[LANES_MAX];  /* if the outlet has positions */
    uint64_t last;
    size_t body_size; /* of each message */
    struct inbox_outlet outlet;
    const char *read_fails; /* with that reason; NULL: it does not */
    const char *save_fails;
    const char *open_fails;
    const char *lanes_fail;
    size_t bytes_out;     /* of reads that are not freed */
    size_t bytes_out_max; /* at most, so far */
    unsigned read_count;
    unsigned ask_count;     /* for lanes */
    unsigned lanes_late_ms; /* until it answers that; 0: as usual */
    struct inbox_replay replays[REPLAYS_MAX];
    size_t replay_count; /* 0: this kind of inbox has none */
    const char *task_fails;
    unsigned attempts_of[MESSAGES_MAX + 1]; /* of dead letters */
};

static struct {
    struct inbox inbox;
    /* the outlet */
    struct outlet outlet;
    bool is_open;
    const char *outlet_fails; /* to open */
    const char *warning;      /* with all that is delivered; NULL: none */
    char answer_of[MESSAGES_MAX + 1];
    char answer_of_all; /* 0: each its own */
    uint64_t retry_after_ms;
    uint64_t latency_ms;
    struct outlet_parcel *parcels[64]; /* that it has */
    size_t parcel_count;
    bool is_stuck; /* it answers nothing */
    outlet_closed_cb outlet_closed_cb;
    void *outlet_closed_data;
    enum fate fate[MESSAGES_MAX + 1];
    uint64_t newest[LANES_MAX]; /* arrival delivered */
    unsigned repeat_count;
    bool may_repeat;
    unsigned replayed[MESSAGES_MAX + 1]; /* delivered by a replay, so often */
    unsigned replayed_by[MESSAGES_MAX + 1]; /* bits of their numbers */
    bool was_refused[MESSAGES_MAX + 1];     /* at any time */
    /* the forwarder */
    struct forwarder_options options;
    struct outlet_type type;
    struct forwarder *forwarder;
    bool is_closed;
    char trace[32768]; /* "> a1*3" parcels, events */
    size_t trace_size;
    bool is_quiet;
} scene;

__attribute__((format(printf, 1, 2))) static inline void say(const char *format,
                                                             ...)
{
    va_list arguments;
    size_t room = sizeof(scene.trace) - scene.trace_size;
    int size;

    if (scene.is_quiet) {
        return;
    }
    size = snprintf(scene.trace + scene.trace_size, room, "[%4" PRIu64 "] ",
                    virtual_loop.now_ms);
    scene.trace_size += (size_t)size;
    room = sizeof(scene.trace) - scene.trace_size;
    va_start(arguments, format);
    size = vsnprintf(scene.trace + scene.trace_size, room, format, arguments);
    va_end(arguments);
    scene.trace_size += (size_t)size;
    assert_true(scene.trace_size + 2 < sizeof(scene.trace));
    scene.trace[scene.trace_size++] = '\n';
    scene.trace[scene.trace_size] = '\0';
}

/* The inbox */

HOOK const char *inbox_uuid(const struct inbox *inbox)
{
    (void)inbox;
    return "550e8400-e29b-41d4-a716-446655440000";
}

static inline const char *lane_name(char lane)
{
    static const char names[LANES_MAX][2] = {"a", "b", "c", "d",
                                             "e", "f", "g", "h"};
    return names[lane - 'a'];
}

static inline bool read_wants(const struct inbox_read *read, uint64_t arrival)
{
    const struct inbox *inbox = &scene.inbox;

    if (read->replay != NULL) {
        return arrival <= read->replay->last && !inbox->is_deferred[arrival] &&
               (!read->replay->is_of_letters || inbox->is_buried[arrival]);
    }
    return read->queue_id == 0 ||
           (inbox->is_deferred[arrival] &&
            read->queue_id == (uint64_t)(inbox->lane_of[arrival] - 'a' + 1));
}

/* 'y' is what options.when asks for, in the tests of routes, and 'l', the same
 * with a long text. */
static inline bool is_wanted(uint64_t arrival)
{
    return scene.options.when == NULL || scene.inbox.value_of[arrival] == 'y' ||
           scene.inbox.value_of[arrival] == 'l';
}

/* {"k":"\n\n...y"}: to decode it takes memory. */
static inline struct haplo_slice large_body(void)
{
    static char body[40000];
    if (body[0] == '\0') {
        memset(body, 'n', sizeof(body));
        for (size_t i = 6; i < sizeof(body) - 4; i += 2) {
            body[i] = '\\';
        }
        memcpy(body, "{\"k\":\"", 6);
        memcpy(body + sizeof(body) - 4, "ny\"}", 4);
        body[sizeof(body) - 4] = 'x';
    }
    return (struct haplo_slice){body, sizeof(body)};
}

static inline struct haplo_slice body_of(uint64_t arrival)
{
    switch (scene.inbox.value_of[arrival]) {
    case 0:
        return (struct haplo_slice){"{}", scene.inbox.body_size};
    case 'l':
        return large_body();
    case 'n':
        return (struct haplo_slice){"{\"k\":\"n\"}", 9};
    default:
        return (struct haplo_slice){"{\"k\":\"y\"}", 9};
    }
}

static inline void read_take(struct inbox_read *read, uint64_t arrival)
{
    const struct inbox *inbox = &scene.inbox;

    read->messages[read->count++] = (struct inbox_message){
        .arrival = arrival,
        .batch_first = inbox->batch_first[arrival],
        .batch_count = inbox->batch_count[arrival],
        .queue_id = (uint64_t)(inbox->lane_of[arrival] - 'a' + 1),
        .server = "s",
        .queue = lane_name(inbox->lane_of[arrival]),
        .received_at_ms = 1795898956000,
        .format = inbox->value_of[arrival] == 'r' ? HAPLO_FORMAT_RAW
                                                  : HAPLO_FORMAT_JSON,
        .body = body_of(arrival),
        .hash = arrival * 7919,
    };
    scene.inbox.bytes_out += inbox->body_size;
    if (inbox->bytes_out > inbox->bytes_out_max) {
        scene.inbox.bytes_out_max = inbox->bytes_out;
    }
}

static inline uint64_t lane_id(uint64_t arrival)
{
    return (uint64_t)(scene.inbox.lane_of[arrival] - 'a' + 1);
}

/* False if the limits of the read are reached. */
static inline bool read_take_if_room(struct inbox_read *read, uint64_t arrival,
                                     size_t *bytes)
{
    *bytes += scene.inbox.body_size;
    if (read->count > 0 &&
        (read->count == read->count_max || *bytes > read->bytes_max)) {
        read->has_more = true;
        return false;
    }
    read_take(read, arrival);
    return true;
}

static inline void read_lanes(struct inbox_read *read)
{
    const struct inbox *inbox = &scene.inbox;
    size_t bytes = 0;

    for (size_t lane = 0; lane < read->lane_count; lane++) {
        uint64_t id = read->lanes[lane].queue_id;
        uint64_t after = read->lanes[lane].after;

        if (after < inbox->position_of[id - 1]) {
            after = inbox->position_of[id - 1];
        }
        for (uint64_t i = after + 1; i <= inbox->last; i++) {
            if (lane_id(i) == id && !inbox->is_hidden[i] &&
                !read_take_if_room(read, i, &bytes)) {
                return;
            }
        }
    }
}

static inline void read_answer(void *pointer)
{
    struct inbox_read *read = pointer;
    size_t bytes = 0;

    read->messages = NULL;
    read->count = 0;
    read->has_more = false;
    if (scene.inbox.read_fails != NULL) {
        read->read_cb(read, HAPLO_EDELIVERY, scene.inbox.read_fails);
        return;
    }
    read->messages = calloc(read->count_max, sizeof(*read->messages));
    assert_non_null(read->messages);
    if (scene.inbox.outlet.is_by_queue) {
        read_lanes(read);
        read->read_cb(read, 0, "");
        return;
    }
    for (uint64_t i = read->after + 1; i <= scene.inbox.last; i++) {
        if (!read_wants(read, i)) {
            continue;
        }
        if (!read_take_if_room(read, i, &bytes)) {
            break;
        }
    }
    read->read_cb(read, 0, "");
}

HOOK void inbox_read_start(struct inbox_read *read)
{
    scene.inbox.read_count++;
    assert_ptr_equal(read->outlet, &scene.inbox.outlet);
    later(LATENCY_MS, read_answer, read);
}

HOOK void inbox_read_free(struct inbox_read *read)
{
    scene.inbox.bytes_out -= read->count * scene.inbox.body_size;
    free(read->messages);
}

static inline void places_set(const struct inbox_place *places, size_t count,
                              bool is_deferred)
{
    for (size_t i = 0; i < count; i++) {
        assert_true(
            places[i].queue_id ==
            (uint64_t)(scene.inbox.lane_of[places[i].arrival] - 'a' + 1));
        scene.inbox.is_deferred[places[i].arrival] = is_deferred;
        scene.inbox.was_deferred[places[i].arrival] |= is_deferred;
    }
}

static inline bool is_done(uint64_t arrival)
{
    return scene.fate[arrival] != FATE_NONE || !is_wanted(arrival) ||
           scene.inbox.is_deferred[arrival] || scene.inbox.is_buried[arrival];
}

static inline void save_positions(const struct inbox_progress *save)
{
    struct inbox *inbox = &scene.inbox;

    assert_int_equal(save->deferred_count + save->settled_count, 0);
    for (size_t i = 0; i < save->position_count; i++) {
        uint64_t id = save->positions[i].queue_id;

        assert_true(save->positions[i].arrival >= inbox->position_of[id - 1]);
        inbox->position_of[id - 1] = save->positions[i].arrival;
    }
    for (uint64_t i = 1; i <= inbox->last; i++) {
        if (i <= inbox->position_of[lane_id(i) - 1] && !is_done(i) &&
            scene.options.queue_count == 0) {
            fail_msg("the position has passed %" PRIu64 "\n%s", i, scene.trace);
        }
    }
}

static inline void save_store(const struct inbox_progress *save)
{
    struct inbox *inbox = &scene.inbox;

    places_set(save->deferred, save->deferred_count, true);
    places_set(save->settled, save->settled_count, false);
    for (size_t i = 0; i < save->dead_letter_count; i++) {
        inbox->is_buried[save->dead_letters[i].arrival] = true;
        inbox->attempts_of[save->dead_letters[i].arrival] =
            (unsigned)save->dead_letters[i].attempts;
        assert_string_not_equal(save->dead_letters[i].why, "");
    }
    if (inbox->outlet.is_by_queue) {
        save_positions(save);
        return;
    }
    assert_int_equal(save->position_count, 0);
    assert_true(save->cursor >= inbox->outlet.cursor);
    for (uint64_t i = inbox->outlet.cursor + 1; i <= save->cursor; i++) {
        if (!is_done(i) && scene.options.queue_count == 0) {
            fail_msg("the cursor has passed %" PRIu64 "\n%s", i, scene.trace);
        }
    }
    inbox->outlet.cursor = save->cursor;
}

static inline void save_answer(void *pointer)
{
    struct inbox_progress *save = pointer;

    if (scene.inbox.save_fails != NULL) {
        save->progress_cb(save, HAPLO_EDELIVERY, scene.inbox.save_fails);
        return;
    }
    save_store(save);
    if (scene.inbox.outlet.is_by_queue) {
        say("save %zu positions", save->position_count);
    } else {
        say("save %" PRIu64 " +%zu -%zu", save->cursor, save->deferred_count,
            save->settled_count);
    }
    save->progress_cb(save, 0, "");
}

HOOK void inbox_advance(struct inbox_progress *progress)
{
    later(LATENCY_MS, save_answer, progress);
}

static inbox_outlet_opened_cb open_cb;

static inline void open_answer(void *pointer)
{
    if (scene.inbox.open_fails != NULL) {
        open_cb(NULL, HAPLO_EDELIVERY, scene.inbox.open_fails, pointer);
    } else {
        open_cb(&scene.inbox.outlet, 0, "", pointer);
    }
}

HOOK int inbox_outlet_open(struct inbox *inbox, const char *name,
                           uint64_t start_ms, inbox_outlet_opened_cb opened_cb,
                           void *data)
{
    assert_ptr_equal(inbox, &scene.inbox);
    assert_string_equal(name, "out");
    assert_int_equal(start_ms, INBOX_START_BEGINNING);
    open_cb = opened_cb;
    later(LATENCY_MS, open_answer, data);
    return 0;
}

static inbox_lanes_cb lanes_cb_now;

/* If the outlet has positions. */
static inline void lane_note_last(struct inbox_deferred_lane *lane)
{
    const struct inbox *inbox = &scene.inbox;

    for (uint64_t i = 1; i <= inbox->last && inbox->outlet.is_by_queue; i++) {
        if (lane_id(i) == lane->queue_id && !inbox->is_hidden[i] &&
            i > inbox->position_of[lane->queue_id - 1]) {
            lane->last_arrival = i;
        }
    }
}

static inline void lanes_answer(void *pointer)
{
    struct inbox_deferred_lane lanes[LANES_MAX];
    size_t count = 0;

    if (scene.inbox.lanes_fail != NULL) {
        lanes_cb_now(&scene.inbox.outlet, HAPLO_EDELIVERY,
                     scene.inbox.lanes_fail, NULL, 0, pointer);
        return;
    }
    for (char name = 'a'; name < 'a' + LANES_MAX; name++) {
        struct inbox_deferred_lane *lane = &lanes[count];

        *lane =
            (struct inbox_deferred_lane){.queue_id = (uint64_t)(name - 'a' + 1),
                                         .server = "s",
                                         .queue = lane_name(name)};
        for (uint64_t i = scene.inbox.last; i > 0; i--) {
            if (scene.inbox.is_deferred[i] && scene.inbox.lane_of[i] == name) {
                lane->first_arrival = i;
                lane->count++;
            }
        }
        lane_note_last(lane);
        count += lane->count > 0 || lane->last_arrival > 0 ? 1 : 0;
    }
    lanes_cb_now(&scene.inbox.outlet, 0, "", lanes, count, pointer);
}

HOOK int inbox_outlet_lanes(struct inbox_outlet *outlet, const bool *slots,
                            inbox_lanes_cb lanes_cb, void *data)
{
    (void)slots;
    assert_ptr_equal(outlet, &scene.inbox.outlet);
    scene.inbox.ask_count++;
    lanes_cb_now = lanes_cb;
    later(LATENCY_MS + scene.inbox.lanes_late_ms, lanes_answer, data);
    return 0;
}

/* Replays */

static inline struct inbox_replay *replay_find(uint64_t id)
{
    assert_true(id > 0 && id <= scene.inbox.replay_count);
    return &scene.inbox.replays[id - 1];
}

static inline void replay_load(struct inbox_task *task)
{
    for (size_t i = 0; i < scene.inbox.replay_count; i++) {
        if (scene.inbox.replays[i].state == INBOX_REPLAY_RUNNING &&
            task->count == 0) {
            *task->replay = scene.inbox.replays[i];
            task->count = 1;
        }
    }
}

static inline void replay_store(const struct inbox_task *task)
{
    const struct inbox_replay_marks *marks = task->marks;
    struct inbox_replay *row = replay_find(task->replay->id);
    enum inbox_replay_state state = row->state;

    assert_true(task->replay->cursor >= row->cursor);
    for (size_t i = 0; i < marks->delivered_count; i++) {
        const struct inbox_span *span = &marks->delivered[i];

        for (uint64_t j = span->first; j < span->first + span->count; j++) {
            assert_true(scene.replayed[j] > 0);
            scene.inbox.is_buried[j] = false;
        }
    }
    for (size_t i = 0; i < marks->refused_count; i++) {
        const struct inbox_dead_letter *letter = &marks->refused[i];

        scene.inbox.is_buried[letter->arrival] = true;
        scene.inbox.attempts_of[letter->arrival] += (unsigned)letter->attempts;
        assert_string_not_equal(letter->why, "");
    }
    *row = *task->replay;
    if (state != INBOX_REPLAY_RUNNING) {
        row->state = state;
        task->replay->state = state;
    }
}

static inline void task_answer(void *pointer)
{
    struct inbox_task *task = pointer;

    if (scene.inbox.task_fails != NULL) {
        task->done_cb(task, HAPLO_EDELIVERY, scene.inbox.task_fails);
        return;
    }
    if (task->kind == INBOX_TASK_REPLAY_NEXT) {
        assert_string_equal(task->replay->outlet, "out");
        replay_load(task);
    } else {
        assert_int_equal(task->kind, INBOX_TASK_REPLAY_SAVE);
        replay_store(task);
    }
    task->done_cb(task, 0, "");
}

HOOK int inbox_task_start(struct inbox *inbox, struct inbox_task *task)
{
    assert_ptr_equal(inbox, &scene.inbox);
    if (scene.inbox.replay_count == 0) {
        return HAPLO_EINVAL;
    }
    task->count = 0;
    later(LATENCY_MS, task_answer, task);
    return 0;
}

/* An operator asks for it. */
static inline struct inbox_replay *replay_add(uint64_t cursor, uint64_t last)
{
    struct inbox_replay *row = &scene.inbox.replays[scene.inbox.replay_count++];

    assert_true(scene.inbox.replay_count <= REPLAYS_MAX);
    *row = (struct inbox_replay){.id = scene.inbox.replay_count,
                                 .outlet = "out",
                                 .until_ms = INBOX_FILTER_NO_END,
                                 .cursor = cursor,
                                 .last = last};
    if (scene.forwarder != NULL) {
        forwarder_replay(scene.forwarder);
    }
    return row;
}

/* Another process stores a batch of one lane, which it does not tell. */
static inline void store_secretly(char lane, uint32_t count)
{
    struct inbox *inbox = &scene.inbox;
    uint64_t first = inbox->last + 1;

    assert_true(inbox->last + count <= MESSAGES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t arrival = ++inbox->last;

        inbox->lane_of[arrival] = lane;
        inbox->batch_first[arrival] = first;
        inbox->batch_count[arrival] = count;
    }
}

/* Stores a batch of one lane. */
static inline void store(char lane, uint32_t count)
{
    const struct inbox_queue queue = {
        .id = (uint64_t)(lane - 'a' + 1),
        .server = "s",
        .name = lane_name(lane),
    };

    store_secretly(lane, count);
    if (scene.forwarder != NULL) {
        forwarder_wake(scene.forwarder, &queue, scene.inbox.last, count);
    }
}

/* Batches of one message each, of these lanes. */
static inline void store_each(const char *lanes)
{
    for (; *lanes != '\0'; lanes++) {
        store(*lanes, 1);
    }
}

/* A batch of lane a with these values of /k. */
static inline void store_values(const char *values)
{
    memcpy(&scene.inbox.value_of[scene.inbox.last + 1], values, strlen(values));
    store('a', (uint32_t)strlen(values));
}

#endif
