/*
 * store_out.c - the outlets' side of a simulated inbox: what they read, and
 * their progress.
 */
#include <assert.h>
#include <string.h>

#include "book_outlet.h"
#include "inbox/inbox_store.h"
#include "process.h"
#include "store.h"
#include "store_type.h"
#include "world.h"

/* The outlet's destination has the same name. */
static struct destination *destination_of(const struct store *store,
                                          const struct inbox_outlet *outlet)
{
    struct world *world = store->world;
    for (unsigned i = 0; i < world->destination_count; i++) {
        if (strcmp(world->destinations[i].name, outlet->name) == 0) {
            return &world->destinations[i];
        }
    }
    world_violation(world, "%s: there is no such outlet", outlet->name);
}

static struct store_row *row_of(struct store *store,
                                const struct destination *destination,
                                uint64_t queue_id, uint64_t arrival)
{
    struct store_row *row = store_row(store, arrival);
    if (row == NULL || store_queue_id(row->queue) != queue_id) {
        world_violation(store->world, "%s: arrival %llu is not there",
                        destination->name, (unsigned long long)arrival);
    }
    return row;
}

static void write_places(struct store *store,
                         const struct destination *destination,
                         const struct inbox_progress *progress)
{
    unsigned at = destination->index;
    for (size_t i = 0; i < progress->deferred_count; i++) {
        const struct inbox_place *place = &progress->deferred[i];
        row_of(store, destination, place->queue_id, place->arrival)
            ->reach[at]
            .is_deferred = true;
        world_count(store->world, SITUATION_DEFERRED);
    }
    for (size_t i = 0; i < progress->dead_letter_count; i++) {
        const struct inbox_dead_letter *letter = &progress->dead_letters[i];
        book_out_buried(destination, row_of(store, destination,
                                            letter->queue_id, letter->arrival));
    }
    for (size_t i = 0; i < progress->settled_count; i++) {
        const struct inbox_place *place = &progress->settled[i];
        struct store_row *row =
            row_of(store, destination, place->queue_id, place->arrival);
        row->reach[at].is_deferred = false;
        book_out_passed(destination, row);
    }
}

void store_write_progress(struct store *store, struct inbox_progress *progress)
{
    struct destination *destination = destination_of(store, progress->outlet);
    struct store_outlet *outlet = &store->outlets[destination->index];
    assert(destination->store == store);
    write_places(store, destination, progress);
    for (size_t i = store_row_after(store, outlet->cursor);
         i < store->row_count && store->rows[i].arrival <= progress->cursor;
         i++) {
        book_out_passed(destination, &store->rows[i]);
    }
    if (progress->cursor > store->last_arrival) {
        world_violation(store->world, "%s: is beyond the newest message",
                        destination->name);
    }
    if (progress->cursor > outlet->cursor) {
        outlet->cursor = progress->cursor;
    }
    outlet->is_there = true;
    progress->outlet_id = destination->index + 1;
    progress->stored_cursor = outlet->cursor;
    TRACE(store->world, "%s: saved up to %llu, %zu deferred, %zu settled",
          destination->name, (unsigned long long)outlet->cursor,
          progress->deferred_count, progress->settled_count);
}

void store_note_save(const struct store *store,
                     const struct inbox_progress *progress, bool has_failed)
{
    destination_of(store, progress->outlet)->has_unsaved_end = has_failed;
}

static void add_message(struct inbox_read *read, struct inbox *inbox,
                        const struct store_row *row)
{
    const struct content *content = row->message->content;
    const struct inbox_queue *queue = inbox_store_queue(
        inbox, store_queue_id(row->queue), row->queue->server->name,
        row->queue->own_name, (struct haplo_slice){NULL, 0});
    read->messages[read->count++] = (struct inbox_message){
        .arrival = row->arrival,
        .batch_first = row->batch_first,
        .batch_count = row->batch_count,
        .queue_id = store_queue_id(row->queue),
        .server = queue->server,
        .queue = queue->name,
        .received_at_ms = row->fetched_at_ms,
        .body = {content->body, content->size},
        .hash = row->hash,
    };
}

static bool is_asked_for(const struct inbox_read *read,
                         const struct store_row *row, unsigned at)
{
    return read->queue_id == 0 ||
           (store_queue_id(row->queue) == read->queue_id &&
            row->reach[at].is_deferred);
}

void store_read(struct store *store, struct inbox *inbox,
                struct inbox_read *read)
{
    const struct destination *destination = destination_of(store, read->outlet);
    size_t bytes = 0;
    read->messages = simulated_calloc(read->count_max, sizeof *read->messages);
    read->memory = read->messages;
    for (size_t i = store_row_after(store, read->after); i < store->row_count;
         i++) {
        const struct store_row *row = &store->rows[i];
        size_t size = row->message->content->size;
        if (!is_asked_for(read, row, destination->index)) {
            continue;
        }
        if (read->count > 0 && (read->count == read->count_max ||
                                bytes + size > read->bytes_max)) {
            read->has_more = true;
            return;
        }
        add_message(read, inbox, row);
        bytes += size;
    }
}

void store_open_outlet(const struct store *store,
                       struct inbox_outlet_request *request)
{
    const struct destination *destination =
        destination_of(store, request->outlet);
    const struct store_outlet *outlet = &store->outlets[destination->index];
    request->outlet->is_new = !outlet->is_there;
    request->outlet->id = outlet->is_there ? destination->index + 1 : 0;
    request->outlet->cursor = outlet->cursor;
}

static void add_lane(struct inbox_outlet_request *request, struct inbox *inbox,
                     const struct store_row *row)
{
    uint64_t id = store_queue_id(row->queue);
    struct inbox_deferred_lane *lane = request->lanes;
    while (lane < request->lanes + request->lane_count &&
           lane->queue_id != id) {
        lane++;
    }
    if (lane == request->lanes + request->lane_count) {
        const struct inbox_queue *queue = inbox_store_queue(
            inbox, id, row->queue->server->name, row->queue->own_name,
            (struct haplo_slice){NULL, 0});
        request->lane_count++;
        *lane = (struct inbox_deferred_lane){
            .queue_id = id,
            .server = queue->server,
            .queue = queue->name,
            .first_arrival = row->arrival,
        };
    }
    lane->count++;
}

void store_find_lanes(const struct store *store, struct inbox *inbox,
                      struct inbox_outlet_request *request)
{
    const struct destination *destination =
        destination_of(store, request->outlet);
    request->lanes =
        simulated_calloc(REMOTE_QUEUES_MAX, sizeof *request->lanes);
    for (size_t i = 0; i < store->row_count; i++) {
        if (store->rows[i].reach[destination->index].is_deferred) {
            add_lane(request, inbox, &store->rows[i]);
        }
    }
}
