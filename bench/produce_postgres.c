/*
 * produce_postgres.c - stores messages in PostgreSQL with libpq: groups of
 * BATCHES batches of 16, each group a transaction that updates the states of
 * their queues (those of the last group are confirmed by then), and inserts
 * their rows and those of their messages, with binary arrays.
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

#define BATCHES 64
#define BATCH_COUNT 16
#define GROUP_COUNT ((size_t)BATCHES * BATCH_COUNT)
#define STATE_SIZE 300    /* of a queue that has 16 messages unconfirmed */
#define CONFIRMED_SIZE 40 /* of one that has none */
#define PARAMETER_COUNT_MAX 5

#define OID_BYTEA 17
#define OID_INT8 20

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
        produce_fail("memory", "there is none");
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
                    "bigint NOT NULL, batch bigint NOT NULL, position bigint "
                    "NOT NULL, body bytea NOT NULL)");
    run(connection, "CREATE INDEX ON produced (queue, arrival)");
    run(connection, "CREATE TABLE produced_batches (first_arrival bigint "
                    "PRIMARY KEY, queue bigint NOT NULL, count bigint NOT "
                    "NULL)");
    run(connection, "CREATE TABLE produced_queues (id bigint PRIMARY KEY, "
                    "state bytea NOT NULL)");
    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO produced_queues SELECT n, '' FROM "
                   "generate_series(0, %zu) AS n",
                   queue_count);
    run(connection, sql);
}

/* Groups */

struct group {
    struct array states[2];    /* ids, states */
    struct array confirmed[2]; /* the same, of the group before */
    struct array batches[3];   /* first arrivals, queues, counts */
    struct array messages[5]; /* arrivals, queues, batches, positions, bodies */
};

static void arrays_clear(struct array *arrays, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        array_clear(&arrays[i]);
    }
}

/* Adds a batch, and what confirms the one of its queue before. */
static void batch_add(struct group *group, size_t first, size_t queue)
{
    static const char state[STATE_SIZE];

    array_add_number(&group->states[0], queue);
    array_add(&group->states[1], state, sizeof(state));
    array_add_number(&group->confirmed[0], queue);
    array_add(&group->confirmed[1], state, CONFIRMED_SIZE);
    array_add_number(&group->batches[0], first + 1);
    array_add_number(&group->batches[1], queue);
    array_add_number(&group->batches[2], BATCH_COUNT);
}

static void group_fill(struct group *group, const struct produce *produce,
                       size_t first, size_t count)
{
    arrays_clear(group->states, 2);
    arrays_clear(group->confirmed, 2);
    arrays_clear(group->batches, 3);
    arrays_clear(group->messages, 5);
    for (size_t i = first; i < first + count; i++) {
        size_t queue = i / BATCH_COUNT % produce->queue_count;

        if (i % BATCH_COUNT == 0) {
            batch_add(group, i, queue);
        }
        array_add_number(&group->messages[0], i + 1);
        array_add_number(&group->messages[1], queue);
        array_add_number(&group->messages[2], i - i % BATCH_COUNT + 1);
        array_add_number(&group->messages[3], i % BATCH_COUNT);
        array_add(&group->messages[4], produce->body, produce->body_size);
    }
}

static void group_store(PGconn *connection, struct group *group)
{
    static const char update[] =
        "UPDATE produced_queues AS q SET state = n.state FROM "
        "unnest($1::bigint[], $2::bytea[]) AS n(id, state) WHERE q.id = n.id";

    run(connection, "BEGIN");
    run_with(connection, update, group->confirmed, 2);
    run_with(connection, update, group->states, 2);
    run_with(connection,
             "INSERT INTO produced_batches SELECT * FROM unnest($1::bigint[], "
             "$2::bigint[], $3::bigint[])",
             group->batches, 3);
    run_with(connection,
             "INSERT INTO produced SELECT * FROM unnest($1::bigint[], "
             "$2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[])",
             group->messages, 5);
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
    arrays_new(group.states, 2, OID_BYTEA, STATE_SIZE);
    arrays_new(group.confirmed, 2, OID_BYTEA, CONFIRMED_SIZE);
    arrays_new(group.batches, 3, OID_INT8, sizeof(uint64_t));
    arrays_new(group.messages, 5, OID_BYTEA, produce.body_size);
    produce_begin();
    for (size_t i = 0; i < produce.count; i += GROUP_COUNT) {
        size_t left = produce.count - i;

        group_fill(&group, &produce, i,
                   left < GROUP_COUNT ? left : GROUP_COUNT);
        group_store(connection, &group);
    }
    produce_end(&produce);
    arrays_free(group.states, 2);
    arrays_free(group.confirmed, 2);
    arrays_free(group.batches, 3);
    arrays_free(group.messages, 5);
    PQfinish(connection);
    produce_free(&produce);
    return 0;
}
