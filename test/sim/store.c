#include "store.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup.h"
#include "book.h"
#include "inbox/inbox_store.h"
#include "process.h"
#include "world.h"

struct haplo_slice store_state(const struct store *store,
                               const struct remote_queue *queue)
{
    const struct store_queue *own = &store->queues[queue->index];
    return (struct haplo_slice){own->state, own->size};
}

static void set_state(struct store *store, const struct remote_queue *queue,
                      struct haplo_slice state)
{
    char *copy = pool_take(&store->world->pool, state.size + 1);
    memcpy(copy, state.data, state.size);
    store->queues[queue->index] =
        (struct store_queue){.state = copy, .size = state.size};
}

static struct store_row *add_row(struct store *store)
{
    if (store->row_count == store->row_capacity) {
        store->row_capacity =
            store->row_capacity == 0 ? 256 : store->row_capacity * 2;
        store->rows =
            realloc(store->rows, store->row_capacity * sizeof *store->rows);
        if (store->rows == NULL) {
            fprintf(stderr, "sim: out of memory\n");
            exit(2);
        }
    }
    return &store->rows[store->row_count++];
}

/* The process has stored a state, which it knows and others do not. */
static void outdate_others(const struct seen_queue *queue)
{
    const struct world *world = queue->process->world;
    for (unsigned host = 0; host < WORLD_HOSTS_MAX; host++) {
        struct process *other = world->processes[host];
        if (other != NULL && other != queue->process) {
            other->queues[queue->remote->index].is_current = false;
        }
    }
}

/* How many times a state contains the key of that content. */
static unsigned count_key(struct haplo_slice state, const uint8_t *key)
{
    const char *end = state.data + state.size;
    const char *at = state.data;
    unsigned count = 0;
    while ((at = memmem(at, (size_t)(end - at), key, 16)) != NULL) {
        at += 16;
        count++;
    }
    return count;
}

/* A process that kept running during a restore knows more than is stored. Its
 * state shows what. */
static void look_again(struct seen_queue *queue, struct haplo_slice state)
{
    if (!queue->was_restored) {
        return;
    }
    queue->was_restored = false;
    queue->is_current = true;
    for (struct message *m = queue->remote->first; m != NULL; m = m->next) {
        struct content *content = m->content;
        if (content->has_key) {
            book_is_open(content, count_key(state, content->key));
        }
    }
}

/* The row of the queue is locked until the last transaction has ended. */
static void wait_for_lock(struct store *store, const struct remote_queue *queue)
{
    uint64_t now_ms = store->world->now_ms;
    if (store->hidden_ms[queue->index] <= now_ms) {
        return;
    }
    store->hidden_ms[queue->index] = now_ms;
    for (size_t i = 0; i < store->row_count; i++) {
        if (store->rows[i].queue == queue &&
            store->rows[i].visible_ms > now_ms) {
            store->rows[i].visible_ms = now_ms;
        }
    }
}

/* How long what is written now is hidden from the outlets. */
static uint64_t draw_hidden_ms(struct store *store,
                               const struct process *process,
                               const struct inbox_group *group)
{
    struct world *world = store->world;
    bool has_outlets = process->host == 0 || world->is_fleet;
    bool is_untold = !has_outlets || group->fault == INBOX_DOUBT;
    if (!store->is_by_queue || !is_untold || world->is_quiet ||
        dice_hit(&world->dice, 500)) {
        return 0;
    }
    world_count(world, SITUATION_VISIBLE_LATE);
    return dice_between(&world->dice, 1, 20000);
}

static void write_confirm(struct store *store, struct process *process,
                          struct inbox_confirm *confirm)
{
    struct seen_queue *queue =
        process_find_inbox_queue(process, confirm->queue);
    wait_for_lock(store, queue->remote);
    confirm->compare =
        haplo_state_compare(confirm->state, store_state(store, queue->remote));
    confirm->queue_id = store_queue_id(queue->remote);
    if (confirm->compare == HAPLO_COMPARE_CURRENT) {
        set_state(store, queue->remote, confirm->state);
        outdate_others(queue);
        TRACE(store->world, "%s: confirmation stored", queue->remote->name);
        book_durable(store->world, queue,
                     book_number_of(queue, confirm->state));
        look_again(queue, confirm->state);
    } else {
        world_count(store->world, SITUATION_CONFIRMATION_PASSED_OVER);
    }
}

static struct haplo_slice copy_of_state(const struct store *store,
                                        const struct remote_queue *queue)
{
    struct haplo_slice stored = store_state(store, queue);
    char *copy = simulated_malloc(stored.size + 1);
    if (stored.size > 0) {
        memcpy(copy, stored.data, stored.size);
    }
    return (struct haplo_slice){copy, stored.size};
}

static void write_replace(struct store *store, struct process *process,
                          struct inbox_replace *replace)
{
    struct seen_queue *queue =
        process_find_inbox_queue(process, replace->queue);
    wait_for_lock(store, queue->remote);
    replace->queue_id = store_queue_id(queue->remote);
    replace->compare =
        inbox_replace_compare(replace, store_state(store, queue->remote));
    if (replace->compare == HAPLO_COMPARE_STALE) {
        replace->stored = copy_of_state(store, queue->remote);
        world_count(store->world, SITUATION_MOVE_STALE);
        return;
    }
    if (replace->state.size == 0) {
        store->queues[queue->remote->index] = (struct store_queue){.size = 0};
    } else {
        set_state(store, queue->remote, replace->state);
    }
    outdate_others(queue);
    TRACE(store->world, "%s: state replaced in store %u", queue->remote->name,
          store->index);
}

/* Checks that the batch is what was fetched, byte for byte. */
static void check_bodies(const struct store *store, const struct token *token,
                         const struct inbox_delivery *delivery)
{
    if (delivery->count != token->count) {
        world_violation(store->world, "%s: %zu messages of %u",
                        token->queue->name, delivery->count, token->count);
    }
    for (unsigned i = 0; i < token->count; i++) {
        const struct content *content = token->parts[i].message->content;
        const struct haplo_slice *body = &delivery->messages[i].body;
        if (body->size != content->size ||
            memcmp(body->data, content->body, body->size) != 0) {
            world_violation(store->world, "%s: message %u has another body",
                            token->queue->name,
                            token->parts[i].message->number);
        }
    }
}

static void write_rows(struct store *store, const struct token *token,
                       struct inbox_delivery *delivery, uint64_t hidden_ms)
{
    uint64_t visible_ms = store->world->now_ms + hidden_ms;
    store->hidden_ms[token->queue->index] = visible_ms;
    /* Skips arrival numbers, as after a failed transaction. */
    if (dice_hit(&store->world->dice, 100)) {
        store->last_arrival += dice_between(&store->world->dice, 1, 3);
    }
    for (unsigned i = 0; i < token->count; i++) {
        const struct haplo_message *message = &delivery->messages[i];
        if (message->is_repeat) {
            delivery->repeat_count++;
            continue;
        }
        struct store_row *row = add_row(store);
        *row = (struct store_row){
            .message = token->parts[i].message,
            .queue = token->queue,
            .generation = token->parts[i].generation,
            .arrival = ++store->last_arrival,
            .fetched_at_ms = delivery->fetched_at_ms,
            .stored_ms = store->world->now_ms,
            .visible_ms = visible_ms,
        };
        for (int j = 0; j < 8; j++) {
            row->hash = row->hash << 8 | message->key[j];
        }
        if (delivery->stored_count++ == 0) {
            delivery->first_arrival = row->arrival;
        }
        delivery->last_arrival = row->arrival;
        /* Another process draws numbers at the same time. */
        store->last_arrival +=
            store->is_by_queue && dice_hit(&store->world->dice, 50);
    }
    for (size_t i = 0; i < delivery->stored_count; i++) {
        struct store_row *row = &store->rows[store->row_count - 1 - i];
        row->batch_first = delivery->first_arrival;
        row->batch_count = (uint32_t)delivery->stored_count;
    }
}

/* A state keeps only a limited number of messages that the batch lacks, the
 * newest. */
static void drop_leftovers(struct store *store,
                           const struct remote_queue *queue,
                           const struct token *token, struct haplo_slice state)
{
    size_t key_count = (state.size - HAPLO_STATE_SIZE_MAX(0) +
                        (size_t)16 * HAPLO_LEFTOVER_COUNT_MAX) /
                       16;
    size_t open_count = 0;
    size_t missing_count = 0;
    for (const struct message *m = queue->first; m != NULL; m = m->next) {
        open_count += m->content->standing[0] == STANDING_OPEN;
    }
    if (open_count <= HAPLO_LEFTOVER_COUNT_MAX) {
        return;
    }
    for (const struct message *m = queue->first; m != NULL; m = m->next) {
        if (m->content->standing[0] == STANDING_OPEN &&
            memmem(state.data, state.size, m->content->key,
                   sizeof m->content->key) == NULL) {
            missing_count++;
            book_dropped(m->content);
        }
    }
    if (missing_count > 0 &&
        key_count < HAPLO_LEFTOVER_COUNT_MAX + token->count) {
        world_violation(store->world, "%s: %zu of %zu keys are dropped",
                        queue->name, missing_count, open_count);
    }
    if (missing_count > 0) {
        world_count(store->world, SITUATION_LEFTOVERS_DROPPED);
    }
}

static void note_book(struct store *store, struct seen_queue *queue,
                      const struct inbox_delivery *delivery)
{
    struct token *token = queue->token;
    bool *is_new = pool_take(&store->world->pool, token->count);
    for (unsigned i = 0; i < token->count; i++) {
        is_new[i] = !delivery->messages[i].is_repeat;
    }
    TRACE(store->world, "%s: token %u stored, %zu of %u new",
          queue->remote->name, token->number, delivery->stored_count,
          token->count);
    if (delivery->stored_count == 0) {
        world_count(store->world, SITUATION_REPEATS_ALONE);
    }
    token->was_new |= delivery->new_count > 0;
    book_stored(store->world, queue, is_new);
    for (unsigned i = 0; i < token->count; i++) {
        struct content *content = token->parts[i].message->content;
        memcpy(content->key, delivery->messages[i].key, sizeof content->key);
        content->has_key = true;
    }
    drop_leftovers(store, queue->remote, token, delivery->state);
    look_again(queue, delivery->state);
}

static void compare_delivery(const struct store *store,
                             struct seen_queue *queue,
                             struct inbox_delivery *delivery)
{
    assert(queue->token != NULL);
    delivery->compare =
        haplo_state_compare(delivery->state, store_state(store, queue->remote));
    delivery->queue_id = store_queue_id(queue->remote);
    delivery->stored_count = 0;
    delivery->repeat_count = 0;
    delivery->mended_count = 0;
    delivery->first_arrival = 0;
    delivery->last_arrival = 0;
}

/* What is stored is not the batch's own state. */
static void check_stale(const struct store *store,
                        const struct seen_queue *queue,
                        const struct inbox_delivery *delivery)
{
    struct haplo_slice stored = store_state(store, queue->remote);
    if (stored.size > 0 && stored.size == delivery->state.size &&
        memcmp(stored.data, delivery->state.data, stored.size) == 0) {
        guard_violation(queue, "its own state is stale");
    }
}

static void write_delivery(struct store *store, struct process *process,
                           struct inbox_delivery *delivery, uint64_t hidden_ms)
{
    struct seen_queue *queue =
        process_find_inbox_queue(process, delivery->queue);
    struct token *token = queue->token;
    wait_for_lock(store, queue->remote);
    compare_delivery(store, queue, delivery);
    queue->is_current = true; /* once the result is reported */
    if (!process->is_open) {
        world_count(store->world, SITUATION_DELIVERED_TOO_LATE);
    }
    switch (delivery->compare) {
    case HAPLO_COMPARE_CURRENT:
        check_bodies(store, token, delivery);
        write_rows(store, token, delivery, hidden_ms);
        set_state(store, queue->remote, delivery->state);
        outdate_others(queue);
        note_book(store, queue, delivery);
        token->outcome = OUTCOME_FINE;
        break;
    case HAPLO_COMPARE_STORED:
        world_count(store->world, SITUATION_STORED_BEFORE);
        delivery->repeat_count = token->count;
        if (!token->is_stored) {
            world_violation(store->world, "%s: token %u was never stored",
                            queue->remote->name, token->number);
        }
        token->outcome = OUTCOME_FINE;
        break;
    case HAPLO_COMPARE_STALE:
        check_stale(store, queue, delivery);
        world_count(store->world, SITUATION_STALE);
        TRACE(store->world, "%s: token %u is stale", queue->remote->name,
              token->number);
        delivery->stored = copy_of_state(store, queue->remote);
        token->outcome = OUTCOME_STALE;
        queue->was_restored = false;
        break;
    }
}

void store_commit(struct store *store, struct process *process,
                  struct inbox_group *group)
{
    struct inbox_confirm *confirm;
    struct inbox_replace *replace;
    struct inbox_delivery *delivery;
    struct inbox_progress *progress;
    uint64_t hidden_ms = draw_hidden_ms(store, process, group);
    STAILQ_FOREACH (confirm, &group->confirms, link) {
        write_confirm(store, process, confirm);
    }
    STAILQ_FOREACH (replace, &group->replaces, link) {
        write_replace(store, process, replace);
    }
    STAILQ_FOREACH (delivery, &group->deliveries, link) {
        write_delivery(store, process, delivery, hidden_ms);
    }
    STAILQ_FOREACH (progress, &group->progress, link) {
        store_write_progress(store, progress);
    }
}

size_t store_row_after(const struct store *store, uint64_t arrival)
{
    size_t begin = 0;
    size_t end = store->row_count;
    while (begin < end) {
        size_t middle = begin + (end - begin) / 2;
        if (store->rows[middle].arrival <= arrival) {
            begin = middle + 1;
        } else {
            end = middle;
        }
    }
    return begin;
}

struct store_row *store_row(const struct store *store, uint64_t arrival)
{
    size_t index = store_row_after(store, arrival - 1);
    return arrival > 0 && index < store->row_count &&
                   store->rows[index].arrival == arrival
               ? &store->rows[index]
               : NULL;
}

void store_free(struct store *store)
{
    backup_free(store);
    free(store->rows);
    store->rows = NULL;
    store->row_capacity = 0;
}
