/*
 * forwarder_scene.h - a forwarder in virtual time: the loop's clock, timers and
 * closing handles, the inbox and the outlet are this file's. Everything else is
 * the product's.
 *
 * Include it once in a test program: it defines functions of libuv and of
 * inbox.h, which take the place of the real ones.
 */
#ifndef TEST_UNIT_FORWARDER_SCENE_H
#define TEST_UNIT_FORWARDER_SCENE_H

#include "forwarder_inbox.h"

/* The outlet */

static inline int fake_open(const struct outlet_setting *setting,
                            struct outlet **out, struct reason *why)
{
    assert_string_equal(setting->name, "out");
    assert_false(scene.is_open);
    if (scene.outlet_fails != NULL) {
        *out = NULL;
        return reason_set(why, HAPLO_EINVAL, "%s", scene.outlet_fails);
    }
    scene.outlet.type = setting->type;
    scene.is_open = true;
    *out = &scene.outlet;
    return 0;
}

static inline void note_delivered(const struct outlet_parcel *parcel,
                                  const struct inbox_message *message)
{
    uint64_t arrival = message->arrival;
    uint64_t *newest = &scene.newest[message->queue[0] - 'a'];

    if (parcel->replay_id != 0) {
        scene.replayed[arrival]++;
        scene.replayed_by[arrival] |= 1u << parcel->replay_id;
        return;
    }
    if (scene.fate[arrival] == FATE_DELIVERED) {
        scene.repeat_count++;
        assert_true(scene.may_repeat);
        return;
    }
    /* One that was refused, and whose end as a dead letter was not stored
     * before a restart, may be accepted after it. */
    if (arrival < *newest && !scene.was_refused[arrival]) {
        fail_msg("%" PRIu64 " is out of order\n%s", arrival, scene.trace);
    }
    *newest = arrival > *newest ? arrival : *newest;
    scene.fate[arrival] = FATE_DELIVERED;
}

static inline void parcel_end(struct outlet_parcel *parcel)
{
    for (size_t i = 0; i < virtual_loop.work_count; i++) {
        if (virtual_loop.work[i].pointer == parcel) {
            virtual_loop.work[i] = virtual_loop.work[--virtual_loop.work_count];
            break;
        }
    }
    for (size_t i = 0; i < scene.parcel_count; i++) {
        if (scene.parcels[i] == parcel) {
            scene.parcels[i] = scene.parcels[--scene.parcel_count];
            parcel->delivered_cb(parcel);
            return;
        }
    }
}

static inline void parcel_answer(void *pointer)
{
    struct outlet_parcel *parcel = pointer;
    char answer = '+';

    if (scene.is_stuck) {
        return;
    }
    for (size_t i = 0; i < parcel->count && answer == '+'; i++) {
        answer = scene.answer_of_all != 0
                     ? scene.answer_of_all
                     : scene.answer_of[parcel->messages[i].arrival];
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
    parcel->retry_after_ms = scene.retry_after_ms;
    if (answer != '+') {
        (void)reason_set(&parcel->why, 0, "answered %c", answer);
    } else if (scene.warning != NULL) {
        (void)reason_set(&parcel->why, 0, "%s", scene.warning);
    }
    parcel_end(parcel);
}

static inline void fake_deliver(struct outlet *outlet,
                                struct outlet_parcel *parcel)
{
    const struct inbox_message *first = &parcel->messages[0];

    assert_ptr_equal(outlet, &scene.outlet);
    assert_true(parcel->count > 0);
    for (size_t i = 0; i < parcel->count; i++) {
        uint64_t arrival = parcel->messages[i].arrival;

        /* No message that is wanted is left out. */
        for (uint64_t j = first->arrival; j < arrival && i > 0; j++) {
            assert_true(j <= parcel->messages[i - 1].arrival || !is_wanted(j));
        }
        assert_true(is_wanted(arrival));
        assert_int_equal(parcel->messages[i].batch_first, first->batch_first);
    }
    for (size_t i = 0; i < scene.parcel_count; i++) {
        if (scene.parcels[i]->messages[0].queue_id == first->queue_id) {
            fail_msg("%s has two parcels\n%s", first->queue, scene.trace);
        }
    }
    say("> %s%" PRIu64 "*%zu%s%s", first->queue, first->arrival, parcel->count,
        parcel->replay_id != 0 ? " again" : "",
        parcel->has_new_ids ? " new" : "");
    scene.parcels[scene.parcel_count++] = parcel;
    later(scene.latency_ms, parcel_answer, parcel);
}

static inline void fake_closed(void *pointer)
{
    (void)pointer;
    while (scene.parcel_count > 0) {
        struct outlet_parcel *parcel = scene.parcels[0];

        parcel->verdict = OUTLET_RETRY;
        (void)reason_set(&parcel->why, 0, "closing");
        parcel_end(parcel);
    }
    scene.is_open = false;
    scene.outlet_closed_cb(scene.outlet_closed_data);
}

static inline void fake_close(struct outlet *outlet, outlet_closed_cb closed_cb,
                              void *data)
{
    assert_ptr_equal(outlet, &scene.outlet);
    scene.is_stuck = true; /* what is left is answered by fake_closed() */
    scene.outlet_closed_cb = closed_cb;
    scene.outlet_closed_data = data;
    later(LATENCY_MS, fake_closed, NULL);
}

/* The forwarder */

static inline void on_event(struct forwarder *forwarder,
                            const struct forwarder_event *event, void *data)
{
    assert_ptr_equal(forwarder, scene.forwarder);
    assert_ptr_equal(data, &scene);
    say("%s%s%s%s%s", event->server != NULL ? event->queue : "out", ": ",
        event->state, event->why[0] != '\0' ? ": " : "", event->why);
}

static inline int setup(void **state)
{
    (void)state;
    memset(&scene, 0, sizeof(scene));
    memset(&virtual_loop, 0, sizeof(virtual_loop));
    memset(scene.answer_of, '+', sizeof(scene.answer_of));
    scene.latency_ms = LATENCY_MS;
    scene.inbox.body_size = 100;
    scene.inbox.outlet.name = "out";
    scene.type = (struct outlet_type){
        .name = "fake",
        .in_flight_max = 4,
        .open = fake_open,
        .deliver = fake_deliver,
        .close = fake_close,
    };
    scene.options = (struct forwarder_options){
        .name = "out",
        .type = &scene.type,
    };
    return 0;
}

static inline void start(void)
{
    scene.is_stuck = false;
    scene.is_closed = false;
    scene.forwarder =
        forwarder_new(NULL, &scene.inbox, &scene.options, on_event, &scene);
    assert_non_null(scene.forwarder);
}

static inline void on_closed(void *data)
{
    assert_ptr_equal(data, &scene);
    assert_false(scene.is_closed);
    scene.is_closed = true;
    scene.forwarder = NULL;
}

static inline void stop(uint64_t deadline_ms)
{
    unsigned turns = 0;

    forwarder_close(scene.forwarder, deadline_ms, on_closed, &scene);
    assert_false(scene.is_closed);
    while (!scene.is_closed && run_one(UINT64_MAX)) {
        assert_true(++turns < 1000);
    }
    assert_true(scene.is_closed);
    assert_false(scene.is_open);
    assert_int_equal(scene.inbox.bytes_out, 0);
}

static inline int teardown(void **state)
{
    (void)state;
    if (scene.forwarder != NULL) {
        stop(0);
    }
    return 0;
}

static inline struct forwarder_stats stats(void)
{
    struct forwarder_stats stats;

    forwarder_stats(scene.forwarder, &stats);
    return stats;
}

static inline void expect(const char *trace)
{
    assert_string_equal(scene.trace, trace);
    scene.trace_size = 0;
    scene.trace[0] = '\0';
}

static inline void expect_all(void)
{
    for (uint64_t i = 1; i <= scene.inbox.last; i++) {
        if (scene.fate[i] != FATE_DELIVERED && is_wanted(i)) {
            fail_msg("%" PRIu64 " was not delivered\n%s", i, scene.trace);
        }
    }
    for (uint64_t i = 1;
         i <= scene.inbox.last && scene.inbox.outlet.is_by_queue; i++) {
        assert_true(i <= scene.inbox.position_of[lane_id(i) - 1]);
    }
    assert_true(scene.inbox.outlet.is_by_queue ||
                scene.inbox.outlet.cursor == scene.inbox.last);
    if (scene.forwarder != NULL) {
        assert_true(stats().is_caught_up);
        assert_int_equal(scene.inbox.bytes_out, 0);
    }
}

#endif
