#include "store_type.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "book.h"
#include "inbox/inbox_store.h"
#include "process.h"
#include "store.h"
#include "store_fleet.h"
#include "world.h"

/* An open store of one process. */
struct connection {
    struct inbox_store base; /* first of all */
    struct process *process;
    struct store *store;
    struct inbox_group *group; /* being written, or NULL */
    bool is_committed;         /* the group is */
};

static struct connection *connection_of(struct inbox_store *store)
{
    return (struct connection *)store;
}

static bool hit(struct world *world, unsigned permille)
{
    return !world->is_quiet && dice_hit(&world->dice, permille);
}

static void on_opened(struct world *world, void *subject, uint64_t stamp)
{
    struct connection *connection = subject;
    const struct store *store = connection->store;
    (void)stamp;
    for (unsigned i = 0; i < world->queue_count; i++) {
        const struct remote_queue *queue = &world->queues[i];
        struct haplo_slice state = store_state(store, queue);
        connection->process->queues[i].is_current |=
            queue->store == store->index;
        if (state.data != NULL) {
            (void)inbox_store_queue(connection->base.inbox,
                                    store_queue_id(queue), queue->server->name,
                                    queue->own_name, state);
        }
    }
    inbox_store_opened(connection->base.inbox, store->uuid, 0, "");
}

static struct inbox_store *open_store(uv_loop_t *loop, struct inbox *inbox,
                                      const struct inbox_options *options)
{
    struct connection *connection = simulated_calloc(1, sizeof *connection);
    connection->base.inbox = inbox;
    connection->process = loop->data;
    connection->store = *(struct store *const *)options->type_options;
    connection->process->connections[connection->store->index] = connection;
    process_at(connection->process,
               dice_below(&connection->process->world->dice, 5), on_opened,
               connection, 0);
    return &connection->base;
}

static void on_closed(struct world *world, void *subject, uint64_t stamp)
{
    struct connection *connection = subject;
    struct inbox *inbox = connection->base.inbox;
    (void)world;
    (void)stamp;
    connection->process->connections[connection->store->index] = NULL;
    simulated_free(connection);
    inbox_store_closed(inbox);
}

struct process *store_type_process(struct inbox_store *store)
{
    return connection_of(store)->process;
}

struct store *store_type_store(struct inbox_store *store)
{
    return connection_of(store)->store;
}

static void close_store(struct inbox_store *store)
{
    struct connection *connection = connection_of(store);
    assert(connection->group == NULL);
    process_at(connection->process, 0, on_closed, connection, 0);
}

static bool has_poison(struct connection *connection)
{
    struct inbox_delivery *delivery;
    STAILQ_FOREACH (delivery, &connection->group->deliveries, link) {
        const struct seen_queue *queue =
            process_find_inbox_queue(connection->process, delivery->queue);
        if (queue->token->is_poison) {
            return true;
        }
    }
    return false;
}

static bool is_out_of_reach(const struct connection *connection)
{
    const struct process *process = connection->process;
    return connection->store->is_down ||
           process->world->machines[process->host].is_cut_from_stores;
}

static enum inbox_fault draw_fault(struct connection *connection)
{
    struct world *world = connection->process->world;
    const struct store *store = connection->store;
    if (is_out_of_reach(connection)) {
        return INBOX_OUTAGE;
    }
    if (store->is_full) {
        return INBOX_PART;
    }
    if (has_poison(connection)) {
        return INBOX_NEVER;
    }
    if (hit(world, world->plan.commit_fails_permille)) {
        return dice_hit(&world->dice, 700) ? INBOX_OUTAGE : INBOX_PART;
    }
    return hit(world, world->plan.doubt_permille) ? INBOX_DOUBT : INBOX_FINE;
}

static void set_outcomes(struct connection *connection, enum outcome outcome)
{
    struct inbox_delivery *delivery;
    STAILQ_FOREACH (delivery, &connection->group->deliveries, link) {
        struct seen_queue *queue =
            process_find_inbox_queue(connection->process, delivery->queue);
        queue->token->outcome = outcome;
        queue->is_current &= outcome != OUTCOME_DOUBT;
    }
}

static void note_saves(struct connection *connection)
{
    const struct inbox_group *group = connection->group;
    struct world *world = connection->process->world;
    const struct inbox_progress *progress;
    STAILQ_FOREACH (progress, &group->progress, link) {
        bool has_failed = group->fault != INBOX_FINE;
        store_note_save(connection->store, progress, has_failed);
        if (has_failed) {
            world_count(world, SITUATION_SAVE_FAILED);
        }
    }
}

static void on_answer(struct world *world, void *subject, uint64_t stamp)
{
    struct connection *connection = subject;
    (void)world;
    (void)stamp;
    note_saves(connection);
    connection->group = NULL;
    inbox_group_written(connection->base.inbox);
    world_crash_point(world, CRASH_AFTER_ACCEPT);
}

static void commit(struct connection *connection)
{
    struct world *world = connection->process->world;
    bool is_of_confirms = STAILQ_EMPTY(&connection->group->deliveries);
    store_commit(connection->store, connection->process, connection->group);
    connection->is_committed = true;
    world_crash_point(world, is_of_confirms ? CRASH_AFTER_CONFIRM_COMMIT
                                            : CRASH_AFTER_COMMIT);
}

static void carry_out(struct connection *connection)
{
    struct world *world = connection->process->world;
    struct inbox_group *group = connection->group;
    group->fault = draw_fault(connection);
    snprintf(group->why.text, sizeof group->why.text,
             "as the simulation has "
             "it");
    switch (group->fault) {
    case INBOX_FINE:
        commit(connection);
        break;
    case INBOX_DOUBT:
        world_count(world, SITUATION_DOUBT);
        if (dice_hit(&world->dice, 500)) {
            world_count(world, SITUATION_DOUBT_STORED);
            commit(connection);
        }
        set_outcomes(connection, OUTCOME_DOUBT);
        break;
    default:
        world_count(world, SITUATION_GROUP_FAILED);
        set_outcomes(connection, OUTCOME_OUTAGE);
        break;
    }
}

static void on_write(struct world *world, void *subject, uint64_t stamp)
{
    struct connection *connection = subject;
    (void)stamp;
    world_crash_point(world, CRASH_BEFORE_COMMIT);
    carry_out(connection);
    process_at(connection->process, dice_below(&world->dice, 2), on_answer,
               connection, 0);
}

static uint64_t write_ms(struct connection *connection)
{
    struct world *world = connection->process->world;
    uint64_t longest_ms =
        connection->store->is_slow ? 4000 : world->plan.write_ms_max;
    return dice_between(&world->dice, 0, longest_ms);
}

/* Checks that groups respect the size limit and come one at a time. */
static void write_group(struct inbox_store *store, struct inbox_group *group)
{
    struct connection *connection = connection_of(store);
    struct world *world = connection->process->world;
    assert(connection->group == NULL);
    connection->group = group;
    connection->is_committed = false;
    if (!STAILQ_EMPTY(&group->deliveries) &&
        STAILQ_NEXT(STAILQ_FIRST(&group->deliveries), link) != NULL) {
        world_count(world, SITUATION_GROUP_OF_SEVERAL);
    }
    world_crash_point(world, CRASH_BEFORE_WRITE);
    /* Perhaps the commit is still to be sent. */
    if (dice_hit(&world->dice, 500)) {
        process_at(connection->process, write_ms(connection), on_write,
                   connection, 0);
    } else {
        process_at_outside(connection->process, write_ms(connection), on_write,
                           connection, 0);
    }
}

void store_type_process_ends(struct process *process)
{
    struct world *world = process->world;
    for (unsigned i = 0; i < world->store_count; i++) {
        struct connection *connection = process->connections[i];
        if (connection != NULL && connection->group != NULL &&
            !connection->is_committed && draw_fault(connection) == INBOX_FINE &&
            dice_hit(&world->dice, 300)) {
            TRACE(world, "store %u: commits after the process has died", i);
            world_count(world, SITUATION_COMMITTED_AFTER_DEATH);
            store_commit(connection->store, process, connection->group);
        }
    }
}

/* A query in progress. */
struct request {
    struct connection *connection;
    struct inbox_read *read;             /* or NULL */
    struct inbox_outlet_request *outlet; /* or NULL */
    bool is_of_lanes;                    /* of the outlet */
};

static bool reading_fails(const struct connection *connection)
{
    struct world *world = connection->process->world;
    return is_out_of_reach(connection) ||
           hit(world, world->plan.commit_fails_permille / 4);
}

static void answer_read(const struct request *request)
{
    struct connection *connection = request->connection;
    struct inbox_read *read = request->read;
    if (reading_fails(connection)) {
        world_count(connection->process->world, SITUATION_READ_FAILED);
        read->read_cb(read, HAPLO_EDELIVERY, "as the simulation has it");
    } else {
        store_read(connection->store, connection->base.inbox, read);
        read->read_cb(read, 0, "");
    }
}

static void answer_outlet(const struct request *request)
{
    struct connection *connection = request->connection;
    struct inbox_outlet_request *outlet = request->outlet;
    if (reading_fails(connection)) {
        outlet->error = reason_set(&outlet->why, HAPLO_EDELIVERY,
                                   "as the simulation has it");
    } else if (request->is_of_lanes) {
        store_find_lanes(connection->store, connection->base.inbox, outlet);
    } else {
        store_open_outlet(connection->store, outlet);
    }
    outlet->done_cb(outlet);
}

static void on_request(struct world *world, void *subject, uint64_t stamp)
{
    const struct request *request = subject;
    (void)world;
    (void)stamp;
    if (request->read != NULL) {
        answer_read(request);
    } else {
        answer_outlet(request);
    }
}

static void ask(struct request draft)
{
    struct connection *connection = draft.connection;
    struct world *world = connection->process->world;
    struct request *request = pool_take(&world->pool, sizeof *request);
    *request = draft;
    process_at(connection->process, write_ms(connection) / 4, on_request,
               request, 0);
}

static void read_rows(struct inbox_store *store, struct inbox_read *read)
{
    ask((struct request){.connection = connection_of(store), .read = read});
}

static void read_free(struct inbox_read *read)
{
    simulated_free(read->memory);
    read->memory = NULL;
}

static void open_outlet(struct inbox_store *store,
                        struct inbox_outlet_request *outlet)
{
    ask((struct request){.connection = connection_of(store), .outlet = outlet});
}

static void find_lanes(struct inbox_store *store,
                       struct inbox_outlet_request *outlet)
{
    ask((struct request){.connection = connection_of(store),
                         .outlet = outlet,
                         .is_of_lanes = true});
}

void __real_inbox_confirmed(struct inbox_queue *queue,
                            const struct haplo_mark *mark);
void __wrap_inbox_confirmed(struct inbox_queue *queue,
                            const struct haplo_mark *mark);

void __wrap_inbox_confirmed(struct inbox_queue *queue,
                            const struct haplo_mark *mark)
{
    struct seen_queue *seen =
        process_find_inbox_queue(process_current(), queue);
    world_crash_point(seen->process->world, CRASH_AFTER_CONFIRMATION);
    book_told_inbox(seen, mark->state);
    __real_inbox_confirmed(queue, mark);
}

static const struct inbox_store_ops ops = {
    .open = open_store,
    .write = write_group,
    .read = read_rows,
    .read_free = read_free,
    .outlet_open = open_outlet,
    .lanes = find_lanes,
    .fleet_ask = store_fleet_ask,
    .refresh = store_fleet_refresh,
    .close = close_store,
};

const struct inbox_type store_type = {
    .name = "simulated",
    .help = "in virtual time",
    .options_size = sizeof(struct store *),
    .ops = &ops,
};
