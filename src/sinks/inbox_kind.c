#include "sinks/inbox_kind.h"

#include <stdio.h>
#include <time.h>

#include "sinks/inbox_value.h"
#include "sinks/record_write.h"

#define TIME_SIZE 40 /* of "2019-02-15T10:32:01.250Z", for any year */

/* AUTOINCREMENT: an arrival is never used again, so that a reader who keeps
 * the last one it saw misses nothing, also after rows were deleted. id,
 * datetime and body have no type on purpose: nothing is converted. */
static const char version_1[] = "CREATE TABLE messages ("
                                " arrival INTEGER PRIMARY KEY AUTOINCREMENT,"
                                " server TEXT NOT NULL,"
                                " queue TEXT NOT NULL,"
                                " epoch INTEGER NOT NULL,"
                                " key BLOB NOT NULL,"
                                " id,"
                                " datetime,"
                                " received_at TEXT NOT NULL,"
                                " body NOT NULL,"
                                " UNIQUE (server, queue, epoch, key)"
                                ");" RECORD_QUEUES_SQL;

static const char *const steps[] = {version_1};

static const struct record_schema schema = {
    .noun = "an inbox",
    .application_id = INBOX_APPLICATION_ID,
    .steps = steps,
    .step_count = sizeof(steps) / sizeof(steps[0]),
};

/* What is bound is borrowed until the batch is written. */
struct inbox_scratch {
    char received_at[TIME_SIZE];                /* of the batch */
    char id_text[INBOX_DECODED_SIZE_MAX];       /* of the newest message */
    char datetime_text[INBOX_DECODED_SIZE_MAX]; /* the same */
};

/* ISO 8601, UTC, in milliseconds. */
static void time_write(uint64_t unix_ms, char *text)
{
    time_t seconds = (time_t)(unix_ms / 1000);
    struct tm parts = {.tm_year = 0};
    size_t size;

    (void)gmtime_r(&seconds, &parts);
    size = strftime(text, TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &parts);
    (void)snprintf(text + size, TIME_SIZE - size, ".%03uZ",
                   (unsigned)(unix_ms % 1000));
}

static int bind_batch(sqlite3_stmt *add, const struct record_batch_write *write,
                      void *data)
{
    struct inbox_scratch *scratch = data;

    time_write(write->received_at_ms, scratch->received_at);
    return sqlite3_bind_text(add, RECORD_PARAMETER_OWN + 2,
                             scratch->received_at, -1, SQLITE_STATIC);
}

static int bind_message(sqlite3_stmt *add, const struct haplo_message *message,
                        void *data)
{
    struct inbox_scratch *scratch = data;
    int code = inbox_bind_json(add, RECORD_PARAMETER_OWN, message->id,
                               scratch->id_text);

    if (code == SQLITE_OK) {
        code = inbox_bind_json(add, RECORD_PARAMETER_OWN + 1, message->datetime,
                               scratch->datetime_text);
    }
    if (code == SQLITE_OK) {
        code = inbox_bind_bytes(add, RECORD_PARAMETER_OWN + 3, message->body);
    }
    return code;
}

/* A repeat's row is compared with the message, for only the index was asked
 * whether it is there: on a damaged disk the row may be gone or changed. What
 * can be mended is written again, the rest is SQLITE_CORRUPT. */
const struct record_kind inbox_kind = {
    .schema = &schema,
    .add_sql = "INSERT INTO messages"
               " (server, queue, epoch, key, id, datetime, received_at, body)"
               " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
               " ON CONFLICT (server, queue, epoch, key) DO UPDATE SET"
               " server = excluded.server, queue = excluded.queue,"
               " epoch = excluded.epoch, key = excluded.key,"
               " id = excluded.id, datetime = excluded.datetime,"
               " body = excluded.body"
               " WHERE (server, queue, epoch, key, id, datetime, body) IS NOT"
               " (excluded.server, excluded.queue, excluded.epoch,"
               " excluded.key, excluded.id, excluded.datetime, excluded.body)",
    .scratch_size = sizeof(struct inbox_scratch),
    .bind_batch = bind_batch,
    .bind_message = bind_message,
};
