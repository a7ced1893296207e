#include "process.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "book.h"
#include "book_outlet.h"
#include "destination_type.h"
#include "kept.h"
#include "loop.h"
#include "store_type.h"
#include "wire.h"
#include "world.h"

static struct process *current;

void process_enter(struct process *process)
{
    current = process;
    memory_use(process == NULL ? NULL : &process->memory);
}

void process_wake(struct process *process)
{
    process_enter(process);
    process->loop_ms = process->world->now_ms;
}

struct process *process_current(void)
{
    return current;
}

void process_at(struct process *process, uint64_t delay_ms, agenda_cb happen,
                void *subject, uint64_t stamp)
{
    world_at_life(process->world, delay_ms, happen, subject, stamp,
                  process->life);
}

void process_at_outside(struct process *process, uint64_t delay_ms,
                        agenda_cb happen, void *subject, uint64_t stamp)
{
    world_at_outside(process->world, delay_ms, happen, subject, stamp,
                     process->life);
}

struct seen_server *process_find_server(struct process *process,
                                        const char *name)
{
    for (unsigned i = 0; i < process->world->server_count; i++) {
        if (strcmp(process->servers[i].remote->name, name) == 0) {
            return &process->servers[i];
        }
    }
    return NULL;
}

static struct seen_queue *find_queue(struct process *process,
                                     const char *server, const char *name)
{
    for (unsigned i = 0; i < process->world->queue_count; i++) {
        const struct remote_queue *remote = process->queues[i].remote;
        if (strcmp(remote->own_name, name) == 0 &&
            strcmp(remote->server->name, server) == 0) {
            return &process->queues[i];
        }
    }
    world_violation(process->world, "%s/%s: there is no such queue", server,
                    name);
}

struct seen_queue *process_find_queue(struct process *process,
                                      const struct haplo_queue *queue)
{
    return find_queue(process, haplo_server_name(haplo_queue_server(queue)),
                      haplo_queue_name(queue));
}

struct seen_queue *process_find_inbox_queue(struct process *process,
                                            const struct inbox_queue *queue)
{
    return find_queue(process, queue->server, queue->name);
}

static void look(struct process *process)
{
    struct world *world = process->world;
    for (unsigned i = 0; i < world->server_count; i++) {
        process->servers[i].process = process;
        process->servers[i].remote = &world->servers[i];
    }
    for (unsigned i = 0; i < world->queue_count; i++) {
        struct seen_queue *queue = &process->queues[i];
        queue->process = process;
        queue->remote = &world->queues[i];
        queue->server = &process->servers[queue->remote->server->index];
        queue->store = queue->remote->store;
    }
}

void process_start(struct world *world, unsigned host)
{
    struct process *process = calloc(1, sizeof *process);
    if (process == NULL) {
        fprintf(stderr, "sim: out of memory\n");
        exit(2);
    }
    assert(world->processes[host] == NULL);
    process->world = world;
    process->host = host;
    process->life = ++world->life;
    process->loop_ms = world->now_ms;
    world->processes[host] = process;
    TRACE(world, "process %u: starts", host);
    memory_init(&process->memory);
    loop_init(process);
    look(process);
    book_started(process);
    if (host == 0) {
        kept_begin(world);
    }
    store_fleet_forget(world, host);
    process_enter(process);
    app_open(process);
}

void process_end(struct process *process)
{
    struct world *world = process->world;
    process_enter(process);
    kept_end(process);
    if (world->violation[0] == '\0') {
        store_type_process_ends(process);
        destination_type_process_ends(process);
    }
    for (unsigned i = 0; i < world->queue_count; i++) {
        if (process->queues[i].exchange != NULL) {
            wire_abandon(world, process->queues[i].exchange);
        }
    }
    world->processes[process->host] = NULL;
    book_ended(process);
    if (world->is_fleet) {
        book_out_left(world, process->host);
    }
    for (unsigned i = 0;
         !world->is_fleet && process->host == 0 && i < world->destination_count;
         i++) {
        book_out_forgotten(&world->destinations[i]);
        world->destinations[i].life = 0;
    }
    process_enter(NULL);
    memory_free(&process->memory);
    agenda_free(&process->suspension.held);
    free(process);
}

void process_check_end(const struct process *process)
{
    const struct world *world = process->world;
    for (unsigned i = 0;
         !world->is_fleet && process->host == 0 && i < world->destination_count;
         i++) {
        book_out_check_saved(&world->destinations[i],
                             world->destinations[i].life);
    }
    if (process->handle_count > 0 || process->memory.count > 0) {
        world_violation(
            process->world, "process %u: leaves %zu handles and %zu blocks",
            process->host, process->handle_count, process->memory.count);
    }
}
