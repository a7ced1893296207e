#include "kept.h"

#include "core/server.h"
#include "process.h"
#include "state_file.h"
#include "world.h"

#define LOST_PERMILLE 30

void kept_begin(struct world *world)
{
    if (!dice_hit(&world->dice, LOST_PERMILLE)) {
        return;
    }
    TRACE(world, "failed logins: lost");
    state_file_lose(world);
    for (unsigned i = 0; i < world->server_count; i++) {
        world->kept[0][i] = (struct kept){0};
        world->logins[i].by_runs = 0;
    }
    for (unsigned i = 0; i < world->queue_count; i++) {
        world->queues[i].is_key_refused[0] = false;
    }
}

static struct kept *kept_of(const struct seen_server *server)
{
    return &server->process->world
                ->kept[server->process->host][server->remote->address];
}

void kept_recall(struct seen_server *server)
{
    struct world *world = server->process->world;
    const struct kept *kept = kept_of(server);
    struct haplo_server_stats stats = {.struct_size = sizeof stats};
    if (world->now_ms < kept->refused_ms + SERVER_SILENCE_MS) {
        guard_site_of(server)->refused = kept->refused;
        guard_site_of(server)->refused_ms = kept->refused_ms;
    }
    haplo_server_get_stats(server->server, &stats);
    if (stats.logins_held) {
        world_count(world, SITUATION_HOLD_RECALLED);
    }
}

/* On any server. */
static bool has_failed_logins(const struct process *process)
{
    for (unsigned i = 0; i < process->world->server_count; i++) {
        if (process->sites[i].refused > 0) {
            return true;
        }
    }
    return false;
}

bool kept_may_be_proven(const struct seen_queue *queue, bool has_worked)
{
    return has_worked && !queue->remote->is_key_refused[queue->process->host];
}

bool kept_is_proven(const struct seen_queue *queue, bool has_worked)
{
    bool is_proven = has_failed_logins(queue->process) &&
                     kept_may_be_proven(queue, has_worked);
    if (is_proven) {
        world_count(queue->process->world, SITUATION_PROOF_RECALLED);
    }
    return is_proven;
}

static void note_key(const struct seen_queue *queue,
                     const struct haplo_event *event)
{
    bool *is_refused = &queue->remote->is_key_refused[queue->process->host];
    if (event->error == HAPLO_EREFUSED) {
        *is_refused = true;
    } else if (event->from == HAPLO_QUEUE_FETCHING &&
               (event->to == HAPLO_QUEUE_IDLE ||
                event->to == HAPLO_QUEUE_DELIVERING)) {
        *is_refused = false;
    }
}

void kept_end(struct process *process)
{
    for (unsigned i = 0; i < process->world->server_count; i++) {
        const struct seen_server *server = &process->servers[i];
        if (server->server != NULL) {
            kept_of(server)->refused = guard_site_of(server)->refused;
            kept_of(server)->refused_ms = guard_site_of(server)->refused_ms;
        }
    }
    for (unsigned i = 0; i < process->world->queue_count; i++) {
        struct seen_queue *queue = &process->queues[i];
        if (queue->guard.has_meaning &&
            queue->guard.meaning.error == HAPLO_EREFUSED) {
            queue->remote->is_key_refused[process->host] = true;
        }
    }
}

void kept_note(struct process *process, const struct haplo_event *event)
{
    const struct seen_server *server =
        process_find_server(process, haplo_server_name(event->server));
    struct kept *kept = kept_of(server);
    kept->refused = guard_site_of(server)->refused;
    kept->refused_ms = guard_site_of(server)->refused_ms;
    if (event->queue != NULL) {
        note_key(process_find_queue(process, event->queue), event);
    }
}
