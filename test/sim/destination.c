#include "destination.h"

#include <stdio.h>
#include <string.h>

#include "world.h"

#define PICK(world, values) \
    ((values)[dice_below(&(world)->dice, sizeof(values) / sizeof((values)[0]))])

static void draw_patterns(struct destination *destination)
{
    static const char *const patterns[] = {"a/*", "*/q1", "*/q2", "b/q[12]",
                                           "c/*"};
    struct world *world = destination->world;
    destination->pattern_count =
        dice_hit(&world->dice, 700)
            ? 0
            : (unsigned)dice_between(&world->dice, 1, 2);
    for (unsigned i = 0; i < destination->pattern_count; i++) {
        destination->patterns[i] = PICK(world, patterns);
    }
}

/* "id": "a/q1-17" ends in 7. */
#define RULES(ends, ...)                                                       \
    {                                                                          \
        ends,                                                                  \
        {                                                                      \
            &(const struct route_alternative){                                 \
                &(const struct route_test){"/id",                              \
                                           (const char *const[]){__VA_ARGS__}, \
                                           sizeof ends - 1},                   \
                1},                                                            \
                1                                                              \
        }                                                                      \
    }

static const struct destination_rules rules[] = {
    RULES("02468", "*0", "*2", "*4", "*6", "*8"),
    RULES("7", "*7"),
    RULES("012345689", "*0", "*1", "*2", "*3", "*4", "*5", "*6", "*8", "*9"),
};

/* Not from the world's dice, so that the seeds stay what they were. */
static void draw_rules(struct destination *destination)
{
    struct dice dice = {destination->world->seed * 8 + destination->index};
    if (dice_hit(&dice, 400)) {
        destination->rules = &rules[dice_below(&dice, 3)];
    }
}

static void draw(struct world *world, unsigned index)
{
    static const size_t bytes_max[] = {1024, 8192, (size_t)16 << 20};
    static const uint64_t backoffs_ms[] = {4000, 60000, 300000};
    struct destination *destination = &world->destinations[index];
    destination->world = world;
    destination->index = index;
    snprintf(destination->name, sizeof destination->name, "o%u", index + 1);
    destination->store =
        &world->stores[dice_below(&world->dice, world->store_count)];
    destination->has_dead_letters =
        dice_hit(&world->dice, 500) || world->is_fleet;
    destination->in_flight_max = (unsigned)dice_between(&world->dice, 1, 4);
    destination->read_ahead_bytes_max = PICK(world, bytes_max);
    destination->backoff_max_ms = PICK(world, backoffs_ms);
    destination->breaker_failures = (unsigned)dice_between(&world->dice, 1, 5);
    destination->breaker_refusals = (unsigned)dice_between(&world->dice, 2, 10);
    draw_patterns(destination);
    draw_rules(destination);
}

void destinations_draw(struct world *world)
{
    if (dice_hit(&world->dice, 500)) {
        world->destination_count =
            (unsigned)dice_between(&world->dice, 1, DESTINATIONS_MAX);
    }
    for (unsigned i = 0; i < world->destination_count; i++) {
        draw(world, i);
    }
}

/* Matches as fnmatch() does, for the patterns above. */
static bool matches(const char *pattern, const struct remote_queue *queue)
{
    const char *name = queue->name;
    if (pattern[0] != '*' && pattern[0] != name[0]) {
        return false;
    }
    if (pattern[2] == '*') {
        return true;
    }
    if (pattern[3] == '[') {
        return strcmp(name + 2, "q1") == 0 || strcmp(name + 2, "q2") == 0;
    }
    return strcmp(name + 2, pattern + 2) == 0;
}

bool destination_wants(const struct destination *destination,
                       const struct remote_queue *queue)
{
    for (unsigned i = 0; i < destination->pattern_count; i++) {
        if (matches(destination->patterns[i], queue)) {
            return true;
        }
    }
    return destination->pattern_count == 0;
}

bool destination_wants_row(const struct destination *destination,
                           const struct store_row *row)
{
    return destination_wants(destination, row->queue) &&
           (destination->rules == NULL ||
            strchr(destination->rules->id_ends,
                   row->message->content->id_end) != NULL);
}

bool destination_is_poisoned(const struct destination *destination,
                             const struct store_row *row)
{
    return (row->message->content->poison >> destination->index & 1) != 0;
}

void destination_heal(struct destination *destination)
{
    destination->malady = MALADY_NONE;
    destination->is_slow = false;
}

static void on_heal(struct world *world, void *subject, uint64_t stamp)
{
    struct destination *destination = subject;
    (void)stamp;
    TRACE(world, "%s: well again", destination->name);
    destination_heal(destination);
}

void destination_falls_ill(struct world *world)
{
    static const char *const names[MALADY_COUNT] = {
        "slow", "broken", "not opened", "fussy", "busy"};
    if (world->destination_count == 0) {
        return;
    }
    struct destination *destination =
        &world
             ->destinations[dice_below(&world->dice, world->destination_count)];
    destination->malady = (enum malady)dice_below(&world->dice, MALADY_COUNT);
    destination->is_slow = destination->malady == MALADY_NONE;
    world_count(world, SITUATION_DESTINATION_ILL);
    TRACE(world, "%s: %s", destination->name, names[destination->malady]);
    world_at(world, world_some_time_ms(world), on_heal, destination, 0);
}
