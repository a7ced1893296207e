/*
 * dispatch_scene.h - an outlet's decisions in virtual time, with an inbox that
 * is an array and an outlet that answers by a table. The story is a trace:
 *
 *   [   0] > a1        the outlet is handed message 1, of lane a
 *   [   1] + a1        and has delivered it
 *   [   1] r a1        "not now"; x: refused; b: broken; D: a dead letter
 *   [   1] a: WAITING  a lane's state (those that operators care for)
 *   [   1] BROKEN      the breaker's
 *   [   2] save 1 +2 -3  the cursor; what is deferred, what is settled
 *   [   2] save a1 b3    by queue: the position of each lane
 *
 * After each save the scene checks that the cursor has passed nothing that is
 * neither done nor deferred, and after each delivery that the order of the
 * lane holds and that nothing is repeated without a crash.
 */
#ifndef TEST_UNIT_DISPATCH_SCENE_H
#define TEST_UNIT_DISPATCH_SCENE_H

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/dispatch.h"
#include "haplopoll.h"

#define SCENE_MESSAGES_MAX 4096
#define SCENE_LANES 26
#define SCENE_SPANS_MAX 4096
#define LATENCY_MS 1

enum fate { FATE_NONE, FATE_DELIVERED, FATE_BURIED, FATE_PASSED };

struct scene {
    struct dispatch dispatch;
    struct dispatch_policy policy;
    uint64_t now_ms;
    /* the inbox */
    char lane_of[SCENE_MESSAGES_MAX + 1];     /* of each arrival: 'a' ... */
    uint64_t last;                            /* arrival */
    bool is_deferred[SCENE_MESSAGES_MAX + 1]; /* as stored */
    uint64_t cursor;                          /* as stored */
    bool is_by_queue;                         /* it has positions instead */
    uint64_t position_of[SCENE_LANES];        /* as stored */
    bool is_shared;                           /* another process stores too */
    unsigned read_count;                      /* so far */
    bool saves_fail;                          /* */
    /* the outlet */
    char answer_of[SCENE_MESSAGES_MAX + 1]; /* '+', or 'r', 'x', 'b' */
    char answer_of_all;                     /* 0: each its own */
    uint64_t delay_ms;                      /* asked for with r and b */
    uint64_t latency_ms[SCENE_LANES];       /* 0: LATENCY_MS */
    /* what happened */
    enum fate fate[SCENE_MESSAGES_MAX + 1];
    uint64_t newest[SCENE_LANES]; /* last arrival delivered in each lane */
    bool may_repeat[SCENE_MESSAGES_MAX + 1]; /* done, and not saved, when it
                                                crashed */
    bool all_were_refused; /* for a while, whatever they are */
    unsigned repeat_count; /* deliveries more than one */
    bool is_quiet;         /* no trace of single messages */
    size_t span_max;       /* messages of a span */
    size_t read_max;       /* messages of a read */
    struct flight {
        struct span *span;
        uint64_t due_ms;
    } flights[64];
    unsigned flight_count;
    uint64_t save_done_ms; /* HEAP_NEVER: none */
    size_t span_count;     /* in memory */
    size_t span_count_max; /* at most, so far */
    char trace[65536];
    size_t trace_size;
};

__attribute__((format(printf, 2, 3))) static inline void scene_say(
    struct scene *scene, const char *format, ...)
{
    va_list arguments;
    size_t room = sizeof(scene->trace) - scene->trace_size;
    int size = snprintf(scene->trace + scene->trace_size, room,
                        "[%4" PRIu64 "] ", scene->now_ms);
    scene->trace_size += (size_t)size;
    room = sizeof(scene->trace) - scene->trace_size;
    va_start(arguments, format);
    size = vsnprintf(scene->trace + scene->trace_size, room, format, arguments);
    va_end(arguments);
    scene->trace_size += (size_t)size;
    assert_true(scene->trace_size + 2 < sizeof(scene->trace));
    scene->trace[scene->trace_size++] = '\n';
    scene->trace[scene->trace_size] = '\0';
}

static inline void scene_release(void *data, struct span *span)
{
    struct scene *scene = data;
    scene->span_count--;
    free(span);
}

static inline void scene_lane_changed(void *data, const struct lane *lane,
                                      enum lane_state from)
{
    struct scene *scene = data;
    if (lane->state == LANE_WAITING || lane->state == LANE_BLOCKED ||
        from == LANE_BLOCKED) {
        scene_say(scene, "%s: %s", lane->queue, lane_state_name(lane->state));
    }
}

static inline void scene_breaker_changed(void *data, enum breaker_action action)
{
    scene_say(data, action == BREAKER_ACTION_OPENED ? "BROKEN" : "UP");
}

static inline void scene_buried(void *data, const struct lane *lane,
                                uint64_t arrival, const char *why)
{
    struct scene *scene = data;
    assert_string_not_equal(why, "");
    scene_say(scene, "D %s%" PRIu64, lane->queue, arrival);
    assert_true(scene->fate[arrival] == FATE_NONE ||
                scene->may_repeat[arrival]);
    scene->may_repeat[arrival] = false;
    scene->fate[arrival] = FATE_BURIED;
}

static const struct dispatch_calls scene_calls = {
    .release_cb = scene_release,
    .lane_cb = scene_lane_changed,
    .breaker_cb = scene_breaker_changed,
    .buried_cb = scene_buried,
};

static inline void scene_begin(struct scene *scene)
{
    scene->flight_count = 0;
    scene->save_done_ms = HEAP_NEVER;
    dispatch_init(&scene->dispatch, &scene->policy, &scene_calls, scene,
                  scene->is_by_queue ? DISPATCH_BY_QUEUE : scene->cursor, 1);
}

static inline struct scene *scene_new(const char *lanes)
{
    struct scene *scene = calloc(1, sizeof(*scene));
    assert_non_null(scene);
    scene->policy = (struct dispatch_policy){
        .breaker = {.backoff_ms = 1000,
                    .backoff_max_ms = 300000,
                    .failures_max = 5,
                    .refusals_max = 3},
        .in_flight_max = 4,
        .bytes_max = SIZE_MAX,
    };
    scene->span_max = 1;
    scene->read_max = 64;
    scene->last = strlen(lanes);
    memcpy(scene->lane_of + 1, lanes, scene->last);
    memset(scene->answer_of, '+', sizeof(scene->answer_of));
    scene_begin(scene);
    return scene;
}

static inline void scene_free(struct scene *scene)
{
    dispatch_free(&scene->dispatch);
    assert_int_equal(scene->span_count, 0);
    free(scene);
}

static inline const char *lane_name(char lane)
{
    static const char names[SCENE_LANES][2] = {"a", "b", "c", "d", "e", "f",
                                               "g", "h", "i", "j", "k", "l"};
    return names[lane - 'a'];
}

static inline struct lane *scene_lane(struct scene *scene, char lane)
{
    return dispatch_lane(&scene->dispatch, (uint64_t)(lane - 'a' + 1), "s",
                         lane_name(lane));
}

/* The inbox */

/* The owner tells of the last message of a lane that has any. */
static inline void scene_tell(struct scene *scene, char lane)
{
    for (uint64_t i = scene->last; i > 0; i--) {
        if (scene->lane_of[i] == lane) {
            dispatch_stored(&scene->dispatch, scene_lane(scene, lane), i);
            return;
        }
    }
}

static inline void scene_add(struct scene *scene, const char *lanes)
{
    memcpy(scene->lane_of + 1 + scene->last, lanes, strlen(lanes));
    scene->last += strlen(lanes);
    if (!scene->is_by_queue) {
        dispatch_wake(&scene->dispatch);
        return;
    }
    for (const char *lane = lanes; *lane != '\0'; lane++) {
        scene_tell(scene, *lane);
    }
}

/* The inbox is in order per queue only. */
static inline struct scene *scene_new_by_queue(const char *lanes)
{
    struct scene *scene = scene_new("");
    dispatch_free(&scene->dispatch);
    scene->is_by_queue = true;
    scene_begin(scene);
    scene_add(scene, lanes);
    return scene;
}

/* True if a read of the backlog of its lane finds the message. */
static inline bool scene_is_backlog(const struct scene *scene, uint64_t at)
{
    return scene->is_by_queue
               ? at > scene->position_of[scene->lane_of[at] - 'a']
               : scene->is_deferred[at];
}

static inline void scene_add_span(struct scene *scene, uint64_t first,
                                  uint32_t count, bool is_recall)
{
    struct span *span = calloc(1, sizeof(*span));
    struct lane *lane = scene_lane(scene, scene->lane_of[first]);
    assert_non_null(span);
    span->first = first;
    span->count = count;
    scene->span_count++;
    if (!(is_recall ? dispatch_recall_add(&scene->dispatch, lane, span)
                    : dispatch_onward_add(&scene->dispatch, lane, span))) {
        scene_release(scene, span);
    }
    if (scene->span_count > scene->span_count_max) {
        scene->span_count_max = scene->span_count;
    }
}

static inline void scene_read(struct scene *scene,
                              const struct dispatch_read *read)
{
    uint64_t at = read->after + 1;
    size_t count = 0;
    char wanted = read->lane != NULL ? read->lane->queue[0] : 0;

    scene->read_count++;
    assert_true(wanted != 0 || !scene->is_by_queue);
    while (at <= scene->last && count < scene->read_max) {
        char lane = scene->lane_of[at];
        uint32_t size = 0;
        if (wanted != 0 && (lane != wanted || !scene_is_backlog(scene, at))) {
            at++;
            continue;
        }
        while (at + size <= scene->last && size < scene->span_max &&
               scene->lane_of[at + size] == lane &&
               (wanted == 0 || scene_is_backlog(scene, at + size))) {
            size++;
        }
        scene_add_span(scene, at, size, wanted != 0);
        at += size;
        count += size;
    }
    if (wanted != 0) {
        dispatch_recall_done(&scene->dispatch, read->lane,
                             at <= scene->last ? DISPATCH_RECALL_MORE
                                               : DISPATCH_RECALL_ALL,
                             scene->now_ms);
    } else {
        dispatch_onward_done(&scene->dispatch, at - 1, at <= scene->last);
    }
}

static inline void scene_store_positions(struct scene *scene)
{
    const struct progress *progress = &scene->dispatch.saving;
    assert_int_equal(progress->deferred.count, 0);
    assert_int_equal(progress->settled.count, 0);
    for (size_t i = 0; i < progress->position_count; i++) {
        const struct queue_position *position = &progress->positions[i];
        uint64_t *stored = &scene->position_of[position->queue_id - 1];
        assert_true(position->arrival >= *stored || scene->is_shared);
        *stored = position->arrival > *stored ? position->arrival : *stored;
    }
    for (uint64_t i = 1; i <= scene->last; i++) {
        if (!scene_is_backlog(scene, i) && scene->fate[i] == FATE_NONE) {
            fail_msg("the position has passed %c%" PRIu64 "\n%s",
                     scene->lane_of[i], i, scene->trace);
        }
    }
}

static inline void scene_store(struct scene *scene)
{
    const struct progress *progress = &scene->dispatch.saving;
    if (scene->is_by_queue) {
        scene_store_positions(scene);
        return;
    }
    assert_int_equal(progress->position_count, 0);
    for (size_t i = 0; i < progress->deferred.count; i++) {
        for (uint32_t j = 0; j < progress->deferred.items[i].count; j++) {
            scene->is_deferred[progress->deferred.items[i].first + j] = true;
        }
    }
    for (size_t i = 0; i < progress->settled.count; i++) {
        for (uint32_t j = 0; j < progress->settled.items[i].count; j++) {
            uint64_t arrival = progress->settled.items[i].first + j;
            assert_true(scene->is_deferred[arrival]);
            scene->is_deferred[arrival] = false;
        }
    }
    for (uint64_t i = progress->cursor + 1; i <= scene->last; i++) {
        assert_false(scene->is_deferred[i]);
    }
    assert_true(progress->cursor >= scene->cursor);
    scene->cursor = progress->cursor;
    for (uint64_t i = 1; i <= scene->last; i++) {
        if (i <= scene->cursor && !scene->is_deferred[i] &&
            scene->fate[i] == FATE_NONE) {
            fail_msg("the cursor has passed %" PRIu64 "\n%s", i, scene->trace);
        }
    }
}

static inline void scene_say_positions(struct scene *scene)
{
    const struct progress *progress = &scene->dispatch.saving;
    char text[256] = "";
    for (size_t i = 0; i < progress->position_count; i++) {
        const struct queue_position *position = &progress->positions[i];
        size_t size = strlen(text);
        (void)snprintf(text + size, sizeof(text) - size, " %c%" PRIu64,
                       'a' + (int)position->queue_id - 1, position->arrival);
    }
    scene_say(scene, "save%s", text);
}

static inline void scene_save_end(struct scene *scene)
{
    const struct progress *progress = &scene->dispatch.saving;
    scene->save_done_ms = HEAP_NEVER;
    if (!scene->saves_fail) {
        scene_store(scene);
        if (!scene->is_quiet && scene->is_by_queue) {
            scene_say_positions(scene);
        } else if (!scene->is_quiet) {
            scene_say(scene, "save %" PRIu64 " +%zu -%zu", progress->cursor,
                      progress->deferred.message_count,
                      progress->settled.message_count);
        }
    }
    dispatch_save_end(&scene->dispatch, !scene->saves_fail, scene->now_ms);
}

/* The outlet */

static inline void scene_deliver(struct scene *scene, struct span *span)
{
    struct flight *flight = &scene->flights[scene->flight_count++];
    unsigned lane = (unsigned)(span->lane->queue[0] - 'a');
    uint64_t latency_ms = scene->latency_ms[lane];
    assert_true(scene->flight_count <= scene->policy.in_flight_max);
    flight->span = span;
    flight->due_ms =
        scene->now_ms + (latency_ms != 0 ? latency_ms : LATENCY_MS);
    if (!scene->is_quiet) {
        scene_say(scene, "> %s%" PRIu64, span->lane->queue, span->first);
    }
}

static inline void scene_delivered(struct scene *scene, char lane,
                                   uint64_t arrival)
{
    uint64_t *newest = &scene->newest[lane - 'a'];
    if (!scene->is_quiet) {
        scene_say(scene, "+ %c%" PRIu64, lane, arrival);
    }
    if (scene->fate[arrival] != FATE_NONE) {
        scene->repeat_count++;
        assert_true(scene->may_repeat[arrival]);
        scene->may_repeat[arrival] = false;
        return;
    }
    assert_int_equal(scene->fate[arrival], FATE_NONE);
    if (arrival < *newest) {
        fail_msg("%c%" PRIu64 " is out of order\n%s", lane, arrival,
                 scene->trace);
    }
    *newest = arrival;
    scene->fate[arrival] = FATE_DELIVERED;
}

static inline char scene_answer_of(const struct scene *scene, uint64_t arrival)
{
    return scene->answer_of_all != 0 ? scene->answer_of_all
                                     : scene->answer_of[arrival];
}

static inline void scene_answer(struct scene *scene, struct span *span)
{
    struct dispatch *dispatch = &scene->dispatch;
    char lane = span->lane->queue[0];
    uint32_t count = 0;
    uint64_t first = span->first;
    uint32_t all = span->count;
    char answer = '+';

    while (count < all && answer == '+') {
        answer = scene_answer_of(scene, first + count);
        if (answer == '+') {
            scene_delivered(scene, lane, first + count);
            count++;
        }
    }
    if (answer != '+' && !scene->is_quiet) {
        scene_say(scene, "%c %c%" PRIu64, answer, lane, first + count);
    }
    dispatch_delivered(dispatch, span, count, scene->now_ms);
    if (answer == 'r') {
        dispatch_retry(dispatch, span, scene->delay_ms, scene->now_ms);
    } else if (answer == 'x') {
        dispatch_refused(dispatch, span, "too large", scene->now_ms);
    } else if (answer == 'b') {
        dispatch_broken(dispatch, span, scene->delay_ms, scene->now_ms);
    }
}

/* Time */

static inline void scene_pump(struct scene *scene)
{
    struct dispatch_read read;
    struct span *span;
    size_t held;

    dispatch_due(&scene->dispatch, scene->now_ms);
    do {
        held = scene->span_count;
        while (dispatch_read_next(&scene->dispatch, scene->span_count,
                                  scene->read_max, &read, scene->now_ms)) {
            scene_read(scene, &read);
        }
        while ((span = dispatch_next(&scene->dispatch)) != NULL) {
            scene_deliver(scene, span);
        }
    } while (scene->span_count < held);
    if (dispatch_save_begin(&scene->dispatch, false, scene->now_ms) != NULL) {
        scene->save_done_ms = scene->now_ms + LATENCY_MS;
    }
}

static inline uint64_t scene_due_ms(const struct scene *scene)
{
    uint64_t due_ms = dispatch_due_ms(&scene->dispatch);
    for (unsigned i = 0; i < scene->flight_count; i++) {
        due_ms = scene->flights[i].due_ms < due_ms ? scene->flights[i].due_ms
                                                   : due_ms;
    }
    return scene->save_done_ms < due_ms ? scene->save_done_ms : due_ms;
}

/* True if one of what is in flight was due. */
static inline bool scene_land(struct scene *scene)
{
    for (unsigned i = 0; i < scene->flight_count; i++) {
        struct span *span = scene->flights[i].span;
        if (scene->flights[i].due_ms <= scene->now_ms) {
            scene->flight_count--;
            memmove(&scene->flights[i], &scene->flights[i + 1],
                    (scene->flight_count - i) * sizeof(scene->flights[0]));
            scene_answer(scene, span);
            return true;
        }
    }
    return false;
}

/* Runs until nothing more is due before until_ms. */
static inline void scene_run(struct scene *scene, uint64_t until_ms)
{
    scene_pump(scene);
    while (scene_due_ms(scene) <= until_ms) {
        uint64_t due_ms = scene_due_ms(scene);
        scene->now_ms = due_ms > scene->now_ms ? due_ms : scene->now_ms;
        while (scene_land(scene)) {
        }
        if (scene->save_done_ms <= scene->now_ms) {
            scene_save_end(scene);
        }
        scene_pump(scene);
    }
    scene->now_ms = until_ms;
}

/* Dies, and begins again from what is stored; is_stored: the save under way
 * was done. */
static inline void scene_crash(struct scene *scene, bool is_stored)
{
    if (scene->save_done_ms != HEAP_NEVER && is_stored) {
        scene_store(scene);
    }
    dispatch_free(&scene->dispatch);
    assert_int_equal(scene->span_count, 0);
    for (uint64_t i = 1; i <= scene->last; i++) {
        scene->may_repeat[i] = scene_is_backlog(scene, i) ||
                               (i > scene->cursor && !scene->is_by_queue);
    }
    scene_begin(scene);
    for (char name = 'a'; name < 'a' + 12; name++) {
        uint64_t first = 0;
        uint64_t last = 0;
        for (uint64_t i = 1; i <= scene->last; i++) {
            if (scene->lane_of[i] == name && scene_is_backlog(scene, i)) {
                first = first == 0 ? i : first;
                last = i;
            }
        }
        if (first != 0 && scene->is_by_queue) {
            scene_tell(scene, name);
        } else if (first != 0) {
            dispatch_backlog(&scene->dispatch, scene_lane(scene, name), first,
                             last);
        }
    }
}

static inline void scene_expect(struct scene *scene, const char *trace)
{
    assert_string_equal(scene->trace, trace);
    scene->trace_size = 0;
    scene->trace[0] = '\0';
}

static inline void scene_expect_all(struct scene *scene)
{
    for (uint64_t i = 1; i <= scene->last; i++) {
        if (scene->fate[i] == FATE_NONE) {
            fail_msg("%c%" PRIu64 " was not delivered\n%s", scene->lane_of[i],
                     i, scene->trace);
        }
    }
    assert_true(dispatch_is_caught_up(&scene->dispatch));
    for (uint64_t i = 1; i <= scene->last && scene->is_by_queue; i++) {
        assert_false(scene_is_backlog(scene, i));
    }
    assert_true(scene->is_by_queue || scene->cursor == scene->last);
    assert_int_equal(scene->span_count, 0);
}

#endif
