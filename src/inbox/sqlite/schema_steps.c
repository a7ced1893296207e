/*
 * schema_steps.c - the tables of an inbox, designed for a low cost per
 * message:
 *
 *   - A message is one row of `stored`, found only by its arrival. The table
 *     has no other index; one would cost more than everything else.
 *   - What the messages of a batch have in common is one row of `batches`. A
 *     message belongs to a batch by its position in it.
 *   - What distinguishes repeats from new messages is one value in the row of
 *     the queue.
 *
 * AUTOINCREMENT guarantees that an arrival is never reused. So a reader that
 * remembers the last one it saw misses nothing, even after rows were deleted.
 * `body` deliberately has no type, so that nothing is converted.
 *
 * With the option latest_objects, `latest` has the newest message of each
 * object of the queues `global`, of those up to latest_known. It is filled
 * between the commits, and not by them.
 *
 * `inbox` has moved_to if everything in the file is in another inbox now, which
 * had this UUID: nothing may be stored here any more.
 *
 * Times are Unix milliseconds. In `queues`, unconfirmed is an upper bound of
 * stored messages that are not known to be confirmed, and unconfirmed_from is
 * the arrival of the first of them, or NULL if they may be in another inbox,
 * from which the queue came. newest_batch is the first arrival of its newest
 * batch, and batches.older that of the batch before, so that the batches of a
 * queue can be visited without an index.
 */
#include "inbox/sqlite/schema.h"

#define TABLES                                                              \
    "CREATE TABLE inbox ("                                                  \
    " uuid TEXT NOT NULL,"                                                  \
    " created_at INTEGER NOT NULL,"                                         \
    " environment TEXT,"                                                    \
    " moved_to TEXT);"                                                      \
    "INSERT INTO inbox"                                                     \
    " SELECT substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-4' ||"          \
    "  substr(h, 14, 3) || '-' || substr('89ab', 1 + (abs(random()) % 4), " \
    "  1) || substr(h, 18, 3) || '-' || substr(h, 21),"                     \
    "  CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER), NULL,"   \
    "  NULL"                                                                \
    " FROM (SELECT lower(hex(randomblob(16))) AS h);"                       \
    "CREATE TABLE queues ("                                                 \
    " id INTEGER PRIMARY KEY,"                                              \
    " server TEXT NOT NULL,"                                                \
    " queue TEXT NOT NULL,"                                                 \
    " unconfirmed INTEGER,"                                                 \
    " unconfirmed_from INTEGER,"                                            \
    " newest_batch INTEGER,"                                                \
    " state BLOB NOT NULL,"                                                 \
    " UNIQUE (server, queue));"                                             \
    "CREATE TABLE stored ("                                                 \
    " arrival INTEGER PRIMARY KEY AUTOINCREMENT,"                           \
    " queue INTEGER NOT NULL,"                                              \
    " position INTEGER NOT NULL,"                                           \
    " body NOT NULL);"                                                      \
    "CREATE TABLE batches ("                                                \
    " first_arrival INTEGER PRIMARY KEY,"                                   \
    " queue INTEGER NOT NULL,"                                              \
    " count INTEGER NOT NULL,"                                              \
    " format INTEGER NOT NULL,"                                             \
    " older INTEGER,"                                                       \
    " fetched_at INTEGER NOT NULL,"                                         \
    " stored_at INTEGER NOT NULL,"                                          \
    " marked_at INTEGER);"                                                  \
    "CREATE TABLE outlets ("                                                \
    " id INTEGER PRIMARY KEY,"                                              \
    " name TEXT NOT NULL UNIQUE,"                                           \
    " cursor INTEGER NOT NULL);"                                            \
    "CREATE TABLE deferred ("                                               \
    " outlet INTEGER NOT NULL,"                                             \
    " queue INTEGER NOT NULL,"                                              \
    " arrival INTEGER NOT NULL,"                                            \
    " PRIMARY KEY (outlet, queue, arrival)) WITHOUT ROWID;"                 \
    "CREATE TABLE dead_letters ("                                           \
    " outlet INTEGER NOT NULL,"                                             \
    " arrival INTEGER NOT NULL,"                                            \
    " queue INTEGER NOT NULL,"                                              \
    " why TEXT NOT NULL,"                                                   \
    " at INTEGER NOT NULL,"                                                 \
    " attempts INTEGER NOT NULL,"                                           \
    " PRIMARY KEY (outlet, arrival)) WITHOUT ROWID;"                        \
    "CREATE TABLE replays ("                                                \
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"                                \
    " outlet INTEGER NOT NULL,"                                             \
    " queue TEXT NOT NULL,"                                                 \
    " of_letters INTEGER NOT NULL,"                                         \
    " new_identity INTEGER NOT NULL,"                                       \
    " since INTEGER NOT NULL,"                                              \
    " until INTEGER NOT NULL,"                                              \
    " cursor INTEGER NOT NULL,"                                             \
    " last INTEGER NOT NULL,"                                               \
    " delivered INTEGER NOT NULL,"                                          \
    " refused INTEGER NOT NULL,"                                            \
    " state INTEGER NOT NULL,"                                              \
    " created_at INTEGER NOT NULL,"                                         \
    " changed_at INTEGER NOT NULL,"                                         \
    " why TEXT NOT NULL);"                                                  \
    "CREATE TABLE latest ("                                                 \
    " queue INTEGER NOT NULL,"                                              \
    " ref TEXT NOT NULL,"                                                   \
    " version NUMERIC NOT NULL,"                                            \
    " arrival INTEGER NOT NULL,"                                            \
    " PRIMARY KEY (queue, ref)) WITHOUT ROWID;"                             \
    "CREATE INDEX latest_by_arrival ON latest (arrival);"                   \
    "CREATE TABLE latest_known ("                                           \
    " arrival INTEGER NOT NULL);"                                           \
    "INSERT INTO latest_known VALUES (0);"                                  \
    "CREATE TABLE purged ("                                                 \
    " arrival INTEGER PRIMARY KEY,"                                         \
    " queue INTEGER NOT NULL,"                                              \
    " key BLOB NOT NULL,"                                                   \
    " at INTEGER NOT NULL,"                                                 \
    " why TEXT NOT NULL);"

/* A member of a message as a plain value: the text of a string, a 64-bit
 * integer, otherwise JSON. NULL if there is no such member, or the message is
 * not JSON. */
#define MEMBER(name)                                                          \
    "CASE WHEN b.format = 0 AND typeof(s.body) = 'text'"                      \
    " AND json_valid(s.body)"                                                 \
    " THEN CASE json_type(s.body, '$." name                                   \
    "') WHEN 'text' THEN json_extract(s.body, '$." name                       \
    "') WHEN 'integer' THEN"                                                  \
    " CASE WHEN CAST(CAST(s.body -> '$." name                                 \
    "' AS INTEGER) AS TEXT) = (s.body -> '$." name                            \
    "') THEN CAST(s.body -> '$." name "' AS INTEGER) ELSE s.body -> '$." name \
    "' END ELSE s.body -> '$." name "' END END"

#define TIME_TEXT(column)                                            \
    "strftime('%Y-%m-%dT%H:%M:', " column " / 1000, 'unixepoch') ||" \
    " printf('%02d.%03dZ', " column " / 1000 % 60, " column " % 1000)"

/* Both joins find one row by primary key. They are left joins, so that the
 * table is read in order of arrival, and a join whose columns are not selected
 * costs nothing. */
/* clang-format off */
#define MESSAGES                                                               \
    "CREATE VIEW messages AS"                                                  \
    " SELECT s.arrival AS arrival,"                                            \
    "  q.server AS server,"                                                    \
    "  q.queue AS queue, "                                                     \
    MEMBER("id") " AS id, "                                                    \
    MEMBER("datetime") " AS datetime, "                                        \
    TIME_TEXT("b.fetched_at") " AS received_at,"                               \
    "  s.body AS body"                                                         \
    " FROM stored AS s"                                                        \
    " LEFT JOIN queues AS q ON q.id = s.queue"                                 \
    " LEFT JOIN batches AS b ON b.first_arrival = s.arrival - s.position;"
/* clang-format on */

/* Sorted without the bodies, which are looked up for the rows that remain. */
/* clang-format off */
#define LATEST_OBJECTS                                                         \
    "CREATE VIEW latest_objects AS"                                            \
    " SELECT m.server AS server, o.ref AS ref,"                                \
    "  o.record_version AS record_version, m.arrival AS arrival,"              \
    "  m.id AS id, m.datetime AS datetime, m.received_at AS received_at,"      \
    "  m.body AS body"                                                         \
    " FROM (SELECT arrival, ref, record_version, row_number() OVER"            \
    "   (PARTITION BY server, ref ORDER BY record_version DESC,"               \
    "    arrival DESC) AS place"                                               \
    "  FROM (SELECT s.arrival, q.server, "                                     \
    SCHEMA_OBJECT_MEMBER("ref") " AS ref,"                                                   \
    "    CAST(" SCHEMA_OBJECT_MEMBER("recordVersion") " AS NUMERIC) AS record_version"       \
    "   FROM stored AS s CROSS JOIN queues AS q ON q.id = s.queue"             \
    "   WHERE s.queue IN (SELECT id FROM queues WHERE queue = 'global'))"      \
    "  WHERE ref IS NOT NULL) AS o"                                            \
    " JOIN messages AS m ON m.arrival = o.arrival WHERE o.place = 1;"
/* clang-format on */

const char *const schema_steps[] = {TABLES MESSAGES LATEST_OBJECTS};
const int schema_step_count =
    (int)(sizeof(schema_steps) / sizeof(schema_steps[0]));
