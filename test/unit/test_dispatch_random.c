/* Random stories of an outlet's dispatch: crashes, failing saves, lanes that
 * wait or are refused, destinations that break. dispatch_scene.h checks each
 * step; at the end everything is delivered, in order, or a dead letter. */
#include "dispatch_scene.h"

#define STORIES 1000

static uint64_t below(struct random *random, uint64_t bound)
{
    return random_below(random, bound);
}

static void add_some(struct scene *scene, struct random *random)
{
    char lanes[200];
    size_t count = 1 + below(random, sizeof(lanes) - 1);
    char kinds = (char)(1 + below(random, 8));
    for (size_t i = 0; i < count; i++) {
        lanes[i] = i > 0 && below(random, 3) != 0
                       ? lanes[i - 1]
                       : (char)('a' + below(random, (uint64_t)kinds));
    }
    if (scene->last + count < SCENE_MESSAGES_MAX) {
        for (size_t i = 0; i < count; i++) {
            scene->answer_of[scene->last + 1 + i] =
                "xrb+++++++++++++++++++++++++++++"[below(random, 32)];
        }
        lanes[count - 1 < sizeof(lanes) - 1 ? count : sizeof(lanes) - 1] = 0;
        scene_add(scene, lanes);
    }
}

static void mend_some(struct scene *scene, struct random *random)
{
    for (uint64_t i = 1; i <= scene->last; i++) {
        if (scene->answer_of[i] != 'x' && below(random, 4) == 0) {
            scene->answer_of[i] = '+';
        }
    }
}

static void something_happens(struct scene *scene, struct random *random)
{
    switch (below(random, 10)) {
    case 0:
        scene->answer_of_all = "rxb"[below(random, 3)];
        scene->all_were_refused |= scene->answer_of_all == 'x';
        break;
    case 1:
        scene->saves_fail = below(random, 2) == 0;
        break;
    case 2:
        scene_crash(scene, below(random, 2) == 0);
        break;
    case 3:
        scene->latency_ms[below(random, 8)] = below(random, 20000);
        break;
    case 4:
        mend_some(scene, random);
        break;
    case 5:
        scene->delay_ms = below(random, 2) * below(random, 60000);
        break;
    default:
        scene->answer_of_all = 0;
        add_some(scene, random);
        break;
    }
}

/* Everything recovers except bad messages; good ones follow in each lane, so
 * that no doubt is left. */
static void scene_settle(struct scene *scene)
{
    scene->answer_of_all = 0;
    scene->saves_fail = false;
    for (uint64_t i = 1; i <= scene->last; i++) {
        scene->answer_of[i] = scene->answer_of[i] == 'x' ? 'x' : '+';
    }
    memset(scene->latency_ms, 0, sizeof(scene->latency_ms));
    for (int i = 0; i < 200 && !dispatch_is_caught_up(&scene->dispatch); i++) {
        scene_run(scene, scene->now_ms + 600000);
        if (scene->last + 8 < SCENE_MESSAGES_MAX &&
            !dispatch_is_caught_up(&scene->dispatch)) {
            scene_add(scene, "abcdefgh");
        }
    }
}

static void story(uint64_t seed, bool is_by_queue)
{
    struct random random = {seed};
    struct scene *scene =
        is_by_queue ? scene_new_by_queue("a") : scene_new("a");
    scene->is_quiet = true;
    scene->policy.has_dead_letters = true;
    scene->policy.in_flight_max = 1 + (unsigned)below(&random, 6);
    scene->policy.bytes_max = 1 + below(&random, 60);
    scene->policy.breaker.refusals_max = 8;
    scene->span_max = 1 + below(&random, 20);
    scene->read_max = 1 + below(&random, 60);
    scene->trace_size = 0;
    for (uint64_t i = below(&random, 60); i > 0; i--) {
        something_happens(scene, &random);
        scene_run(scene, scene->now_ms + below(&random, 3000));
        scene->trace_size = 0;
    }
    scene_settle(scene);
    if (!dispatch_is_caught_up(&scene->dispatch)) {
        fail_msg("seed %" PRIu64 "\n%s", seed, scene->trace);
    }
    for (uint64_t i = 1; i <= scene->last; i++) {
        bool is_bad = scene->answer_of[i] == 'x';
        if (scene->fate[i] != (is_bad ? FATE_BURIED : FATE_DELIVERED) &&
            (is_bad || !scene->all_were_refused)) {
            fail_msg("seed %" PRIu64 ": %" PRIu64 " has fate %d", seed, i,
                     scene->fate[i]);
        }
    }
    scene_expect_all(scene);
    scene_free(scene);
}

static void tell_stories(bool is_by_queue)
{
    const char *only = getenv("SEED");
    if (only != NULL) {
        story(strtoull(only, NULL, 10), is_by_queue);
        return;
    }
    for (uint64_t seed = 1; seed <= STORIES; seed++) {
        story(seed, is_by_queue);
    }
}

static void test_nothing_is_lost_in_random_stories(void **state)
{
    tell_stories(false);
    (void)state;
}

/* The same for an inbox that is in order per queue only. */
static void test_nothing_is_lost_by_queue_in_random_stories(void **state)
{
    tell_stories(true);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_lost_in_random_stories),
        cmocka_unit_test(test_nothing_is_lost_by_queue_in_random_stories),
    };
    return cmocka_run_group_tests_name("dispatch_random", tests, NULL, NULL);
}
