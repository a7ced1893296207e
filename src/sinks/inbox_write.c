/*
 *   - begin takes SQLite's write lock, so nothing later fails for another
 *     program's sake;
 *   - messages are added as ledger_rules.h has it, the inbox being the record:
 *     a conflict on the identity is a repeat;
 *   - epochs only go up;
 *   - commit returns when all of it is on the disk.
 *
 * Failures:
 *
 *   - before and after, the inbox, its WAL and its index of it must still be
 *     the files of their names: a commit into a file that was removed or
 *     replaced is not called a success, as nobody would find it;
 *   - locked by another program: waited for INBOX_BUSY_MS, then a fault;
 *   - disk full, I/O errors, no memory: the transaction is rolled back, a
 *     later one may succeed on the same connection;
 *   - a message too large for SQLite: INBOX_NEVER;
 *   - a constraint or a trigger that somebody has added: a fault. Only a
 *     conflict on the identity is ignored, so that no such rule can drop a
 *     message unseen.
 */
#include "sinks/inbox_write.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "sinks/inbox_file.h"
#include "sinks/inbox_value.h"

#define TIME_SIZE 40 /* of "2019-02-15T10:32:01.250Z", for any year */

/* -- Transactions --------------------------------------------------------- */

static enum inbox_fault store_fault(struct inbox_store *store, int code)
{
    enum inbox_fault fault = inbox_fault_of(code);

    if (fault != INBOX_FINE) {
        inbox_explain(store->db, store->path, code, store->why,
                      sizeof(store->why));
    }
    return fault;
}

static enum inbox_fault store_run(struct inbox_store *store,
                                  enum inbox_statement statement)
{
    int code = sqlite3_step(store->statements[statement]);
    int reset = sqlite3_reset(store->statements[statement]);

    return store_fault(store, code != SQLITE_DONE ? code : reset);
}

static enum inbox_fault store_check_place(struct inbox_store *store)
{
    int code;

    if (inbox_file_in_place(store->db, &store->watch, store->why,
                            sizeof(store->why))) {
        return INBOX_FINE;
    }
    /* If the WAL was removed, what was accepted is in a file without a name,
     * and if the inbox was moved, in a WAL that stays behind: a checkpoint
     * brings it into the inbox, wherever that is. */
    code = sqlite3_wal_checkpoint_v2(store->db, "main",
                                     SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    (void)code; /* the fault is told already */
    return INBOX_OUTAGE;
}

enum inbox_fault inbox_begin(struct inbox_store *store)
{
    enum inbox_fault fault = store_check_place(store);

    return fault == INBOX_FINE ? store_run(store, INBOX_BEGIN) : fault;
}

enum inbox_fault inbox_commit(struct inbox_store *store)
{
    enum inbox_fault fault = store_run(store, INBOX_COMMIT);

    return fault == INBOX_FINE ? store_check_place(store) : fault;
}

void inbox_rollback(struct inbox_store *store)
{
    char why[HAPLO_TEXT_SIZE_MAX];

    if (sqlite3_get_autocommit(store->db)) {
        return;
    }
    /* Its own fault tells nothing new, and the next begin tells it. */
    memcpy(why, store->why, sizeof(why));
    (void)store_run(store, INBOX_ROLLBACK);
    memcpy(store->why, why, sizeof(why));
}

enum inbox_fault inbox_raise_epoch(struct inbox_store *store,
                                   const char *server, const char *queue,
                                   uint64_t epoch)
{
    sqlite3_stmt *statement = store->statements[INBOX_RAISE_EPOCH];
    int code = sqlite3_bind_text(statement, 1, server, -1, SQLITE_STATIC);

    if (code == SQLITE_OK) {
        code = sqlite3_bind_text(statement, 2, queue, -1, SQLITE_STATIC);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_bind_int64(statement, 3, (sqlite3_int64)epoch);
    }
    if (code != SQLITE_OK) {
        return store_fault(store, code);
    }
    return store_run(store, INBOX_RAISE_EPOCH);
}

/* -- Messages ------------------------------------------------------------- */

/* ISO 8601, UTC, in milliseconds. */
static void time_write(uint64_t unix_ms, char *text)
{
    time_t seconds = (time_t)(unix_ms / 1000);
    struct tm parts;
    size_t size;

    memset(&parts, 0, sizeof(parts));
    (void)gmtime_r(&seconds, &parts);
    size = strftime(text, TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &parts);
    (void)snprintf(text + size, TIME_SIZE - size, ".%03uZ",
                   (unsigned)(unix_ms % 1000));
}

/* The inbox as the record of ledger_add_batch(). */
struct inbox_record {
    struct inbox_store *store;             /* */
    const struct inbox_batch_write *write; /* */
};

/* What is the same for all messages of a batch. */
static int bind_batch(struct inbox_store *store, enum inbox_statement which,
                      const struct inbox_batch_write *write)
{
    sqlite3_stmt *statement = store->statements[which];
    int code =
        sqlite3_bind_text(statement, 1, write->server, -1, SQLITE_STATIC);

    if (code == SQLITE_OK) {
        code = sqlite3_bind_text(statement, 2, write->queue, -1, SQLITE_STATIC);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_bind_int64(statement, 3,
                                  (sqlite3_int64)write->ledger.epoch);
    }
    return code;
}

static int bind_message(struct inbox_store *store,
                        const struct haplo_message *message, const uint8_t *key)
{
    sqlite3_stmt *statement = store->statements[INBOX_ADD_MESSAGE];
    int code =
        sqlite3_bind_blob(statement, 4, key, LEDGER_KEY_SIZE, SQLITE_STATIC);

    if (code == SQLITE_OK) {
        code = inbox_bind_json(statement, 5, message->id, store->id_text);
    }
    if (code == SQLITE_OK) {
        code = inbox_bind_json(statement, 6, message->datetime,
                               store->datetime_text);
    }
    if (code == SQLITE_OK) {
        code = inbox_bind_bytes(statement, 8, message->body);
    }
    return code;
}

static int record_carry_over(void *data)
{
    struct inbox_record *record = data;

    return (int)store_run(record->store, INBOX_CARRY_OVER);
}

static int record_take_back(void *data, const uint8_t *key, bool *was_there)
{
    struct inbox_record *record = data;
    sqlite3_stmt *statement = record->store->statements[INBOX_TAKE_BACK];
    enum inbox_fault fault = store_fault(
        record->store,
        sqlite3_bind_blob(statement, 4, key, LEDGER_KEY_SIZE, SQLITE_STATIC));

    if (fault == INBOX_FINE) {
        fault = store_run(record->store, INBOX_TAKE_BACK);
    }
    *was_there = fault == INBOX_FINE && sqlite3_changes(record->store->db) > 0;
    return (int)fault;
}

static int record_add(void *data, size_t index, const uint8_t *key,
                      bool *is_new)
{
    struct inbox_record *record = data;
    enum inbox_fault fault =
        store_fault(record->store,
                    bind_message(record->store,
                                 &record->write->ledger.messages[index], key));

    if (fault == INBOX_FINE) {
        fault = store_run(record->store, INBOX_ADD_MESSAGE);
    }
    *is_new = fault == INBOX_FINE && sqlite3_changes(record->store->db) > 0;
    return (int)fault;
}

static int record_find_leftovers(void *data, bool *found)
{
    struct inbox_record *record = data;
    sqlite3_stmt *statement = record->store->statements[INBOX_FIND_LEFTOVERS];
    int code = sqlite3_step(statement);
    int reset = sqlite3_reset(statement);

    *found = code == SQLITE_ROW;
    return (int)store_fault(record->store, code != SQLITE_ROW ? code : reset);
}

static int record_raise_epoch(void *data)
{
    struct inbox_record *record = data;

    return (int)inbox_raise_epoch(record->store, record->write->server,
                                  record->write->queue,
                                  record->write->ledger.epoch);
}

static const struct ledger_ops record_ops = {
    .carry_over = record_carry_over,
    .take_back = record_take_back,
    .add = record_add,
    .find_leftovers = record_find_leftovers,
    .raise_epoch = record_raise_epoch,
};

/* The statements of a batch; the latter ones only where a mark was lost. */
static const enum inbox_statement batch_statements[] = {
    INBOX_ADD_MESSAGE, INBOX_CARRY_OVER, INBOX_TAKE_BACK, INBOX_FIND_LEFTOVERS};

static int statement_count(const struct inbox_batch_write *write)
{
    return write->ledger.is_unconfirmed ? 4 : 1;
}

static enum inbox_fault bind_statements(struct inbox_store *store,
                                        const struct inbox_batch_write *write,
                                        const char *received_at)
{
    int code = sqlite3_bind_text(store->statements[INBOX_ADD_MESSAGE], 7,
                                 received_at, -1, SQLITE_STATIC);

    for (int i = 0; i < statement_count(write) && code == SQLITE_OK; i++) {
        code = bind_batch(store, batch_statements[i], write);
    }
    return store_fault(store, code);
}

/* What was bound is borrowed, and may be gone after the batch. */
static void unbind_statements(struct inbox_store *store,
                              const struct inbox_batch_write *write)
{
    for (int i = 0; i < statement_count(write); i++) {
        int code =
            sqlite3_clear_bindings(store->statements[batch_statements[i]]);

        assert(code == SQLITE_OK);
        (void)code;
    }
}

enum inbox_fault inbox_add_batch(struct inbox_store *store,
                                 struct inbox_batch_write *write)
{
    struct inbox_record record = {.store = store, .write = write};
    char received_at[TIME_SIZE];
    enum inbox_fault fault;

    time_write(write->received_at_ms, received_at);
    fault = bind_statements(store, write, received_at);
    if (fault == INBOX_FINE) {
        fault = (enum inbox_fault)ledger_add_batch(&record_ops, &record,
                                                   &write->ledger);
    }
    unbind_statements(store, write);
    return fault;
}
