#include "disk.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "book.h"
#include "world.h"

#define DISK_NO_ROW UINT64_MAX

/* One batch on its way into the record, for the ledger's operations. */
struct disk_record {
    struct disk *disk;                /* */
    struct disk_queue *queue;         /* */
    const struct ledger_batch *batch; /* */
    bool *is_new;                     /* filled */
    unsigned left;                    /* operations, until one fails */
    bool has_failed;                  /* */
};

/* -- Changes -------------------------------------------------------------- */

static void note_undo(struct disk *disk, struct disk_undo undo)
{
    assert(disk->is_open);
    if (disk->undo_count == disk->undo_capacity) {
        disk->undo_capacity =
            disk->undo_capacity == 0 ? 64 : disk->undo_capacity * 2;
        disk->undo =
            realloc(disk->undo, disk->undo_capacity * sizeof *disk->undo);
        if (disk->undo == NULL) {
            fprintf(stderr, "sim: out of memory\n");
            exit(2);
        }
    }
    disk->undo[disk->undo_count++] = undo;
}

static void row_move(struct disk *disk, struct disk_queue *queue, uint32_t row,
                     uint64_t epoch)
{
    note_undo(disk, (struct disk_undo){.queue = queue,
                                       .row = row,
                                       .epoch = queue->rows[row].epoch});
    queue->rows[row].epoch = epoch;
}

static void row_add(struct disk *disk, struct disk_queue *queue, uint64_t epoch,
                    const uint8_t *key)
{
    if (queue->count == queue->capacity) {
        uint32_t capacity = queue->capacity == 0 ? 64 : queue->capacity * 2;
        struct disk_row *rows =
            arena_take(&disk->world->arena, capacity * sizeof *queue->rows);
        if (queue->count > 0) {
            memcpy(rows, queue->rows, queue->count * sizeof *rows);
        }
        queue->rows = rows;
        queue->capacity = capacity;
    }
    note_undo(disk, (struct disk_undo){.queue = queue,
                                       .row = queue->count,
                                       .epoch = DISK_NO_ROW});
    struct disk_row *row = &queue->rows[queue->count++];
    row->epoch = epoch;
    memcpy(row->key, key, LEDGER_KEY_SIZE);
}

/* The row's number, or UINT32_MAX. The newest come first. */
static uint32_t row_find(const struct disk_queue *queue, uint64_t epoch,
                         const uint8_t *key)
{
    for (uint32_t i = queue->count; i-- > 0;) {
        if (queue->rows[i].epoch == epoch &&
            memcmp(queue->rows[i].key, key, LEDGER_KEY_SIZE) == 0) {
            return i;
        }
    }
    return UINT32_MAX;
}

static void raise_epoch(struct disk *disk, struct disk_queue *queue,
                        uint64_t epoch)
{
    if (epoch <= queue->epoch) {
        return;
    }
    note_undo(disk, (struct disk_undo){.queue = queue,
                                       .is_epoch = true,
                                       .epoch = queue->epoch});
    queue->epoch = epoch;
}

/* -- The ledger's operations ---------------------------------------------- */

#define DISK_FAULT 5 /* any error of a record's own */

/* Each operation may fail, and none may follow one that has. */
static int begin_operation(struct disk_record *record)
{
    struct world *world = record->disk->world;
    if (record->has_failed) {
        world_violation(world, "disk %u: goes on after a failure",
                        record->disk->index);
    }
    record->has_failed = --record->left == 0;
    return record->has_failed ? DISK_FAULT : 0;
}

static int record_carry_over(void *data)
{
    struct disk_record *record = data;
    int error = begin_operation(record);
    if (error != 0) {
        return error;
    }
    uint64_t epoch = record->batch->epoch;
    for (uint32_t i = 0; i < record->queue->count; i++) {
        const struct disk_row *row = &record->queue->rows[i];
        if (row->epoch == epoch &&
            row_find(record->queue, epoch + 1, row->key) == UINT32_MAX) {
            row_move(record->disk, record->queue, i, epoch + 1);
        }
    }
    return 0;
}

static int record_take_back(void *data, const uint8_t key[LEDGER_KEY_SIZE],
                            bool *was_there)
{
    struct disk_record *record = data;
    int error = begin_operation(record);
    if (error != 0) {
        return error;
    }
    uint64_t epoch = record->batch->epoch;
    uint32_t row = row_find(record->queue, epoch + 1, key);
    *was_there =
        row != UINT32_MAX && row_find(record->queue, epoch, key) == UINT32_MAX;
    if (*was_there) {
        row_move(record->disk, record->queue, row, epoch);
        world_count(record->disk->world, SITUATION_TAKEN_BACK);
    }
    return 0;
}

static int record_add(void *data, size_t index,
                      const uint8_t key[LEDGER_KEY_SIZE], bool *is_new)
{
    struct disk_record *record = data;
    int error = begin_operation(record);
    if (error != 0) {
        return error;
    }
    uint64_t epoch = record->batch->epoch;
    *is_new = row_find(record->queue, epoch, key) == UINT32_MAX;
    record->is_new[index] = *is_new;
    if (*is_new) {
        row_add(record->disk, record->queue, epoch, key);
    }
    return 0;
}

static int record_find_leftovers(void *data, bool *found)
{
    struct disk_record *record = data;
    int error = begin_operation(record);
    if (error != 0) {
        return error;
    }
    *found = false;
    for (uint32_t i = record->queue->count; i-- > 0 && !*found;) {
        *found = record->queue->rows[i].epoch == record->batch->epoch + 1;
    }
    return 0;
}

static int record_raise_epoch(void *data)
{
    struct disk_record *record = data;
    int error = begin_operation(record);
    if (error != 0) {
        return error;
    }
    raise_epoch(record->disk, record->queue, record->batch->epoch);
    return 0;
}

static const struct ledger_ops record_ops = {
    .carry_over = record_carry_over,
    .take_back = record_take_back,
    .add = record_add,
    .find_leftovers = record_find_leftovers,
    .raise_epoch = record_raise_epoch,
};

/* -- Transactions --------------------------------------------------------- */

static struct disk_part *part_add(struct disk *disk, struct remote_queue *queue,
                                  uint64_t confirm_number)
{
    assert(disk->is_open);
    assert(disk->part_count < 2 * DISK_QUEUES_MAX);
    struct disk_part *part = &disk->parts[disk->part_count++];
    *part =
        (struct disk_part){.queue = queue, .confirm_number = confirm_number};
    return part;
}

static void close_transaction(struct disk *disk)
{
    disk->is_open = false;
    disk->is_sent = false;
    disk->part_count = 0;
    disk->undo_count = 0;
}

void disk_read(const struct disk *disk, const struct remote_queue *queue,
               struct ledger_state *state)
{
    const struct disk_queue *own = &disk->queues[queue->index];
    bool is_unconfirmed = false;
    for (uint32_t i = own->count; i-- > 0 && !is_unconfirmed;) {
        is_unconfirmed = own->rows[i].epoch >= own->epoch;
    }
    ledger_state_read(state, own->epoch, is_unconfirmed);
}

void disk_begin(struct disk *disk)
{
    assert(!disk->is_open);
    disk->is_open = true;
}

static unsigned new_count_of(const struct disk_part *part)
{
    unsigned count = 0;
    for (unsigned i = 0; i < part->token->count; i++) {
        count += part->is_new[i];
    }
    return count;
}

/* Its counts are those of what it did. */
static void check_counts(const struct disk *disk, const struct disk_part *part,
                         const struct ledger_batch *batch)
{
    if (batch->new_count != new_count_of(part) ||
        batch->repeat_count != part->token->count - batch->new_count) {
        world_violation(disk->world, "%s: %zu new and %zu repeats of %u",
                        part->queue->name, batch->new_count,
                        batch->repeat_count, part->token->count);
    }
}

int disk_add_batch(struct disk *disk, struct token *token,
                   struct ledger_batch *batch, uint64_t confirm_number)
{
    struct world *world = disk->world;
    struct disk_part *part = part_add(disk, token->queue, confirm_number);
    bool fails = !world->is_quiet &&
                 dice_hit(&world->dice, world->plan.rows_fail_permille);
    part->token = token;
    part->epoch = batch->epoch;
    part->is_new = arena_take(&world->arena, token->count);
    struct disk_record record = {
        .disk = disk,
        .queue = &disk->queues[token->queue->index],
        .batch = batch,
        .is_new = part->is_new,
        .left = fails ? (unsigned)dice_between(&world->dice, 1,
                                               2 * token->count + 3)
                      : UINT32_MAX,
    };
    int error = ledger_add_batch(&record_ops, &record, batch);
    if ((error != 0) != record.has_failed) {
        world_violation(world, "%s: a failure of the disk is not told",
                        token->queue->name);
    }
    if (error != 0) {
        world_count(world, SITUATION_ROW_FAILED);
        return error;
    }
    check_counts(disk, part, batch);
    if (batch->has_leftovers) {
        world_count(world, SITUATION_LEFTOVERS);
    }
    return 0;
}

void disk_raise_epoch(struct disk *disk, struct remote_queue *queue,
                      uint64_t epoch, uint64_t confirm_number)
{
    (void)part_add(disk, queue, confirm_number);
    raise_epoch(disk, &disk->queues[queue->index], epoch);
}

void disk_send_out(struct disk *disk)
{
    disk->is_sent = true;
    for (unsigned i = 0; i < disk->part_count; i++) {
        const struct disk_part *part = &disk->parts[i];
        if (part->token != NULL) {
            TRACE(disk->world, "%s: %u sent out", part->queue->name,
                  new_count_of(part));
            book_reached(disk->world, part->token, part->is_new);
        }
    }
}

void disk_commit(struct disk *disk)
{
    struct world *world = disk->world;
    for (unsigned i = 0; i < disk->part_count; i++) {
        const struct disk_part *part = &disk->parts[i];
        book_durable(part->queue, part->confirm_number);
        if (part->token == NULL) {
            TRACE(world, "%s: epoch %llu committed", part->queue->name,
                  (unsigned long long)disk->queues[part->queue->index].epoch);
            continue;
        }
        TRACE(world, "%s: token %u committed, %u of %u new, epoch %llu",
              part->queue->name, part->token->number, new_count_of(part),
              part->token->count,
              (unsigned long long)disk->queues[part->queue->index].epoch);
        if (disk->queues[part->queue->index].epoch < part->epoch) {
            world_violation(world, "%s: a batch is stored, its epoch is not",
                            part->queue->name);
        }
        book_stored(world, part->token, part->is_new, disk->has_outlet);
    }
    close_transaction(disk);
}

void disk_rollback(struct disk *disk)
{
    if (!disk->is_open) {
        return;
    }
    while (disk->undo_count > 0) {
        const struct disk_undo *undo = &disk->undo[--disk->undo_count];
        if (undo->is_epoch) {
            undo->queue->epoch = undo->epoch;
        } else if (undo->epoch == DISK_NO_ROW) {
            undo->queue->count--;
            assert(undo->queue->count == undo->row);
        } else {
            undo->queue->rows[undo->row].epoch = undo->epoch;
        }
    }
    for (unsigned i = 0; disk->is_sent && i < disk->part_count; i++) {
        if (disk->parts[i].token != NULL) {
            book_rolled_back(disk->parts[i].token, disk->parts[i].is_new);
        }
    }
    close_transaction(disk);
}

void disk_free(struct disk *disk)
{
    free(disk->undo);
    disk->undo = NULL;
}
