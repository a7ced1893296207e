#include "kept.h"

#include "process.h"
#include "world.h"

#define LOST_PERMILLE 30

static struct kept *kept_of(const struct poll_server *server)
{
    return &server->process->world->kept[server->remote->index];
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

void kept_recall(struct poll_server *server)
{
    struct world *world = server->process->world;
    struct kept *kept = kept_of(server);
    server_recall_logins(&server->core, kept->failed_count,
                         world->now_ms - kept->failed_ms, world->now_ms);
    kept->failed_count = server->core.failed_logins;
    if (world->now_ms < kept->guard_refused_ms + SERVER_SILENCE_MS) {
        server->guard.refused = kept->guard_refused;
        server->guard.refused_ms = kept->guard_refused_ms;
    }
    if (server->core.logins_held) {
        world_count(world, SITUATION_HOLD_RECALLED);
    }
}

bool kept_is_proven(const struct poll_queue *queue)
{
    bool is_proven = queue->server->core.logins_held && queue->core.epoch > 0 &&
                     !queue->remote->is_key_refused;
    if (is_proven) {
        world_count(queue->process->world, SITUATION_PROOF_RECALLED);
    }
    return is_proven;
}

void kept_note_server(struct poll_server *server)
{
    struct kept *kept = kept_of(server);
    kept->guard_refused = server->guard.refused;
    kept->guard_refused_ms = server->guard.refused_ms;
    if (kept->failed_count > 0 && server->core.failed_logins == 0) {
        kept->failed_count = 0;
    }
}

void kept_note_queue(struct poll_queue *queue, enum haplo_queue_state from,
                     int error)
{
    struct kept *kept = kept_of(queue->server);
    unsigned count = queue->server->core.failed_logins;
    kept_note_server(queue->server);
    if (error == HAPLO_EREFUSED && count != kept->failed_count) {
        kept->failed_count = count;
        kept->failed_ms = queue->process->world->now_ms;
        queue->remote->is_key_refused = true;
    }
    if (from == HAPLO_QUEUE_FETCHING &&
        (queue->core.state == HAPLO_QUEUE_IDLE ||
         queue->core.state == HAPLO_QUEUE_DELIVERING)) {
        queue->remote->is_key_refused = false;
    }
}
