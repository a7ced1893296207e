#include "app_reload.h"

#include <assert.h>
#include <string.h>

#include "app_config.h"
#include "book.h"
#include "daemon/gather/gather_queues.h"
#include "guard.h"
#include "guard_fleet.h"
#include "kept.h"
#include "process.h"
#include "world.h"

static struct process *process_of(const struct gather *gather)
{
    return gather->options.data;
}

/* Reloads */

static void on_passed(struct gather *gather)
{
    struct process *process = process_of(gather);
    process->app.is_passing = false;
    if (process->app.is_again) {
        app_reload(process);
    }
}

static void on_settled(struct gather *gather)
{
    world_count(process_of(gather)->world, SITUATION_RELOAD_SETTLED);
}

void app_reload_open(struct process *process)
{
    struct app *app = &process->app;
    const struct gather_outlet *outlet;
    size_t cursor = 0;
    reload_changes_init(&app->changes, &process->loop, &app->gather);
    app->changes.settled_cb = on_settled;
    reload_pass_init(&app->pass, &process->loop, &app->changes, on_passed);
    app->has_reload = true;
    while ((outlet = name_table_next(&app->gather.outlets, &cursor)) != NULL) {
        (void)reload_pin_add(&app->changes.pins, outlet);
    }
}

void app_reload(struct process *process)
{
    struct app *app = &process->app;
    struct config *from = app->config;
    app->is_again = app->is_passing;
    if (app->is_passing) {
        return;
    }
    world_count(process->world, SITUATION_RELOADED);
    if (reload_changes_count(&app->changes) > 0) {
        world_count(process->world, SITUATION_RELOADED_AGAIN);
    }
    TRACE(process->world, "process: reloads");
    app->is_passing = true;
    app->config = app_config_make(process);
    reload_pass_start(&app->pass, from, app->config);
}

void app_reload_close(struct app *app)
{
    if (app->has_reload && !app->changes.is_closed) {
        reload_changes_close(&app->changes);
        reload_pass_close(&app->pass);
    }
}

void app_reload_free(struct app *app)
{
    if (app->has_reload) {
        reload_changes_free(&app->changes);
        reload_pass_free(&app->pass);
    }
}

/* What the product does to queues while a process is at work */

int __real_haplo_queue_add(struct haplo_server *server,
                           const struct haplo_queue_options *options,
                           struct haplo_queue **queue, char *why,
                           size_t why_size);
int __wrap_haplo_queue_add(struct haplo_server *server,
                           const struct haplo_queue_options *options,
                           struct haplo_queue **queue, char *why,
                           size_t why_size);
int __real_haplo_queue_remove(struct haplo_queue *queue,
                              haplo_removed_cb removed_cb);
int __wrap_haplo_queue_remove(struct haplo_queue *queue,
                              haplo_removed_cb removed_cb);
void __real_haplo_queue_give_up(struct haplo_queue *queue);
void __wrap_haplo_queue_give_up(struct haplo_queue *queue);

static unsigned store_of(const struct gather_queue *queue)
{
    return strcmp(inbox_name(queue->stored->inbox), "first") == 0 ? 0 : 1;
}

/* A host of a fleet that gets a queue judges its key as at a start: by what is
 * stored of it, and by its own record of refused keys. */
static bool may_be_proven(const struct seen_queue *seen,
                          const struct haplo_queue_options *options)
{
    return seen->process->world->is_fleet
               ? kept_may_be_proven(seen, options->state.size > 0)
               : seen->guard.is_proven && seen->key == seen->remote->client_key;
}

/* It goes on from what is stored. */
static void sees(struct seen_queue *seen,
                 const struct haplo_queue_options *options)
{
    const struct gather_queue *queue = options->data;
    struct world *world = seen->process->world;
    if (seen->queue != NULL) {
        guard_violation(seen, "is added twice");
    }
    if (options->key_proven && !may_be_proven(seen, options)) {
        guard_violation(seen, "a key passes for proven that is not");
    }
    if (seen->store != store_of(queue)) {
        world_count(world, SITUATION_MOVED_AT_WORK);
        TRACE(world, "%s: is in store %u now", seen->remote->name,
              store_of(queue));
    }
    if (world->is_fleet) {
        guard_fleet_adds(seen);
    }
    seen->store = store_of(queue);
    seen->key = seen->remote->client_key;
    seen->is_removing = false;
    guard_begins(seen, options->key_proven);
    bool was_current = seen->is_current;
    book_reread(seen);
    if (world->is_fleet || world->had_several) {
        seen->is_current = was_current; /* since it was loaded */
    }
}

int __wrap_haplo_queue_add(struct haplo_server *server,
                           const struct haplo_queue_options *options,
                           struct haplo_queue **queue, char *why,
                           size_t why_size)
{
    struct process *process = process_current();
    int error = __real_haplo_queue_add(server, options, queue, why, why_size);
    if (process->is_open && error == 0) {
        struct seen_queue *seen = process_find_queue(process, *queue);
        sees(seen, options);
        seen->queue = *queue;
    }
    return error;
}

static void on_removed(struct haplo_queue *queue)
{
    struct seen_queue *seen = process_find_queue(process_current(), queue);
    seen->queue = NULL;
    seen->is_loaded = false;
    seen->guard.is_outstanding = false;
    seen->removed_cb(queue);
}

int __wrap_haplo_queue_remove(struct haplo_queue *queue,
                              haplo_removed_cb removed_cb)
{
    struct seen_queue *seen = process_find_queue(process_current(), queue);
    seen->removed_cb = removed_cb;
    seen->is_removing = true;
    seen->removing_ms = seen->process->loop_ms;
    guard_commanded(seen, GUARD_PAUSE);
    return __real_haplo_queue_remove(queue, on_removed);
}

void __wrap_haplo_queue_give_up(struct haplo_queue *queue)
{
    struct seen_queue *seen = process_find_queue(process_current(), queue);
    guard_gives_up(seen);
    __real_haplo_queue_give_up(queue);
}
