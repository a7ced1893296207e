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

bool store_has_passed(const struct store *store, unsigned outlet,
                      const struct store_row *row)
{
    const struct store_outlet *stored = &store->outlets[outlet];
    return row->arrival <= (store->is_by_queue
                                ? stored->positions[row->queue->index]
                                : stored->cursor) &&
           !row->reach[outlet].is_deferred;
}

bool store_has_moved(const struct store *store, unsigned queue)
{
    const struct world *world = store->world;
    unsigned slot = placement_slot(world->queues[queue].server->name);
    return world->is_fleet && world->fleet.has_moved[slot];
}

static void write_position(struct store *store,
                           const struct destination *destination,
                           const struct inbox_place *place)
{
    unsigned at = (unsigned)place->queue_id - 1;
    uint64_t *position = &store->outlets[destination->index].positions[at];
    if (place->arrival < *position && store_has_moved(store, at)) {
        return; /* by a host that had the slot before */
    }
    if (place->arrival < *position || place->arrival > store->last_arrival) {
        world_violation(store->world, "%s: %s: position %llu after %llu",
                        destination->name, store->world->queues[at].name,
                        (unsigned long long)place->arrival,
                        (unsigned long long)*position);
    }
    for (size_t i = store_row_after(store, *position);
         i < store->row_count && store->rows[i].arrival <= place->arrival;
         i++) {
        if (store->rows[i].queue->index == at) {
            book_out_passed(destination, &store->rows[i]);
        }
    }
    *position = place->arrival;
    world_count(store->world, SITUATION_POSITION);
}

static void write_positions(struct store *store,
                            const struct destination *destination,
                            struct inbox_progress *progress)
{
    if (progress->cursor + progress->deferred_count + progress->settled_count >
        0) {
        world_violation(store->world, "%s: saves more than positions",
                        destination->name);
    }
    for (size_t i = 0; i < progress->position_count; i++) {
        write_position(store, destination, &progress->positions[i]);
    }
    store->outlets[destination->index].is_there = true;
    progress->outlet_id = destination->index + 1;
    progress->stored_cursor = 0;
    TRACE(store->world, "process %u: %s: saved %zu positions",
          process_current()->host, destination->name, progress->position_count);
}

void store_write_progress(struct store *store, struct inbox_progress *progress)
{
    struct destination *destination = destination_of(store, progress->outlet);
    struct store_outlet *outlet = &store->outlets[destination->index];
    assert(destination->store == store);
    write_places(store, destination, progress);
    if (store->is_by_queue) {
        write_positions(store, destination, progress);
        return;
    }
    assert(progress->position_count == 0);
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

/* False if the limits of the read are reached. */
static bool add_if_room(struct inbox_read *read, struct inbox *inbox,
                        const struct store_row *row, size_t *bytes)
{
    size_t size = row->message->content->size;
    if (read->count > 0 &&
        (read->count == read->count_max || *bytes + size > read->bytes_max)) {
        read->has_more = true;
        return false;
    }
    add_message(read, inbox, row);
    *bytes += size;
    return true;
}

static bool is_visible(const struct store *store, const struct store_row *row)
{
    return row->visible_ms <= store->world->now_ms;
}

/* Reads the lanes one after the other, each after its position. */
static void read_lanes(const struct store *store, struct inbox *inbox,
                       struct inbox_read *read, const uint64_t *positions)
{
    size_t bytes = 0;
    if (read->lane_count > 1) {
        world_count(store->world, SITUATION_READ_TOGETHER);
    }
    for (size_t lane = 0; lane < read->lane_count; lane++) {
        unsigned at = (unsigned)read->lanes[lane].queue_id - 1;
        uint64_t after = read->lanes[lane].after;
        after = after < positions[at] ? positions[at] : after;
        for (size_t i = store_row_after(store, after); i < store->row_count;
             i++) {
            const struct store_row *row = &store->rows[i];
            if (row->queue->index == at && is_visible(store, row) &&
                !add_if_room(read, inbox, row, &bytes)) {
                return;
            }
        }
    }
}

void store_read(struct store *store, struct inbox *inbox,
                struct inbox_read *read)
{
    const struct destination *destination = destination_of(store, read->outlet);
    size_t bytes = 0;
    read->messages = simulated_calloc(read->count_max, sizeof *read->messages);
    read->memory = read->messages;
    if (store->is_by_queue) {
        read_lanes(store, inbox, read,
                   store->outlets[destination->index].positions);
        return;
    }
    for (size_t i = store_row_after(store, read->after); i < store->row_count;
         i++) {
        const struct store_row *row = &store->rows[i];
        if (is_asked_for(read, row, destination->index) &&
            !add_if_room(read, inbox, row, &bytes)) {
            return;
        }
    }
}

void store_open_outlet(const struct store *store,
                       struct inbox_outlet_request *request)
{
    struct destination *destination = destination_of(store, request->outlet);
    const struct store_outlet *outlet = &store->outlets[destination->index];
    if (destination->has_closed) {
        destination->has_closed = false;
        book_out_forgotten(destination); /* it begins with what is stored */
    }
    request->outlet->is_new = !outlet->is_there;
    request->outlet->id = outlet->is_there ? destination->index + 1 : 0;
    request->outlet->is_by_queue = store->is_by_queue;
    request->outlet->cursor = outlet->cursor;
}

static void add_lane(const struct store *store,
                     struct inbox_outlet_request *request, struct inbox *inbox,
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
            .first_arrival = store->is_by_queue ? 0 : row->arrival,
        };
    }
    lane->count += !store->is_by_queue;
    lane->last_arrival = row->arrival;
}

void store_find_lanes(const struct store *store, struct inbox *inbox,
                      struct inbox_outlet_request *request)
{
    const struct destination *destination =
        destination_of(store, request->outlet);
    request->lanes =
        simulated_calloc(REMOTE_QUEUES_MAX, sizeof *request->lanes);
    for (size_t i = 0; i < store->row_count; i++) {
        const struct store_row *row = &store->rows[i];
        if (store->is_by_queue
                ? is_visible(store, row) &&
                      !store_has_passed(store, destination->index, row)
                : row->reach[destination->index].is_deferred) {
            add_lane(store, request, inbox, row);
        }
    }
}
