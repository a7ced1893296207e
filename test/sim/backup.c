#include "backup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "book.h"
#include "book_outlet.h"
#include "process.h"
#include "world.h"

/* The messages of one queue at that time, in order. */
struct backup_queue {
    struct book_copy *copies; /* owned */
    uint32_t count;
};

struct backup {
    struct store_row *rows; /* owned */
    size_t row_count;
    uint64_t last_arrival;
    struct store_queue queues[REMOTE_QUEUES_MAX];
    struct store_outlet outlets[DESTINATIONS_MAX];
    struct backup_queue messages[REMOTE_QUEUES_MAX];
};

static void *take(size_t count, size_t size)
{
    void *taken = calloc(count + 1, size);
    if (taken == NULL) {
        fprintf(stderr, "sim: out of memory\n");
        exit(2);
    }
    return taken;
}

void backup_free(struct store *store)
{
    struct backup *backup = store->backup;
    if (backup != NULL) {
        for (unsigned i = 0; i < REMOTE_QUEUES_MAX; i++) {
            free(backup->messages[i].copies);
        }
        free(backup->rows);
        free(backup);
        store->backup = NULL;
    }
}

static struct store *pick_store(struct world *world)
{
    return &world->stores[dice_below(&world->dice, world->store_count)];
}

static void copy_messages(struct backup_queue *to,
                          const struct remote_queue *queue)
{
    to->copies = take(queue->message_count, sizeof *to->copies);
    for (const struct message *m = queue->first; m != NULL; m = m->next) {
        to->copies[to->count++] = book_copy_of(m);
    }
}

void backup_make(struct world *world)
{
    struct store *store = pick_store(world);
    backup_free(store);
    struct backup *backup = take(1, sizeof *backup);
    store->backup = backup;
    backup->rows = take(store->row_count, sizeof *backup->rows);
    backup->row_count = store->row_count;
    backup->last_arrival = store->last_arrival;
    if (store->row_count > 0) {
        memcpy(backup->rows, store->rows,
               store->row_count * sizeof *backup->rows);
    }
    memcpy(backup->queues, store->queues, sizeof backup->queues);
    memcpy(backup->outlets, store->outlets, sizeof backup->outlets);
    for (unsigned i = 0; i < world->queue_count; i++) {
        if (world->queues[i].store == store->index) {
            copy_messages(&backup->messages[i], &world->queues[i]);
        }
    }
    TRACE(world, "store %u: copied, %zu messages", store->index,
          store->row_count);
}

static void restore_rows(struct store *store, const struct backup *backup)
{
    store->row_count = backup->row_count;
    store->last_arrival = backup->last_arrival;
    for (size_t i = 0; i < backup->row_count; i++) {
        for (unsigned j = 0; j < DESTINATIONS_MAX; j++) {
            struct reach *reach = &store->rows[i].reach[j];
            reach->is_deferred = backup->rows[i].reach[j].is_deferred;
            reach->is_dead = backup->rows[i].reach[j].is_dead;
        }
    }
    memcpy(store->queues, backup->queues, sizeof store->queues);
    memcpy(store->outlets, backup->outlets, sizeof store->outlets);
    memset(store->lanes, 0, sizeof store->lanes);
}

/* Newer messages first, as they may equal older ones. */
static void restore_messages(struct world *world,
                             const struct backup_queue *from,
                             const struct remote_queue *queue)
{
    static const struct book_copy none = {.stored_generation = -1};
    uint32_t at = 0;
    for (struct message *m = queue->first; m != NULL; m = m->next) {
        if (at++ >= from->count) {
            book_restore(m, &none);
        }
    }
    at = 0;
    for (struct message *m = queue->first; m != NULL && at < from->count;
         m = m->next) {
        book_restore(m, &from->copies[at++]);
    }
    book_restored(world, queue);
}

static void outdate(struct world *world, const struct store *store)
{
    for (unsigned host = 0; host < WORLD_HOSTS_MAX; host++) {
        struct process *process = world->processes[host];
        for (unsigned i = 0; process != NULL && i < world->queue_count; i++) {
            if (world->queues[i].store == store->index) {
                process->queues[i].is_current = false;
                process->queues[i].was_restored = true;
            }
        }
    }
}

static bool has_outlets(const struct world *world, const struct store *store)
{
    for (unsigned i = 0; i < world->destination_count; i++) {
        if (world->destinations[i].store == store) {
            return true;
        }
    }
    return false;
}

void backup_restore(struct world *world)
{
    struct store *store = pick_store(world);
    bool is_running = world_process_count(world) > 0;
    if (store->backup == NULL || (is_running && has_outlets(world, store))) {
        return;
    }
    world_count(world, is_running ? SITUATION_RESTORED_WHILE_RUNNING
                                  : SITUATION_RESTORED);
    TRACE(world, "store %u: restored, %zu of %zu messages", store->index,
          store->backup->row_count, store->row_count);
    restore_rows(store, store->backup);
    for (unsigned i = 0; i < world->queue_count; i++) {
        if (world->queues[i].store == store->index) {
            restore_messages(world, &store->backup->messages[i],
                             &world->queues[i]);
        }
    }
    outdate(world, store);
    for (unsigned i = 0; i < world->destination_count; i++) {
        if (world->destinations[i].store == store) {
            book_out_forgotten(&world->destinations[i]);
        }
    }
}
