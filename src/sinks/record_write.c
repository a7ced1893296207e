/*
 *   - begin takes SQLite's write lock, so nothing later fails for another
 *     program's sake;
 *   - messages are added as ledger_rules.h has it: a conflict on the identity
 *     is a repeat;
 *   - epochs only go up; when one has, a kind may forget the past ones' keys;
 *   - commit returns when all of it is on the disk.
 *
 * Failures:
 *
 *   - before and after, the file, its WAL and its index of it must still be
 *     the files of their names: a commit into a file that was removed or
 *     replaced is not called a success, as nobody would find it;
 *   - locked by another program: waited for RECORD_BUSY_MS, then a fault;
 *   - disk full, I/O errors, no memory: the transaction is rolled back, a
 *     later one may succeed on the same connection;
 *   - a message too large for SQLite: RECORD_NEVER;
 *   - a constraint or a trigger that somebody has added: a fault. Only a
 *     conflict on the identity is ignored, so that no such rule can drop a
 *     message unseen.
 */
#include "sinks/record_write.h"

#include <assert.h>
#include <string.h>

#include "sinks/record_file.h"

/* -- Transactions --------------------------------------------------------- */

static enum record_fault store_fault(struct record_store *store, int code)
{
    enum record_fault fault = record_fault_of(code);

    if (fault != RECORD_FINE) {
        record_explain(store->db, store->path, code, store->why,
                       sizeof(store->why));
    }
    return fault;
}

static enum record_fault store_run(struct record_store *store,
                                   enum record_statement statement)
{
    int code = sqlite3_step(store->statements[statement]);
    int reset = sqlite3_reset(store->statements[statement]);

    return store_fault(store, code != SQLITE_DONE ? code : reset);
}

static enum record_fault store_check_place(struct record_store *store)
{
    int code;

    if (record_file_in_place(store->db, &store->watch, store->why,
                             sizeof(store->why))) {
        return RECORD_FINE;
    }
    /* If the WAL was removed, what was accepted is in a file without a name,
     * and if the record was moved, in a WAL that stays behind: a checkpoint
     * brings it into the record, wherever that is. */
    code = sqlite3_wal_checkpoint_v2(store->db, "main",
                                     SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    (void)code; /* the fault is told already */
    return RECORD_OUTAGE;
}

enum record_fault record_begin(struct record_store *store)
{
    enum record_fault fault = store_check_place(store);

    return fault == RECORD_FINE ? store_run(store, RECORD_BEGIN) : fault;
}

enum record_fault record_commit(struct record_store *store)
{
    enum record_fault fault = store_run(store, RECORD_COMMIT);

    return fault == RECORD_FINE ? store_check_place(store) : fault;
}

void record_rollback(struct record_store *store)
{
    char why[HAPLO_TEXT_SIZE_MAX];

    if (sqlite3_get_autocommit(store->db)) {
        return;
    }
    /* Its own fault tells nothing new, and the next begin tells it. */
    memcpy(why, store->why, sizeof(why));
    (void)store_run(store, RECORD_ROLLBACK);
    memcpy(store->why, why, sizeof(why));
}

/* Binds what tells an epoch of a queue from others. */
static int bind_epoch(struct record_store *store, enum record_statement which,
                      const char *server, const char *queue, uint64_t epoch)
{
    sqlite3_stmt *statement = store->statements[which];
    int code = sqlite3_bind_text(statement, 1, server, -1, SQLITE_STATIC);

    if (code == SQLITE_OK) {
        code = sqlite3_bind_text(statement, 2, queue, -1, SQLITE_STATIC);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_bind_int64(statement, 3, (sqlite3_int64)epoch);
    }
    return code;
}

static enum record_fault store_run_at(struct record_store *store,
                                      enum record_statement which,
                                      const char *server, const char *queue,
                                      uint64_t epoch)
{
    enum record_fault fault =
        store_fault(store, bind_epoch(store, which, server, queue, epoch));

    return fault == RECORD_FINE ? store_run(store, which) : fault;
}

enum record_fault record_raise_epoch(struct record_store *store,
                                     const char *server, const char *queue,
                                     uint64_t epoch)
{
    enum record_fault fault =
        store_run_at(store, RECORD_RAISE_EPOCH, server, queue, epoch);

    if (fault == RECORD_FINE && store->statements[RECORD_FORGET] != NULL &&
        sqlite3_changes(store->db) > 0) {
        fault = store_run_at(store, RECORD_FORGET, server, queue, epoch);
    }
    return fault;
}

enum record_fault record_out(struct record_store *store,
                             const struct record_batch_write *write,
                             struct outlet_place place)
{
    sqlite3_stmt *out = store->statements[RECORD_OUT];
    int code = bind_epoch(store, RECORD_OUT, write->server, write->queue,
                          write->ledger.epoch);

    if (code == SQLITE_OK) {
        code = sqlite3_bind_int64(out, 4, (sqlite3_int64)place.epoch);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_bind_int64(out, 5, (sqlite3_int64)place.number);
    }
    if (code != SQLITE_OK) {
        return store_fault(store, code);
    }
    return store_run(store, RECORD_OUT);
}

/* -- Messages ------------------------------------------------------------- */

/* The store as the record of ledger_add_batch(). */
struct record {
    struct record_store *store;       /* */
    struct record_batch_write *write; /* */
};

static int bind_message(struct record_store *store,
                        const struct haplo_message *message, const uint8_t *key)
{
    sqlite3_stmt *add = store->statements[RECORD_ADD_MESSAGE];
    int code = sqlite3_bind_blob(add, 4, key, LEDGER_KEY_SIZE, SQLITE_STATIC);

    if (code == SQLITE_OK && store->kind->bind_message != NULL) {
        code = store->kind->bind_message(add, message, store->scratch);
    }
    return code;
}

static int op_carry_over(void *data)
{
    struct record *record = data;

    return (int)store_run(record->store, RECORD_CARRY_OVER);
}

static int op_take_back(void *data, const uint8_t *key, bool *was_there)
{
    struct record *record = data;
    sqlite3_stmt *statement = record->store->statements[RECORD_TAKE_BACK];
    enum record_fault fault = store_fault(
        record->store,
        sqlite3_bind_blob(statement, 4, key, LEDGER_KEY_SIZE, SQLITE_STATIC));

    if (fault == RECORD_FINE) {
        fault = store_run(record->store, RECORD_TAKE_BACK);
    }
    *was_there = fault == RECORD_FINE && sqlite3_changes(record->store->db) > 0;
    return (int)fault;
}

/* Runs the statement that adds a message, and takes down its place if it is to
 * go out. */
static enum record_fault add_with_place(struct record *record,
                                        struct record_new *item, bool *is_new)
{
    sqlite3_stmt *add = record->store->statements[RECORD_ADD_MESSAGE];
    int code = sqlite3_step(add);
    int reset;

    *is_new = code == SQLITE_ROW;
    if (*is_new) {
        item->place.epoch = (uint64_t)sqlite3_column_int64(add, 0);
        item->place.number = (uint64_t)sqlite3_column_int64(add, 1);
    }
    reset = sqlite3_reset(add);
    return store_fault(record->store, code != SQLITE_ROW ? code : reset);
}

static enum record_fault add_without_place(struct record *record, bool *is_new)
{
    enum record_fault fault = store_run(record->store, RECORD_ADD_MESSAGE);

    *is_new = fault == RECORD_FINE && sqlite3_changes(record->store->db) > 0;
    return fault;
}

static int op_add(void *data, size_t index, const uint8_t *key, bool *is_new)
{
    struct record *record = data;
    struct record_batch_write *write = record->write;
    const struct haplo_message *message = &write->ledger.messages[index];
    enum record_fault fault =
        store_fault(record->store, bind_message(record->store, message, key));

    if (fault == RECORD_FINE && write->new_items != NULL) {
        struct record_new *item = &write->new_items[write->ledger.new_count];

        item->message = message;
        fault = add_with_place(record, item, is_new);
    } else if (fault == RECORD_FINE) {
        fault = add_without_place(record, is_new);
    }
    return (int)fault;
}

static int op_find_leftovers(void *data, bool *found)
{
    struct record *record = data;
    sqlite3_stmt *statement = record->store->statements[RECORD_FIND_LEFTOVERS];
    int code = sqlite3_step(statement);
    int reset = sqlite3_reset(statement);

    *found = code == SQLITE_ROW;
    return (int)store_fault(record->store, code != SQLITE_ROW ? code : reset);
}

static int op_raise_epoch(void *data)
{
    struct record *record = data;

    return (int)record_raise_epoch(record->store, record->write->server,
                                   record->write->queue,
                                   record->write->ledger.epoch);
}

static const struct ledger_ops record_ops = {
    .carry_over = op_carry_over,
    .take_back = op_take_back,
    .add = op_add,
    .find_leftovers = op_find_leftovers,
    .raise_epoch = op_raise_epoch,
};

/* The statements of a batch; the latter ones only where a mark was lost. */
static const enum record_statement batch_statements[] = {
    RECORD_ADD_MESSAGE, RECORD_CARRY_OVER, RECORD_TAKE_BACK,
    RECORD_FIND_LEFTOVERS};

static int statement_count(const struct record_batch_write *write)
{
    return write->ledger.is_unconfirmed ? 4 : 1;
}

/* What is the same for all messages of a batch. */
static enum record_fault bind_statements(struct record_store *store,
                                         const struct record_batch_write *write)
{
    int code = SQLITE_OK;

    if (store->kind->bind_batch != NULL) {
        code = store->kind->bind_batch(store->statements[RECORD_ADD_MESSAGE],
                                       write, store->scratch);
    }
    for (int i = 0; i < statement_count(write) && code == SQLITE_OK; i++) {
        code = bind_epoch(store, batch_statements[i], write->server,
                          write->queue, write->ledger.epoch);
    }
    return store_fault(store, code);
}

/* What was bound is borrowed, and may be gone after the batch. */
static void unbind_statements(struct record_store *store,
                              const struct record_batch_write *write)
{
    for (int i = 0; i < statement_count(write); i++) {
        int code =
            sqlite3_clear_bindings(store->statements[batch_statements[i]]);

        assert(code == SQLITE_OK);
        (void)code;
    }
}

/* No earlier batch of the epoch has that number: each adds to what is there of
 * it, out or not, and nothing of it goes. */
static enum record_fault place_number_find(struct record_store *store,
                                           struct record_batch_write *write)
{
    sqlite3_stmt *count = store->statements[RECORD_COUNT];
    int code;
    int reset;

    write->place_number = 0;
    if (write->new_items == NULL || !write->ledger.is_unconfirmed) {
        return RECORD_FINE; /* nobody asks, or it is the first */
    }
    code = bind_epoch(store, RECORD_COUNT, write->server, write->queue,
                      write->ledger.epoch);
    if (code != SQLITE_OK) {
        return store_fault(store, code);
    }
    code = sqlite3_step(count);
    if (code == SQLITE_ROW) {
        write->place_number = (uint64_t)sqlite3_column_int64(count, 0);
    }
    reset = sqlite3_reset(count);
    return store_fault(store, code != SQLITE_ROW ? code : reset);
}

enum record_fault record_add_batch(struct record_store *store,
                                   struct record_batch_write *write)
{
    struct record record = {.store = store, .write = write};
    enum record_fault fault = place_number_find(store, write);

    if (fault == RECORD_FINE) {
        fault = bind_statements(store, write);
    }
    if (fault == RECORD_FINE) {
        fault = (enum record_fault)ledger_add_batch(&record_ops, &record,
                                                    &write->ledger);
    }
    unbind_statements(store, write);
    return fault;
}
