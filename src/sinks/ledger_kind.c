#include "sinks/ledger_kind.h"

#include "sinks/record_write.h"

static const char version_1[] = "CREATE TABLE messages ("
                                " server TEXT NOT NULL,"
                                " queue TEXT NOT NULL,"
                                " epoch INTEGER NOT NULL,"
                                " key BLOB NOT NULL,"
                                " place_epoch INTEGER NOT NULL,"
                                " place_number INTEGER NOT NULL,"
                                " is_out INTEGER NOT NULL,"
                                " PRIMARY KEY (server, queue, epoch, key)"
                                ") WITHOUT ROWID;" RECORD_QUEUES_SQL;

static const char *const steps[] = {version_1};

static const struct record_schema schema = {
    .noun = "a ledger",
    .application_id = LEDGER_APPLICATION_ID,
    .steps = steps,
    .step_count = sizeof(steps) / sizeof(steps[0]),
};

static int bind_batch(sqlite3_stmt *add, const struct record_batch_write *write,
                      void *scratch)
{
    (void)scratch;
    return sqlite3_bind_int64(add, RECORD_PARAMETER_OWN,
                              (sqlite3_int64)write->place_number);
}

const struct record_kind ledger_kind = {
    .schema = &schema,
    /* What is there and not out yet is to go out as well, from its place. */
    .add_sql = "INSERT INTO messages (server, queue, epoch, key,"
               " place_epoch, place_number, is_out)"
               " VALUES (?1, ?2, ?3, ?4, ?3, ?5, 0)"
               " ON CONFLICT (server, queue, epoch, key)"
               " DO UPDATE SET is_out = 0 WHERE is_out = 0"
               " RETURNING place_epoch, place_number",
    .out_sql = "UPDATE messages SET is_out = 1"
               " WHERE server = ?1 AND queue = ?2 AND epoch = ?3"
               " AND place_epoch = ?4 AND place_number = ?5",
    .forget_sql = "DELETE FROM messages"
                  " WHERE server = ?1 AND queue = ?2 AND epoch < ?3",
    .bind_batch = bind_batch,
};
