/*
 * produce_postgres.c - stores messages in PostgreSQL with libpq: groups of
 * BATCHES batches of 16, each group a transaction, with binary arrays.
 *
 * It writes the rows that an inbox writes, with the same columns and indexes:
 * the messages with their id and datetime, their batches, and for each batch
 * two states of its queue, when it is stored and when it is confirmed (which
 * the next group does, together with the time at which it was marked). COMMIT
 * waits for the disk in both.
 *
 * It lacks what makes an inbox exactly-once: it locks no rows, reads and
 * compares no states, draws no arrivals from the sequence (it is the only
 * writer), does not look for further columns in messages or hash them, and
 * waits for the server with blocking calls.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "produce.h"

#define BATCHES 256 /* as an inbox stores at once when all queues are busy */
#define BATCH_COUNT 16
#define GROUP_COUNT ((size_t)BATCHES * BATCH_COUNT)
#define STATE_SIZE 300    /* of a queue that has 16 messages unconfirmed */
#define CONFIRMED_SIZE 40 /* of one that has none */
#define PARAMETER_COUNT_MAX 7

#define OID_BYTEA 17
#define OID_INT8 20
#define OID_TEXT 25

/* A binary array of PostgreSQL. */
struct array {
    char *bytes;        /* owned */
    size_t size;        /* in use */
    uint32_t oid;       /* type of the elements */
    uint32_t count;     /* elements */
    size_t element_max; /* largest size of an element */
};

#define HEADER_SIZE 20

static struct array array_new(uint32_t oid, size_t element_max)
{
    struct array array = {.oid = oid, .element_max = element_max};

    array.bytes = malloc(HEADER_SIZE + GROUP_COUNT * (element_max + 4));
    if (array.bytes == NULL) {
        produce_fail("array", "out of memory");
    }
    return array;
}

static void array_clear(struct array *array)
{
    array->size = HEADER_SIZE;
    array->count = 0;
}

static void array_add(struct array *array, const void *element, size_t size)
{
    uint32_t length = htonl((uint32_t)size);

    memcpy(array->bytes + array->size, &length, sizeof(length));
    memcpy(array->bytes + array->size + sizeof(length), element, size);
    array->size += sizeof(length) + size;
    array->count++;
}

static void array_add_number(struct array *array, uint64_t number)
{
    uint64_t bytes = htobe64(number);

    array_add(array, &bytes, sizeof(bytes));
}

static void array_end(struct array *array)
{
    uint32_t header[] = {htonl(1), 0, htonl(array->oid), htonl(array->count),
                         htonl(1)};

    memcpy(array->bytes, header, sizeof(header));
}

/* Statements */

static void run(PGconn *connection, const char *sql)
{
    PGresult *result = PQexec(connection, sql);

    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        produce_fail(sql, PQerrorMessage(connection));
    }
    PQclear(result);
}

static void run_with(PGconn *connection, const char *sql, struct array *arrays,
                     int count)
{
    const char *values[PARAMETER_COUNT_MAX];
    int sizes[PARAMETER_COUNT_MAX];
    int formats[PARAMETER_COUNT_MAX];
    PGresult *result;

    for (int i = 0; i < count; i++) {
        array_end(&arrays[i]);
        values[i] = arrays[i].bytes;
        sizes[i] = (int)arrays[i].size;
        formats[i] = 1;
    }
    result =
        PQexecParams(connection, sql, count, NULL, values, sizes, formats, 1);
    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        produce_fail(sql, PQerrorMessage(connection));
    }
    PQclear(result);
}

static void tables_create(PGconn *connection, size_t queue_count)
{
    char sql[256];

    run(connection, "DROP TABLE IF EXISTS produced, produced_queues, "
                    "produced_batches");
    run(connection, "CREATE TABLE produced (arrival bigint PRIMARY KEY, queue "
                    "bigint NOT NULL, batch bigint NOT NULL, position integer "
                    "NOT NULL, body bytea NOT NULL, id text, datetime text)");
    run(connection, "CREATE INDEX ON produced (queue, arrival)");
    run(connection, "CREATE TABLE produced_batches (first_arrival bigint "
                    "PRIMARY KEY, queue bigint NOT NULL, count integer NOT "
                    "NULL, format smallint NOT NULL, fetched_at bigint NOT "
                    "NULL, stored_at bigint NOT NULL, marked_at bigint) WITH "
                    "(fillfactor = 80)");
    run(connection, "CREATE TABLE produced_queues (id bigint PRIMARY KEY, "
                    "unconfirmed bigint, unconfirmed_from bigint, newest_batch "
                    "bigint, last_arrival bigint, state bytea NOT NULL) WITH "
                    "(fillfactor = 50)");
    run(connection, "ALTER TABLE produced_queues ALTER state SET STORAGE "
                    "EXTERNAL");
    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO produced_queues SELECT n, 0, 0, 0, 0, '' FROM "
                   "generate_series(0, %zu) AS n",
                   queue_count);
    run(connection, sql);
}

/* Groups */

#define ID "550e8400-e29b-41d4-a716-446655440000"
#define DATETIME "2026-11-28T20:49:16.000Z"
#define NOW_MS 1795898956000

enum { STATE_ARRAYS = 6, BATCH_ARRAYS = 6, MESSAGE_ARRAYS = 7 };

struct group {
    /* Ids, unconfirmed messages, the first of them, newest batches, newest
     * arrivals, states. */
    struct array states[STATE_ARRAYS];
    struct array confirmed[STATE_ARRAYS]; /* the same, of the group before */
    struct array marked;                  /* its first arrivals */
    /* First arrivals, queues, counts, formats, when fetched and stored. */
    struct array batches[BATCH_ARRAYS];
    /* Arrivals, queues, batches, positions, ids, datetimes, bodies. */
    struct array messages[MESSAGE_ARRAYS];
};

static void arrays_clear(struct array *arrays, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        array_clear(&arrays[i]);
    }
}

static void state_add(struct array *arrays, size_t queue, size_t unconfirmed,
                      size_t first, size_t size)
{
    static const char state[STATE_SIZE];

    array_add_number(&arrays[0], queue);
    array_add_number(&arrays[1], unconfirmed);
    array_add_number(&arrays[2], unconfirmed > 0 ? first : 0);
    array_add_number(&arrays[3], first);
    array_add_number(&arrays[4], first + BATCH_COUNT - 1);
    array_add(&arrays[5], state, size);
}

/* Adds a batch, and what confirms the one of its queue before. */
static void batch_add(struct group *group, size_t first, size_t queue)
{
    state_add(group->states, queue, BATCH_COUNT, first, STATE_SIZE);
    state_add(group->confirmed, queue, 0, first, CONFIRMED_SIZE);
    array_add_number(&group->marked,
                     first > GROUP_COUNT ? first - GROUP_COUNT : 0);
    array_add_number(&group->batches[0], first);
    array_add_number(&group->batches[1], queue);
    array_add_number(&group->batches[2], BATCH_COUNT);
    array_add_number(&group->batches[3], 0);
    array_add_number(&group->batches[4], NOW_MS);
    array_add_number(&group->batches[5], NOW_MS);
}

static void group_clear(struct group *group)
{
    arrays_clear(group->states, STATE_ARRAYS);
    arrays_clear(group->confirmed, STATE_ARRAYS);
    arrays_clear(&group->marked, 1);
    arrays_clear(group->batches, BATCH_ARRAYS);
    arrays_clear(group->messages, MESSAGE_ARRAYS);
}

static void group_fill(struct group *group, const struct produce *produce,
                       size_t first, size_t count)
{
    group_clear(group);
    for (size_t i = first; i < first + count; i++) {
        size_t queue = i / BATCH_COUNT % produce->queue_count;

        if (i % BATCH_COUNT == 0) {
            batch_add(group, i + 1, queue);
        }
        array_add_number(&group->messages[0], i + 1);
        array_add_number(&group->messages[1], queue);
        array_add_number(&group->messages[2], i - i % BATCH_COUNT + 1);
        array_add_number(&group->messages[3], i % BATCH_COUNT);
        array_add(&group->messages[4], ID, sizeof(ID) - 1);
        array_add(&group->messages[5], DATETIME, sizeof(DATETIME) - 1);
        array_add(&group->messages[6], produce->body, produce->body_size);
    }
}

static void group_store(PGconn *connection, struct group *group)
{
    static const char update[] =
        "UPDATE produced_queues AS q SET unconfirmed = n.unconfirmed, "
        "unconfirmed_from = n.first, newest_batch = n.newest, last_arrival = "
        "n.last, state = n.state FROM unnest($1::bigint[], $2::bigint[], "
        "$3::bigint[], $4::bigint[], $5::bigint[], $6::bytea[]) AS n(id, "
        "unconfirmed, first, newest, last, state) WHERE q.id = n.id";

    run(connection, "BEGIN");
    run_with(connection, update, group->confirmed, STATE_ARRAYS);
    run_with(connection,
             "UPDATE produced_batches SET marked_at = stored_at WHERE "
             "first_arrival = ANY ($1::bigint[])",
             &group->marked, 1);
    run_with(connection, update, group->states, STATE_ARRAYS);
    run_with(connection,
             "INSERT INTO produced_batches SELECT * FROM unnest($1::bigint[], "
             "$2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], "
             "$6::bigint[])",
             group->batches, BATCH_ARRAYS);
    run_with(connection,
             "INSERT INTO produced (arrival, queue, batch, position, id, "
             "datetime, body) SELECT * FROM unnest($1::bigint[], "
             "$2::bigint[], $3::bigint[], $4::bigint[], $5::text[], "
             "$6::text[], $7::bytea[])",
             group->messages, MESSAGE_ARRAYS);
    run(connection, "COMMIT");
}

static void arrays_new(struct array *arrays, size_t count, uint32_t last_oid,
                       size_t last_size)
{
    for (size_t i = 0; i < count; i++) {
        bool is_last = i + 1 == count;

        arrays[i] = array_new(is_last ? last_oid : OID_INT8,
                              is_last ? last_size : sizeof(uint64_t));
    }
}

static void arrays_free(struct array *arrays, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(arrays[i].bytes);
    }
}

static void group_init(struct group *group, const struct produce *produce)
{
    arrays_new(group->states, STATE_ARRAYS, OID_BYTEA, STATE_SIZE);
    arrays_new(group->confirmed, STATE_ARRAYS, OID_BYTEA, CONFIRMED_SIZE);
    arrays_new(&group->marked, 1, OID_INT8, sizeof(uint64_t));
    arrays_new(group->batches, BATCH_ARRAYS, OID_INT8, sizeof(uint64_t));
    arrays_new(group->messages, 5, OID_TEXT, sizeof(ID));
    group->messages[5] = array_new(OID_TEXT, sizeof(DATETIME));
    group->messages[6] = array_new(OID_BYTEA, produce->body_size);
}

static void group_free(struct group *group)
{
    arrays_free(group->states, STATE_ARRAYS);
    arrays_free(group->confirmed, STATE_ARRAYS);
    arrays_free(&group->marked, 1);
    arrays_free(group->batches, BATCH_ARRAYS);
    arrays_free(group->messages, MESSAGE_ARRAYS);
}

int main(int count, char **arguments)
{
    struct produce produce;
    struct group group;
    PGconn *connection;

    produce_init(&produce, count, arguments);
    connection = PQconnectdb(produce.destination);
    if (PQstatus(connection) != CONNECTION_OK) {
        produce_fail("connect", PQerrorMessage(connection));
    }
    tables_create(connection, produce.queue_count);
    group_init(&group, &produce);
    produce_begin();
    for (size_t i = 0; i < produce.count; i += GROUP_COUNT) {
        size_t left = produce.count - i;

        group_fill(&group, &produce, i,
                   left < GROUP_COUNT ? left : GROUP_COUNT);
        group_store(connection, &group);
    }
    produce_end(&produce);
    group_free(&group);
    PQfinish(connection);
    produce_free(&produce);
    return 0;
}
