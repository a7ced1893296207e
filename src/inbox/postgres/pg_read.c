/*
 * pg_read.c - reads the messages of several lanes for an outlet.
 *
 *   - One request asks for the messages of all lanes after their stored
 *     positions, and for the names of their queues. Those of a replay come with
 *     their names.
 *   - Bodies stay where libpq has put them, in the result, until the read is
 *     freed.
 *
 * If the request fails, the forwarder reads again later.
 */
#include <stdlib.h>

#include "base/container_of.h"
#include "core/identity.h"
#include "inbox/inbox_replay.h"
#include "inbox/postgres/pg_store.h"

/* Columns of PG_QUERY_MESSAGES, _REPLAY and _LETTERS; the latter two also have
 * those of PG_QUERY_NAMES, from NAMES on. */
enum column { ARRIVAL, QUEUE, BATCH, COUNT, FORMAT, FETCHED_AT, BODY, NAMES };

/* A read that is outstanding, or whose result is in use. */
struct pg_read {
    struct pg_reader *reader;
    struct inbox_read *read;
    struct pg_request request;         /* owns the results */
    struct pg_statement statements[2]; /* messages; names, if separate */
    struct pg_array queues;            /* ids of the lanes */
    struct pg_array afters;            /* read arrivals above these */
};

static void read_end(struct inbox_read *read, int error, const char *why)
{
    if (error != 0) {
        pg_read_free(read);
    }
    read->read_cb(read, error, why);
}

/* The message gets the names that the inbox has, which are those in a row from
 * this column on: id, server, queue. False if memory runs out. */
static bool names_take(struct inbox *inbox, const PGresult *result, int row,
                       int column, struct inbox_message *message)
{
    const struct inbox_queue *queue = inbox_store_queue(
        inbox, message->queue_id, pg_text(result, row, column + 1),
        pg_text(result, row, column + 2), (struct haplo_slice){NULL, 0});

    if (queue != NULL) {
        message->server = queue->server;
        message->queue = queue->name;
    }
    return queue != NULL;
}

/* Somebody has removed the row of its queue. */
static bool names_miss(struct inbox_message *message)
{
    message->server = "?";
    message->queue = "?";
    return true;
}

/* Those of a message of a replay are in its own row. */
static bool names_of_row(const struct pg_read *own, int row,
                         struct inbox_message *message)
{
    const PGresult *result = own->request.results[0];

    return PQgetisnull(result, row, NAMES)
               ? names_miss(message)
               : names_take(own->reader->store->base.inbox, result, row, NAMES,
                            message);
}

/* Those of a lane are in a result of their own. */
static bool names_of_lane(const struct pg_read *own,
                          struct inbox_message *message)
{
    const PGresult *names = own->request.results[1];
    int row_count = PQntuples(names);

    for (int row = 0; row < row_count; row++) {
        if ((uint64_t)pg_number(names, row, 0) == message->queue_id) {
            return names_take(own->reader->store->base.inbox, names, row, 0,
                              message);
        }
    }
    return names_miss(message);
}

/* False if memory runs out. */
static bool message_fill(const struct pg_read *own, int row,
                         struct inbox_message *message)
{
    const PGresult *result = own->request.results[0];
    uint64_t count = (uint64_t)pg_number(result, row, COUNT);

    *message = (struct inbox_message){
        .arrival = (uint64_t)pg_number(result, row, ARRIVAL),
        .queue_id = (uint64_t)pg_number(result, row, QUEUE),
        .batch_first = (uint64_t)pg_number(result, row, BATCH),
        .batch_count = count > 0 ? (uint32_t)count : 1, /* its row is gone */
        .format = (enum haplo_format)pg_number(result, row, FORMAT),
        .received_at_ms = (uint64_t)pg_number(result, row, FETCHED_AT),
        .body = pg_bytes(result, row, BODY),
    };
    pg_arrivals_note(&own->reader->store->group.arrivals,
                     (int64_t)message->arrival);
    message->hash = identity_hash(message->body);
    if (row > 0 && message[-1].queue_id == message->queue_id) {
        message->server = message[-1].server;
        message->queue = message[-1].queue;
        return true;
    }
    return own->read->replay != NULL ? names_of_row(own, row, message)
                                     : names_of_lane(own, message);
}

/* True if the messages are in the order of the lanes, and each lane's in the
 * order of arrival. SQL does not promise it (see pg_reader.c). */
static bool is_in_order(const struct inbox_read *read)
{
    size_t lane = 0;

    if (read->replay != NULL) {
        return true; /* its query has an ORDER BY */
    }
    for (size_t i = 0; i < read->count; i++) {
        const struct inbox_message *message = &read->messages[i];

        if (i > 0 && message->queue_id == message[-1].queue_id &&
            message->arrival <= message[-1].arrival) {
            return false;
        }
        while (lane < read->lane_count &&
               read->lanes[lane].queue_id != message->queue_id) {
            lane++;
        }
    }
    return lane < read->lane_count || read->count == 0;
}

static int messages_take(struct pg_read *own)
{
    struct inbox_read *read = own->read;
    const PGresult *result = own->request.results[0];
    int row_count = PQntuples(result);

    read->messages = calloc((size_t)row_count + 1, sizeof(*read->messages));
    if (read->messages == NULL) {
        return HAPLO_ENOMEM;
    }
    for (int row = 0; row < row_count; row++) {
        if (read->count >= read->count_max || PQgetisnull(result, row, BODY)) {
            read->has_more = true;
            break;
        }
        if (!message_fill(own, row, &read->messages[read->count++])) {
            return HAPLO_ENOMEM;
        }
    }
    return 0;
}

static void on_read(struct pg_request *request)
{
    struct pg_read *own = request->data;
    struct inbox_read *read = own->read;
    struct reason why;

    if (request->outcome != PG_FINE) {
        (void)pg_store_explain(own->reader->store, request, "read messages", 0,
                               &why);
        read_end(read, HAPLO_EDELIVERY, why.text);
    } else if (messages_take(own) != 0) {
        read_end(read, HAPLO_ENOMEM, "out of memory");
    } else if (!is_in_order(read)) {
        read_end(read, HAPLO_EDELIVERY,
                 "read messages: the server has returned them out of order");
    } else {
        read_end(read, 0, "");
    }
}

static int64_t limit_of(size_t limit)
{
    return limit < INT64_MAX ? (int64_t)limit : INT64_MAX;
}

static void replay_prepare(struct pg_read *own)
{
    const struct inbox_read *read = own->read;
    const struct inbox_replay *replay = read->replay;
    struct pg_statement *statement = &own->statements[0];

    own->request.statement_count = 1;
    pg_statement_init(
        statement,
        own->reader->queries[replay->is_of_letters ? PG_QUERY_LETTERS
                                                   : PG_QUERY_REPLAY]);
    pg_statement_number(statement, (int64_t)read->after);
    pg_statement_number(statement, (int64_t)replay->last);
    pg_statement_number(statement, (int64_t)read->outlet->id);
    pg_statement_number(statement, limit_of(read->count_max) + 1);
    pg_statement_number(statement, limit_of(read->bytes_max));
    if (replay->is_of_letters) {
        pg_statement_number(statement, (int64_t)replay->since_ms);
        pg_statement_number(statement, (int64_t)replay->until_ms);
    }
}

static void request_prepare(struct pg_read *own)
{
    own->request = (struct pg_request){
        .statements = own->statements,
        .statement_count = 2,
        .limit_ms = own->reader->store->timeout_ms,
        .done_cb = on_read,
        .data = own,
    };
}

/* False if memory runs out. */
static bool read_prepare(struct pg_read *own)
{
    const struct inbox_read *read = own->read;
    struct pg_statement *messages = &own->statements[0];
    struct pg_statement *names = &own->statements[1];

    request_prepare(own);
    if (read->replay != NULL) {
        replay_prepare(own);
        return true;
    }
    for (size_t i = 0; i < read->lane_count; i++) {
        pg_array_number(&own->queues, (int64_t)read->lanes[i].queue_id);
        pg_array_number(&own->afters, (int64_t)read->lanes[i].after);
    }
    if (pg_array_finish(&own->queues) != 0 ||
        pg_array_finish(&own->afters) != 0) {
        return false;
    }
    pg_statement_init(messages, own->reader->queries[PG_QUERY_MESSAGES]);
    pg_statement_array(messages, &own->queues);
    pg_statement_array(messages, &own->afters);
    pg_statement_number(messages, (int64_t)read->outlet->id);
    pg_statement_number(messages, limit_of(read->bytes_max));
    pg_statement_number(messages, limit_of(read->count_max) + 1);
    pg_statement_init(names, own->reader->queries[PG_QUERY_NAMES]);
    pg_statement_array(names, &own->queues);
    return true;
}

static void on_no_memory(struct worker_job *job)
{
    read_end(container_of(job, struct inbox_read, job), HAPLO_ENOMEM,
             "out of memory");
}

void pg_read(struct inbox_store *base, struct inbox_read *read)
{
    struct pg_reader *reader =
        &container_of(base, struct pg_store, base)->reader;
    struct pg_read *own = calloc(1, sizeof(*own));

    read->memory = own;
    if (own != NULL) {
        own->reader = reader;
        own->read = read;
        pg_array_init(&own->queues, PG_INT8);
        pg_array_init(&own->afters, PG_INT8);
    }
    if (own == NULL || !read_prepare(own)) {
        pg_reader_later(reader, &read->job, on_no_memory);
        return;
    }
    pg_connection_run(&reader->connection, &own->request);
}

void pg_read_free(struct inbox_read *read)
{
    struct pg_read *own = read->memory;

    free(read->messages);
    read->messages = NULL;
    read->memory = NULL;
    read->count = 0;
    read->has_more = false;
    if (own != NULL) {
        pg_request_clear(&own->request);
        pg_array_free(&own->queues);
        pg_array_free(&own->afters);
        free(own);
    }
}
