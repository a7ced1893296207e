#include "destination_type.h"

#include <assert.h>
#include <string.h>

#include "book_outlet.h"
#include "process.h"
#include "world.h"

#define FLIGHTS_MAX 8

/* A parcel in transit. */
struct flight {
    struct outlet_parcel *parcel; /* NULL: none */
    bool has_arrived;             /* and its outcome is due */
    uint64_t number;              /* to recognise later ones */
    uint64_t sent_at;             /* the destination's refused_count then */
    uint64_t sent_ms;             /* when */
};

/* An open outlet of one process. */
struct sim_outlet {
    struct outlet base; /* first of all */
    struct process *process;
    struct destination *destination;
    uint64_t life; /* of it */
    struct flight flights[FLIGHTS_MAX];
    uint64_t flight_count; /* since it was opened */
    bool is_closing;       /* close was called */
    bool is_closed;        /* closed_cb is due */
    outlet_closed_cb closed_cb;
    void *closed_data; /* for it */
};

static struct world *world_of(const struct sim_outlet *outlet)
{
    return outlet->process->world;
}

static bool hit(struct sim_outlet *outlet, unsigned permille)
{
    struct world *world = world_of(outlet);
    return !world->is_quiet && dice_hit(&world->dice, permille);
}

static uint64_t way_ms(struct sim_outlet *outlet)
{
    struct world *world = world_of(outlet);
    return dice_below(&world->dice, outlet->destination->is_slow
                                        ? 5000
                                        : world->plan.latency_ms_max);
}

static struct store_row *row_of(const struct sim_outlet *outlet,
                                const struct inbox_message *message)
{
    return store_row(outlet->destination->store, message->arrival);
}

static void set_answer(struct outlet_parcel *parcel, size_t delivered_count,
                       enum outlet_verdict verdict, uint64_t retry_after_ms)
{
    parcel->delivered_count = delivered_count;
    parcel->verdict = verdict;
    parcel->retry_after_ms = retry_after_ms;
    (void)reason_set(&parcel->why, 0, "%s",
                     verdict == OUTLET_DELIVERED ? ""
                                                 : "as the simulation has it");
}

/* Another host has taken the queue over since it was sent. */
static bool is_late(const struct sim_outlet *outlet,
                    const struct flight *flight, const struct store_row *row)
{
    const struct world *world = outlet->process->world;
    unsigned slot = placement_slot(row->queue->server->name);
    return world->is_fleet && world->fleet.taken_ms[slot] > flight->sent_ms;
}

/* Accepts the messages up to the first that it refuses. */
static void take(struct sim_outlet *outlet, const struct flight *flight,
                 size_t count)
{
    struct outlet_parcel *parcel = flight->parcel;
    struct destination *destination = outlet->destination;
    for (size_t i = 0; i < count; i++) {
        struct store_row *row = row_of(outlet, &parcel->messages[i]);
        if (is_late(outlet, flight, row)) {
            book_out_late(destination, row, outlet->life);
            continue;
        }
        if (destination->malady == MALADY_FUSSY ||
            destination_is_poisoned(destination, row)) {
            world_count(world_of(outlet), SITUATION_REFUSED_BY_OUTLET);
            book_out_try(destination, row, outlet->life);
            set_answer(parcel, i, OUTLET_REFUSED, 0);
            return;
        }
        book_out_try(destination, row, outlet->life);
        book_out_received(destination, row, outlet->life);
    }
    set_answer(parcel, count,
               count == parcel->count ? OUTLET_DELIVERED : OUTLET_RETRY, 0);
}

static uint64_t draw_retry_after_ms(struct sim_outlet *outlet)
{
    struct world *world = world_of(outlet);
    return dice_hit(&world->dice, 500)
               ? 0
               : 1000 * dice_between(&world->dice, 1, 60);
}

static void arrive(struct sim_outlet *outlet, struct flight *flight)
{
    struct world *world = world_of(outlet);
    const struct plan *plan = &world->plan;
    struct outlet_parcel *parcel = flight->parcel;
    size_t count = parcel->count;
    flight->has_arrived = true;
    switch (outlet->destination->malady) {
    case MALADY_BROKEN:
    case MALADY_UNOPENED:
        set_answer(parcel, 0, OUTLET_BROKEN, draw_retry_after_ms(outlet));
        return;
    case MALADY_BUSY:
        set_answer(parcel, 0, OUTLET_RETRY, draw_retry_after_ms(outlet));
        return;
    default:
        break;
    }
    if (hit(outlet, plan->parcel_fails_permille)) {
        count = (size_t)dice_below(&world->dice, count);
        world_count(world, SITUATION_PARCEL_IN_PART);
    }
    take(outlet, flight, count);
    if (hit(outlet, plan->parcel_doubt_permille)) {
        world_count(world, SITUATION_PARCEL_DOUBT);
        set_answer(parcel, 0, OUTLET_RETRY, 0);
    }
}

static void check_closed(struct sim_outlet *outlet);

static void note_told(struct sim_outlet *outlet, const struct flight *flight)
{
    struct destination *destination = outlet->destination;
    const struct outlet_parcel *parcel = flight->parcel;
    for (size_t i = 0; i < parcel->delivered_count; i++) {
        book_out_told(destination, row_of(outlet, &parcel->messages[i]),
                      outlet->life, flight->sent_at);
    }
    if (parcel->verdict == OUTLET_REFUSED) {
        book_out_refused(
            destination,
            row_of(outlet, &parcel->messages[parcel->delivered_count]));
    }
}

static void on_answer(struct world *world, void *subject, uint64_t number)
{
    struct sim_outlet *outlet = subject;
    struct flight *flight = &outlet->flights[number % FLIGHTS_MAX];
    struct outlet_parcel *parcel = flight->parcel;
    assert(flight->number == number);
    TRACE(world, "%s: %zu of %zu delivered from %llu on",
          outlet->destination->name, parcel->delivered_count, parcel->count,
          (unsigned long long)parcel->messages[0].arrival);
    note_told(outlet, flight);
    flight->parcel = NULL;
    parcel->delivered_cb(parcel);
    world_crash_point(world, CRASH_AFTER_DELIVERY);
    check_closed(outlet);
}

static void on_arrival(struct world *world, void *subject, uint64_t number)
{
    struct sim_outlet *outlet = subject;
    struct flight *flight = &outlet->flights[number % FLIGHTS_MAX];
    arrive(outlet, flight);
    world_crash_point(world, CRASH_AFTER_SEND);
    process_at(outlet->process, way_ms(outlet), on_answer, outlet, number);
}

static _Noreturn void violation(const struct sim_outlet *outlet,
                                const char *what)
{
    world_violation(world_of(outlet), "%s: %s", outlet->destination->name,
                    what);
}

static void check_message(const struct sim_outlet *outlet,
                          const struct inbox_message *message)
{
    const struct store_row *row = row_of(outlet, message);
    if (row == NULL) {
        violation(outlet, "sends what is not stored");
    }
    const struct content *content = row->message->content;
    if (row->hash != message->hash ||
        row->batch_first != message->batch_first ||
        row->batch_count != message->batch_count ||
        row->fetched_at_ms != message->received_at_ms ||
        content->size != message->body.size ||
        memcmp(content->body, message->body.data, content->size) != 0 ||
        strcmp(row->queue->own_name, message->queue) != 0 ||
        strcmp(row->queue->server->name, message->server) != 0) {
        violation(outlet, "sends a message that is another one");
    }
}

/* True if a message that the destination wants is between these two. */
static bool has_gap(const struct sim_outlet *outlet,
                    const struct inbox_message *before,
                    const struct inbox_message *message)
{
    struct inbox_message between = *before;
    while (++between.arrival < message->arrival) {
        const struct store_row *row = row_of(outlet, &between);
        if (row == NULL || destination_wants_row(outlet->destination, row)) {
            return true;
        }
    }
    return between.arrival != message->arrival;
}

/* The messages are of one batch, in order and without gaps. */
static void check_parcel(const struct sim_outlet *outlet,
                         const struct outlet_parcel *parcel)
{
    const struct inbox_message *first = &parcel->messages[0];
    for (size_t i = 0; i < parcel->count; i++) {
        const struct inbox_message *message = &parcel->messages[i];
        check_message(outlet, message);
        if ((i > 0 && has_gap(outlet, message - 1, message)) ||
            message->batch_first != first->batch_first) {
            violation(outlet, "sends a parcel with gaps");
        }
    }
    for (unsigned i = 0; i < FLIGHTS_MAX; i++) {
        const struct outlet_parcel *other = outlet->flights[i].parcel;
        if (other != NULL && other->messages[0].queue_id == first->queue_id) {
            violation(outlet, "sends two parcels of a queue at once");
        }
    }
}

static void check_room(const struct sim_outlet *outlet)
{
    unsigned count = 0;
    for (unsigned i = 0; i < FLIGHTS_MAX; i++) {
        count += outlet->flights[i].parcel != NULL;
    }
    if (outlet->is_closing || count >= outlet->destination->in_flight_max) {
        violation(outlet, "sends more than it may");
    }
}

/* Finds the slot of the next parcel; skips numbers whose slots are in use. */
static struct flight *next_flight(struct sim_outlet *outlet)
{
    struct flight *flight;
    do {
        flight = &outlet->flights[++outlet->flight_count % FLIGHTS_MAX];
    } while (flight->parcel != NULL);
    flight->number = outlet->flight_count;
    return flight;
}

static void deliver(struct outlet *base, struct outlet_parcel *parcel)
{
    struct sim_outlet *outlet = (struct sim_outlet *)base;
    check_room(outlet);
    check_parcel(outlet, parcel);
    struct flight *flight = next_flight(outlet);
    flight->parcel = parcel;
    flight->sent_at = outlet->destination->refused_count;
    flight->sent_ms = world_of(outlet)->now_ms;
    flight->has_arrived = false;
    process_at_outside(outlet->process, way_ms(outlet), on_arrival, outlet,
                       flight->number);
}

static int open_outlet(const struct outlet_setting *setting,
                       struct outlet **out, struct reason *why)
{
    struct destination *destination =
        *(struct destination *const *)setting->options;
    struct process *process = setting->loop->data;
    *out = NULL;
    if (destination->malady == MALADY_UNOPENED) {
        world_count(process->world, SITUATION_OUTLET_NOT_OPENED);
        return reason_set(why, HAPLO_ECONNECT, "as the simulation has it");
    }
    if (strcmp(setting->inbox_uuid, destination->store->uuid) != 0 ||
        process->outlets[destination->index] != NULL) {
        world_violation(process->world, "%s: opened wrongly",
                        destination->name);
    }
    struct sim_outlet *outlet = simulated_calloc(1, sizeof *outlet);
    outlet->base.type = &destination_type;
    outlet->process = process;
    outlet->destination = destination;
    destination->life = ++process->world->life;
    outlet->life = destination->life;
    process->outlets[destination->index] = outlet;
    *out = &outlet->base;
    return 0;
}

static void on_closed(struct world *world, void *subject, uint64_t stamp)
{
    struct sim_outlet *outlet = subject;
    struct sim_outlet own = *outlet;
    (void)world;
    (void)stamp;
    outlet->process->outlets[outlet->destination->index] = NULL;
    if (!outlet->process->is_stopping) {
        outlet->destination->has_closed = true; /* and its progress is saved */
    }
    simulated_free(outlet);
    own.closed_cb(own.closed_data);
}

static void check_closed(struct sim_outlet *outlet)
{
    for (unsigned i = 0; i < FLIGHTS_MAX; i++) {
        if (outlet->flights[i].parcel != NULL) {
            return;
        }
    }
    if (outlet->is_closing && !outlet->is_closed) {
        outlet->is_closed = true;
        process_at(outlet->process, 0, on_closed, outlet, 0);
    }
}

/* Parcels in transit are still reported when they are due. */
static void close_outlet(struct outlet *base, outlet_closed_cb closed_cb,
                         void *data)
{
    struct sim_outlet *outlet = (struct sim_outlet *)base;
    assert(!outlet->is_closing);
    outlet->is_closing = true;
    outlet->closed_cb = closed_cb;
    outlet->closed_data = data;
    check_closed(outlet);
}

void destination_type_process_ends(struct process *process)
{
    struct world *world = process->world;
    for (unsigned i = 0; i < world->destination_count; i++) {
        struct sim_outlet *outlet = process->outlets[i];
        for (unsigned j = 0; outlet != NULL && j < FLIGHTS_MAX; j++) {
            struct flight *flight = &outlet->flights[j];
            if (flight->parcel != NULL && !flight->has_arrived &&
                dice_hit(&world->dice, 300)) {
                world_count(world, SITUATION_SENT_AFTER_DEATH);
                arrive(outlet, flight);
            }
        }
    }
}

const struct outlet_type destination_type = {
    .name = "simulated",
    .help = "in virtual time",
    .options_size = sizeof(struct destination *),
    .in_flight_max = 4,
    .open = open_outlet,
    .deliver = deliver,
    .close = close_outlet,
};
