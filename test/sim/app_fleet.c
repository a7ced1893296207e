#include "app_fleet.h"

#include <assert.h>

#include "app.h"
#include "base/boot_clock.h"
#include "guard_fleet.h"
#include "kept.h"
#include "process.h"
#include "world.h"

/* Nobody sets it, and it goes on while a process stands still. */
uint64_t boot_clock_ms(void)
{
    return process_current()->world->now_ms;
}

void app_fleet_init(struct process *process)
{
    struct app *app = &process->app;
    fleet_host_init(&app->fleet, &app->gather, &process->world->fleet.policy,
                    &app->pauses, process);
    app->self = (struct inbox_fleet_host){
        .name = store_fleet_name(process->host),
        .instance = store_fleet_name(process->host),
        .version = "",
        .digest = "",
        .weight = 100,
    };
    app->is_in_fleet = process->world->is_fleet;
}

void app_fleet_start(struct process *process)
{
    if (process->app.is_in_fleet) {
        int error = fleet_host_start(&process->app.fleet, &process->app.self);
        assert(error == 0);
        (void)error;
    }
}

static void close_gather(struct process *process, uint64_t deadline_ms)
{
    struct app *app = &process->app;
    for (unsigned i = 0; i < process->world->queue_count && !app->is_closing;
         i++) {
        if (process->queues[i].queue != NULL) {
            guard_commanded(&process->queues[i], GUARD_PAUSE);
        }
    }
    app->is_closing = true;
    gather_close(&app->gather, deadline_ms, app_on_closed);
}

static void on_left(void *data)
{
    struct process *process = data;
    struct app *app = &process->app;
    app->is_in_fleet = false;
    close_gather(process, app->end_ms > process->loop_ms
                              ? app->end_ms - process->loop_ms
                              : 0);
}

void app_fleet_end(struct process *process, uint64_t deadline_ms)
{
    process->app.end_ms = process->loop_ms + deadline_ms;
    if (process->app.is_in_fleet) {
        fleet_host_leave(&process->app.fleet, deadline_ms, on_left);
    } else {
        close_gather(process, deadline_ms);
    }
}

void app_fleet_free(struct process *process)
{
    fleet_host_free(&process->app.fleet);
}

/* Outlets that lose a slot */

void __real_forwarder_slot_lost(struct forwarder *forwarder, unsigned slot);
void __wrap_forwarder_slot_lost(struct forwarder *forwarder, unsigned slot);

void __wrap_forwarder_slot_lost(struct forwarder *forwarder, unsigned slot)
{
    const struct process *process = process_current();
    store_fleet_let_go(process->world, process->host, slot);
    __real_forwarder_slot_lost(forwarder, slot);
}

/* Servers that come and go with their slots */

int __real_haplo_server_add(struct haplo_poller *poller,
                            const struct haplo_server_options *options,
                            struct haplo_server **server, char *why,
                            size_t why_size);
int __wrap_haplo_server_add(struct haplo_poller *poller,
                            const struct haplo_server_options *options,
                            struct haplo_server **server, char *why,
                            size_t why_size);
int __real_haplo_server_remove(struct haplo_server *server);
int __wrap_haplo_server_remove(struct haplo_server *server);

int __wrap_haplo_server_add(struct haplo_poller *poller,
                            const struct haplo_server_options *options,
                            struct haplo_server **server, char *why,
                            size_t why_size)
{
    struct process *process = process_current();
    int error = __real_haplo_server_add(poller, options, server, why, why_size);
    if (process->is_open && error == 0) {
        struct seen_server *seen = process_find_server(process, options->name);
        seen->server = *server;
        seen->guard = (struct guard_server){.state = HAPLO_SERVER_UP};
        kept_recall(seen);
        guard_server_begins(seen);
    }
    return error;
}

int __wrap_haplo_server_remove(struct haplo_server *server)
{
    struct process *process = process_current();
    struct seen_server *seen =
        process_find_server(process, haplo_server_name(server));
    int error = __real_haplo_server_remove(server);
    if (error == 0) {
        seen->server = NULL;
    }
    return error;
}
