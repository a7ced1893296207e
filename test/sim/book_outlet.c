#include "book_outlet.h"

#include "process.h"
#include "world.h"

static _Noreturn void violation(const struct destination *destination,
                                const struct store_row *row, const char *what)
{
    world_violation(destination->world, "%s: %s, arrival %llu: %s",
                    destination->name, row->queue->name,
                    (unsigned long long)row->arrival, what);
}

static struct reach *reach_of(const struct destination *destination,
                              struct store_row *row)
{
    return &row->reach[destination->index];
}

static struct store_lane *lane_of(const struct destination *destination,
                                  const struct store_row *row)
{
    return &destination->store->lanes[destination->index][row->queue->index];
}

static bool is_saved(const struct destination *destination,
                     const struct store_row *row)
{
    const struct store *store = destination->store;
    return store->outlets[destination->index].is_there &&
           store_has_passed(store, destination->index, row);
}

/* All earlier messages of its queue have arrived, or never will. */
static void check_order(const struct destination *destination,
                        struct store_row *row)
{
    struct store *store = destination->store;
    struct store_lane *lane = lane_of(destination, row);
    for (; lane->row_index < store->row_count; lane->row_index++) {
        struct store_row *before = &store->rows[lane->row_index];
        const struct reach *reach = reach_of(destination, before);
        bool is_in_doubt = reach->is_refused && destination->has_dead_letters;
        if (before->queue != row->queue ||
            !destination_wants_row(destination, before) ||
            reach->received_count > 0 || is_in_doubt || reach->is_skipped ||
            reach->is_sentenced || reach->is_dead) {
            continue;
        }
        if (before->arrival < row->arrival) {
            violation(destination, row, "overtakes an earlier message");
        }
        return;
    }
}

/* A process never sends again what it knows it has sent. */
static void check_repeat(const struct destination *destination,
                         struct store_row *row, uint64_t life)
{
    struct reach *reach = reach_of(destination, row);
    if (reach->is_skipped || reach->is_dead) {
        violation(destination, row, "is sent though it was given up");
    }
    if (reach->received_count == 0) {
        return;
    }
    if (is_saved(destination, row) &&
        !store_has_moved(destination->store, row->queue->index)) {
        violation(destination, row, "is sent again, and was saved");
    }
    if (reach->is_told && reach->life == life) {
        violation(destination, row, "is sent again for no reason");
    }
    if (reach->is_told && !reach->is_excused) {
        violation(destination, row, "is sent again by the next process");
    }
    destination->world->totals->repeats++;
}

void book_out_try(const struct destination *destination, struct store_row *row,
                  uint64_t life)
{
    if (!destination_wants_row(destination, row)) {
        violation(destination, row, "is sent, and was not asked for");
    }
    const struct store_lane *lane = lane_of(destination, row);
    if (lane->last_life == life && row->arrival <= lane->last_told) {
        violation(destination, row, "is sent after a later one");
    }
    check_repeat(destination, row, life);
    check_order(destination, row);
}

void book_out_received(struct destination *destination, struct store_row *row,
                       uint64_t life)
{
    struct reach *reach = reach_of(destination, row);
    uint64_t took_ms = destination->world->now_ms - row->stored_ms;
    uint64_t *worst_ms = &destination->world->pace
                              .reach_ms[destination->index][row->queue->index];
    if (took_ms > *worst_ms) {
        *worst_ms = took_ms;
    }
    destination->world->totals->reached++;
    if (reach->received_count < UINT8_MAX) {
        reach->received_count++;
    }
    reach->life = life;
    reach->is_told = false;
    reach->is_refused = false;
    reach->is_excused = false;
}

void book_out_refused(struct destination *destination, struct store_row *row)
{
    struct reach *reach = reach_of(destination, row);
    destination->refused_count++;
    if (!reach->is_refused) {
        reach->is_refused = true;
        reach->refused_at = destination->refused_count;
    }
}

void book_out_told(struct destination *destination, struct store_row *row,
                   uint64_t life, uint64_t sent_at)
{
    struct store_lane *lane = lane_of(destination, row);
    if (sent_at > destination->proven_to) {
        destination->proven_to = sent_at;
    }
    reach_of(destination, row)->is_told = true;
    reach_of(destination, row)->was_told = true;
    lane->last_told = row->arrival;
    lane->last_life = life;
}

void book_out_buried(const struct destination *destination,
                     struct store_row *row)
{
    struct reach *reach = reach_of(destination, row);
    bool is_proven = destination->has_dead_letters && reach->is_refused &&
                     destination->proven_to >= reach->refused_at;
    if (!is_proven && !reach->is_sentenced && !reach->is_dead) {
        violation(destination, row, "is a dead letter without a reason");
    }
    world_count(destination->world, SITUATION_DEAD_LETTER);
    reach->is_dead = true;
}

/* If the queue has moved, perhaps it is saved by the host that had it before,
 * while that of the next one is still in flight. */
static bool is_known_to_be_sent(const struct destination *destination,
                                const struct store_row *row)
{
    const struct reach *reach = &row->reach[destination->index];
    return reach->received_count > 0 &&
           (reach->is_told ||
            (reach->was_told &&
             store_has_moved(destination->store, row->queue->index)));
}

void book_out_passed(const struct destination *destination,
                     struct store_row *row)
{
    const struct reach *reach = reach_of(destination, row);
    if (!destination_wants_row(destination, row)) {
        if (destination_wants(destination, row->queue)) {
            world_count(destination->world, SITUATION_UNWANTED);
        }
        return;
    }
    if (!reach->is_deferred && !reach->is_dead && !reach->is_skipped &&
        !is_known_to_be_sent(destination, row)) {
        violation(destination, row, "is saved, and was not sent");
    }
}

static void forget_row(const struct destination *destination,
                       struct store_row *row)
{
    struct reach *reach = reach_of(destination, row);
    if (!is_saved(destination, row)) {
        reach->is_excused = reach->received_count > 0;
        reach->is_skipped = false;
        reach->is_sentenced = false;
        reach->is_buried = false;
    }
}

/* Messages whose delivery was not saved are sent again. */
void book_out_forgotten(struct destination *destination)
{
    struct store *store = destination->store;
    for (size_t i = 0; i < store->row_count; i++) {
        forget_row(destination, &store->rows[i]);
    }
}

static void forget_slot(struct destination *destination, unsigned slot)
{
    struct store *store = destination->store;
    for (size_t i = 0; i < store->row_count; i++) {
        if (placement_slot(store->rows[i].queue->server->name) == slot) {
            forget_row(destination, &store->rows[i]);
        }
    }
}

void book_out_taken_over(struct world *world, unsigned slot)
{
    for (unsigned i = 0; i < world->destination_count; i++) {
        forget_slot(&world->destinations[i], slot);
    }
}

void book_out_handed_over(struct world *world, unsigned slot)
{
    for (unsigned i = 0; i < world->destination_count; i++) {
        if (world->destinations[i].has_unsaved_end) {
            forget_slot(&world->destinations[i], slot);
        }
    }
}

void book_out_left(struct world *world, unsigned host)
{
    for (unsigned i = 0; i < world->server_count; i++) {
        unsigned slot = placement_slot(world->servers[i].name);
        if (store_fleet_owns(world, host, slot)) {
            book_out_taken_over(world, slot);
        }
    }
}

void book_out_late(struct destination *destination, struct store_row *row,
                   uint64_t life)
{
    world_count(destination->world, SITUATION_LATE_PARCEL);
    if (reach_of(destination, row)->received_count == 0) {
        book_out_received(destination, row, life);
    }
}

void book_out_check_saved(const struct destination *destination, uint64_t life)
{
    struct store *store = destination->store;
    for (size_t i = 0; i < store->row_count && !destination->has_unsaved_end;
         i++) {
        struct store_row *row = &store->rows[i];
        const struct reach *reach = reach_of(destination, row);
        if (reach->is_told && reach->life == life &&
            !is_saved(destination, row)) {
            violation(destination, row, "is sent, and not saved at the end");
        }
    }
}

struct store_row *book_out_head(const struct destination *destination,
                                const struct remote_queue *queue)
{
    struct store *store = destination->store;
    for (size_t i = 0; i < store->row_count; i++) {
        struct store_row *row = &store->rows[i];
        const struct reach *reach = reach_of(destination, row);
        bool is_done = is_saved(destination, row) || reach->is_skipped ||
                       reach->is_dead || reach->is_sentenced ||
                       reach->is_buried ||
                       (reach->is_told && !reach->is_excused);
        if (row->queue == queue && !is_done &&
            destination_wants_row(destination, row)) {
            return row;
        }
    }
    return NULL;
}

void book_out_check_end(const struct destination *destination)
{
    struct store *store = destination->store;
    for (size_t i = 0; i < store->row_count; i++) {
        struct store_row *row = &store->rows[i];
        const struct reach *reach = reach_of(destination, row);
        if (!destination_wants_row(destination, row)) {
            continue;
        }
        if (reach->received_count == 0 && !reach->is_dead &&
            !reach->is_skipped) {
            violation(destination, row, "has never reached it");
        }
        if (!is_saved(destination, row)) {
            violation(destination, row, "is never saved");
        }
    }
}
