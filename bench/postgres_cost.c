/*
 * postgres_cost.c - what storing messages in PostgreSQL costs this side:
 *
 *     postgres_cost inbox MESSAGES CONNINFO SCHEMA
 *                        through inbox.h: compares and stores states, confirms
 *                        every batch; the schema was created by migrate
 *     postgres_cost bare MESSAGES CONNINFO SCHEMA
 *                        a program that only inserts the same messages, as many
 *                        at once as there are in a round of all queues, with
 *                        libpq's blocking calls
 *
 * QUEUE_COUNT queues with batches of 16 messages. Prints JSON: CPU of this
 * process a message, and messages a second.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <libpq-fe.h>

#include "core/delivery_state.h"
#include "core/identity.h"
#include "inbox/inbox.h"
#include "inbox/postgres/pg_array.h"
#include "inbox/postgres/pg_names.h"
#include "inbox/postgres/pg_statement.h"
#include "inbox/postgres/postgres_inbox.h"

#define QUEUE_COUNT 500
#define BATCH_COUNT 16
#define BODY_SIZE 350

struct feeder {
    struct inbox_delivery delivery;      /* first */
    struct batch *batch;                 /* that it delivers */
    struct delivery_state known;         /* of its queue */
    char bodies[BATCH_COUNT][BODY_SIZE]; /* of its messages */
};

static uv_loop_t loop;
static struct inbox *inbox;
static struct feeder feeders[QUEUE_COUNT];
static uint64_t salt = 1;
static uint64_t sent;   /* messages */
static uint64_t stored; /* messages */
static uint64_t limit;  /* of them */

_Noreturn static void fail(const char *why)
{
    (void)fprintf(stderr, "postgres_cost: %s\n", why);
    exit(1);
}

static double cpu_us(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static void body_init(char *body)
{
    memset(body, 'x', BODY_SIZE);
    memcpy(body, "{\"id\":10000000,\"text\":\"", 23);
    memcpy(body + BODY_SIZE - 2, "\"}", 2);
}

/* Numbers it, at next to no cost. */
static struct haplo_slice body_write(char *body)
{
    uint64_t left = sent++;
    for (int i = 13; left > 0 && i > 6; i--) {
        body[i] = (char)('0' + left % 10);
        left /= 10;
    }
    return (struct haplo_slice){body, BODY_SIZE};
}

static void report(const char *name, double cpu, double seconds)
{
    printf("{\"program\": \"%s\", \"messages\": %" PRIu64
           ", \"cpu_us\": %.3f, \"messages_per_s\": %.0f}\n",
           name, stored, cpu / (double)stored, (double)stored / seconds);
}

/* Through the inbox */

static void feeder_send(struct feeder *feeder)
{
    size_t dropped;
    for (size_t i = 0; i < BATCH_COUNT; i++) {
        struct haplo_message *message = &feeder->batch->messages[i];
        message->body = body_write(feeder->bodies[i]);
        message->is_repeat = false;
    }
    identity_fill(feeder->batch->messages, BATCH_COUNT);
    if (delivery_state_evaluate(&feeder->known, feeder->batch, salt++,
                                &dropped) != 0) {
        fail("out of memory");
    }
    inbox_deliver(&feeder->delivery);
}

static void on_delivered(struct inbox_delivery *delivery,
                         enum inbox_verdict verdict, const char *why)
{
    struct feeder *feeder = (struct feeder *)delivery;
    uint8_t bytes[STATE_HEAD_SIZE];
    struct haplo_mark mark = {.message_count = BATCH_COUNT, .unread_count = 1};
    if (verdict != INBOX_STORED || delivery->stored_count != BATCH_COUNT) {
        fail(why);
    }
    stored += BATCH_COUNT;
    delivery_state_accept(&feeder->known, feeder->batch);
    mark.state = delivery_state_confirm(&feeder->known, feeder->batch, false,
                                        salt++, bytes);
    inbox_confirmed(delivery->queue, &mark);
    if (sent < limit) {
        feeder_send(feeder);
    }
}

static void on_opened(struct inbox *opened, int error, const char *why,
                      void *data)
{
    (void)data;
    if (error != 0) {
        fail(why);
    }
    inbox = opened;
}

static void feeder_open(struct feeder *feeder, size_t index)
{
    char name[32];
    (void)snprintf(name, sizeof name, "queue-%zu", index);
    for (size_t i = 0; i < BATCH_COUNT; i++) {
        body_init(feeder->bodies[i]);
    }
    feeder->batch = batch_new();
    for (size_t i = 0; i < BATCH_COUNT; i++) {
        (void)batch_add_message(feeder->batch);
    }
    feeder->delivery.batch = batch_lend(feeder->batch, 1);
    feeder->delivery.delivered_cb = on_delivered;
    feeder->delivery.fetched_at_ms = 1767225600000;
    if (inbox_queue_open(inbox, "server", name, &feeder->delivery.queue) != 0) {
        fail("a queue was not opened");
    }
}

static void on_closed(void *data)
{
    *(bool *)data = true;
}

static void run_inbox(const struct postgres_inbox_options *options)
{
    const struct inbox_options inbox_options = {
        .name = "inbox", .type = &inbox_postgres_type, .type_options = options};
    bool is_closed = false;
    if (uv_loop_init(&loop) != 0 ||
        inbox_open(&loop, &inbox_options, on_opened, NULL) == NULL) {
        fail("out of memory");
    }
    while (inbox == NULL) {
        (void)uv_run(&loop, UV_RUN_ONCE);
    }
    for (size_t i = 0; i < QUEUE_COUNT; i++) {
        feeder_open(&feeders[i], i);
    }
    double cpu = cpu_us();
    uint64_t begin_ns = uv_hrtime();
    for (size_t i = 0; i < QUEUE_COUNT; i++) {
        feeder_send(&feeders[i]);
    }
    while (stored < sent) {
        (void)uv_run(&loop, UV_RUN_ONCE);
    }
    report("inbox", cpu_us() - cpu, (double)(uv_hrtime() - begin_ns) / 1e9);
    inbox_close(inbox, on_closed, &is_closed);
    while (!is_closed) {
        (void)uv_run(&loop, UV_RUN_ONCE);
    }
}

/* Without it */

#define ROUND_COUNT 4096 /* messages at once, as in a group */

static void insert(PGconn *pg, const char *sql, struct pg_array *arrays,
                   struct pg_statement *statement)
{
    static const int formats[] = {1, 1};
    static int64_t arrival = 1;
    char body[BODY_SIZE];
    PGresult *result;
    body_init(body);
    pg_array_clear(&arrays[0]);
    pg_array_clear(&arrays[1]);
    for (size_t i = 0; i < ROUND_COUNT; i++) {
        pg_array_number(&arrays[0], arrival++);
        pg_array_bytes(&arrays[1], body_write(body));
    }
    pg_statement_init(statement, sql);
    for (size_t i = 0; i < 2; i++) {
        if (pg_array_finish(&arrays[i]) != 0) {
            fail("out of memory");
        }
        pg_statement_array(statement, &arrays[i]);
    }
    result = PQexecParams(pg, sql, 2, statement->types, statement->values,
                          statement->sizes, formats, 1);
    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        fail(PQerrorMessage(pg));
    }
    PQclear(result);
    stored += ROUND_COUNT;
}

static void run_bare(const struct postgres_inbox_options *options)
{
    char *sql = pg_names_expand(
        options->schema,
        "INSERT INTO @stored (arrival, queue, batch, position, body) SELECT "
        "a, 1, a, 0, b FROM unnest($1::bigint[], $2::bytea[]) AS n(a, b)");
    PGconn *pg = PQconnectdb(options->conninfo);
    struct pg_array arrays[2];
    struct pg_statement statement;
    if (sql == NULL || PQstatus(pg) != CONNECTION_OK) {
        fail(PQerrorMessage(pg));
    }
    pg_array_init(&arrays[0], PG_INT8);
    pg_array_init(&arrays[1], PG_BYTEA);
    double cpu = cpu_us();
    uint64_t begin_ns = uv_hrtime();
    while (stored < limit) {
        insert(pg, sql, arrays, &statement);
    }
    report("bare", cpu_us() - cpu, (double)(uv_hrtime() - begin_ns) / 1e9);
    PQfinish(pg);
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fail("usage: postgres_cost inbox|bare MESSAGES CONNINFO SCHEMA");
    }
    const struct postgres_inbox_options options = {.conninfo = argv[3],
                                                   .schema = argv[4],
                                                   .timeout_ms = 60000,
                                                   .has_jsonb =
                                                       getenv("JSONB") != NULL};
    limit = strtoull(argv[2], NULL, 10);
    if (strcmp(argv[1], "bare") == 0) {
        run_bare(&options);
    } else {
        run_inbox(&options);
    }
    return 0;
}
