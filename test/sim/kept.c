#include "kept.h"

#include "core/server.h"
#include "process.h"
#include "world.h"

#define LOST_PERMILLE 30

/* The second process is another machine's, and keeps nothing. */
static struct kept *kept_of(const struct seen_server *server)
{
    struct world *world = server->process->world;
    static struct kept none;
    none = (struct kept){0};
    return server->process->host == 0 ? &world->kept[server->remote->index]
                                      : &none;
}

void kept_begin(struct world *world)
{
    if (!dice_hit(&world->dice, LOST_PERMILLE)) {
        return;
    }
    TRACE(world, "failed logins: lost");
    for (unsigned i = 0; i < world->server_count; i++) {
        world->kept[i] = (struct kept){0};
        world->servers[i].failed_by_runs = 0;
    }
    for (unsigned i = 0; i < world->queue_count; i++) {
        world->queues[i].is_key_refused = false;
    }
}

void kept_recall(struct seen_server *server,
                 struct haplo_server_options *options)
{
    const struct kept *kept = kept_of(server);
    uint64_t now_ms = server->process->world->now_ms;
    options->failed_logins = kept->failed_count;
    options->failed_login_age_ms = now_ms - kept->failed_ms;
    if (now_ms < kept->guard_refused_ms + SERVER_SILENCE_MS) {
        server->guard.refused = kept->guard_refused;
        server->guard.refused_ms = kept->guard_refused_ms;
    }
}

static unsigned count_of(const struct haplo_server *server)
{
    struct haplo_server_stats stats = {.struct_size = sizeof stats};
    haplo_server_stats(server, &stats);
    return stats.failed_logins;
}

void kept_added(struct seen_server *server)
{
    kept_of(server)->failed_count = count_of(server->server);
    if (server->guard.logins_held) {
        world_count(server->process->world, SITUATION_HOLD_RECALLED);
    }
}

bool kept_is_proven(const struct seen_queue *queue, bool has_worked)
{
    bool is_proven = queue->server->guard.logins_held && has_worked &&
                     !queue->remote->is_key_refused;
    if (is_proven) {
        world_count(queue->process->world, SITUATION_PROOF_RECALLED);
    }
    return is_proven;
}

static void note_queue(struct seen_queue *queue,
                       const struct haplo_event *event, unsigned count)
{
    struct kept *kept = kept_of(queue->server);
    if (event->error == HAPLO_EREFUSED && count != kept->failed_count) {
        kept->failed_count = count;
        kept->failed_ms = queue->process->world->now_ms;
        queue->remote->is_key_refused = true;
    }
    if (event->from == HAPLO_QUEUE_FETCHING &&
        (event->to == HAPLO_QUEUE_IDLE ||
         event->to == HAPLO_QUEUE_DELIVERING)) {
        queue->remote->is_key_refused = false;
    }
}

void kept_note(struct process *process, const struct haplo_event *event)
{
    struct seen_server *server =
        process_find_server(process, haplo_server_name(event->server));
    struct kept *kept = kept_of(server);
    unsigned count = count_of(event->server);
    kept->guard_refused = server->guard.refused;
    kept->guard_refused_ms = server->guard.refused_ms;
    if (kept->failed_count > 0 && count == 0) {
        kept->failed_count = 0;
    }
    if (event->queue != NULL && process->host == 0) {
        note_queue(process_find_queue(process, event->queue), event, count);
    }
}
