#include "sim/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/memory.h"

void sim_world_free(struct sim_world *world)
{
    for (size_t i = 0; i < world->app_count; i++) {
        sim_app_free(world->apps[i]);
    }
    free(world->apps);
    free(world->faults.list);
    sim_table_free(&world->app_table);
    sim_eventlog_free(&world->log);
}

struct sim_app *sim_world_find_app(const struct sim_world *world,
                                   const char *name)
{
    return sim_table_find(&world->app_table, name, strlen(name));
}

struct sim_app *sim_world_add_app(struct sim_world *world, const char *name,
                                  const struct sim_settings *settings)
{
    struct sim_app *app = sim_app_new(name, settings);
    sim_reserve((void **)&world->apps, &world->app_capacity,
                world->app_count + 1, sizeof(struct sim_app *));
    world->apps[world->app_count++] = app;
    sim_table_add(&world->app_table, app->name, app);
    for (uint64_t i = 1; i <= settings->queue_count; i++) {
        char queue[SIM_NAME_SIZE];
        snprintf(queue, sizeof queue, "q%llu", (unsigned long long)i);
        sim_app_add_queue(app, queue, settings);
    }
    return app;
}

static void queue_tick(struct sim_queue *queue, int64_t elapsed_ms)
{
    queue->rate_credit += queue->settings.rate * (double)elapsed_ms / 1000;
    uint64_t count = (uint64_t)queue->rate_credit;
    if (count > 0) {
        queue->rate_credit -= (double)count;
        sim_app_generate(queue->app, queue, count, -1);
    }
}

void sim_world_tick(struct sim_world *world, int64_t elapsed_ms)
{
    for (size_t i = 0; i < world->app_count; i++) {
        struct sim_app *app = world->apps[i];
        for (size_t j = 0; j < app->queue_count; j++) {
            if (app->queues[j]->settings.rate > 0) {
                queue_tick(app->queues[j], elapsed_ms);
            }
        }
    }
}

bool sim_world_has_rate(const struct sim_world *world)
{
    for (size_t i = 0; i < world->app_count; i++) {
        struct sim_app *app = world->apps[i];
        for (size_t j = 0; j < app->queue_count; j++) {
            if (app->queues[j]->settings.rate > 0) {
                return true;
            }
        }
    }
    return false;
}
