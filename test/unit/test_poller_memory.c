/*
 * Steady polling allocates nothing: what the library asks of the allocator
 * hooks, over whole cycles through the public API. libcurl's and libuv's own
 * memory is theirs.
 */
#include "poller_scene.h"

#include "failing_allocator.h"

#define QUEUE_COUNT 6
#define WARM_CYCLES 20 /* of each queue */
#define CYCLES 100     /* of each queue, then */

static struct watch *queues[QUEUE_COUNT];

/* Fewer slots than queues, so that they also wait for their turns. */
static struct scene *scene_with_queues(unsigned unread, unsigned in_flight_max)
{
    static const char *const names[QUEUE_COUNT] = {"q1", "q2", "q3",
                                                   "q4", "q5", "q6"};
    struct scene *scene = scene_new();
    struct haplo_poller_options options = poller_options(scene);
    scene_start(scene, &options);
    scene_add_server(
        scene, (struct haplo_server_options){.in_flight_max = in_flight_max});
    for (int i = 0; i < QUEUE_COUNT; i++) {
        struct haplo_queue_options queue = queue_options(names[i]);
        queue.interval_ms = 1000;
        queues[i] = scene_add_with(scene, queue, unread);
    }
    return scene;
}

static bool all_marked(unsigned count)
{
    for (int i = 0; i < QUEUE_COUNT; i++) {
        if (queues[i]->marked_count < count) {
            return false;
        }
    }
    return true;
}

static bool all_fetched(unsigned count)
{
    for (int i = 0; i < QUEUE_COUNT; i++) {
        if (queues[i]->fake->fetch_count < count) {
            return false;
        }
    }
    return true;
}

/* A gatherer of thousands of queues runs for months: what each cycle took
 * from the heap would cost time, and tear holes into it. */
static void busy_queues_allocate_nothing(void **state)
{
    (void)state;
    struct scene *scene =
        scene_with_queues(16 * (2 * WARM_CYCLES + 2 * CYCLES), 3);
    RUN_UNTIL(scene, all_marked(WARM_CYCLES));
    allocator_reset(0);
    RUN_UNTIL(scene, all_marked(WARM_CYCLES + CYCLES));
    assert_int_equal(allocator_calls, 0);
    scene_close(scene);
}

/* Most polls find nothing. On one connection, as a second one would be closed
 * when it has not been needed for a while, and a new one does cost memory. */
static void empty_polls_allocate_nothing(void **state)
{
    (void)state;
    struct scene *scene = scene_with_queues(0, 1);
    RUN_UNTIL(scene, all_fetched(WARM_CYCLES));
    allocator_reset(0);
    RUN_UNTIL(scene, all_fetched(WARM_CYCLES + CYCLES));
    assert_int_equal(allocator_calls, 0);
    scene_close(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(busy_queues_allocate_nothing),
        cmocka_unit_test(empty_polls_allocate_nothing),
    };
    allocator_install();
    int result = cmocka_run_group_tests(tests, NULL, NULL);
    if (allocator_held != 0) {
        fprintf(stderr, "%zu blocks were not freed\n", allocator_held);
        result++;
    }
    return result;
}
