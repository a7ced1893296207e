/*
 * pg_connection.c - a connection and its requests.
 *
 *   - A request is appended to the list, and the timer starts it in the next
 *     iteration of the loop.
 *   - If there is no connection, one is opened, and its greeting is sent.
 *   - The statements are sent. When the socket is readable, their results are
 *     collected, until the synchronisation that follows the last one.
 *   - done_cb is called, and the next request is started.
 *
 * Failures:
 *
 *   - It cannot connect, or the greeting is not accepted: all requests are
 *     UNSENT. Each would have to wait for the same failure otherwise.
 *   - A statement fails: the request has FAILED; the connection stays.
 *   - The connection is lost, or the time limit has passed: the request is
 *     LOST, and others are sent over a new connection.
 *   - The connection is lost while there is no request: it is closed.
 */
#include "inbox/postgres/pg_connection.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/container_of.h"

static void on_socket(void *data);

static void kick(struct pg_connection *connection);

void pg_request_clear(struct pg_request *request)
{
    for (size_t i = 0; i < PG_STATEMENT_COUNT_MAX; i++) {
        PQclear(request->results[i]);
        request->results[i] = NULL;
    }
}

/* Ending a request */

static void disconnect(struct pg_connection *connection)
{
    pg_watch_close(&connection->watch);
    PQfinish(connection->pg);
    connection->pg = NULL;
    connection->is_greeted = false;
}

static void finish(struct pg_connection *connection, enum pg_outcome outcome)
{
    struct pg_request *request = connection->active;
    int result = uv_timer_stop(&connection->timer);

    assert(result == 0);
    (void)result;
    connection->active = NULL;
    if (request == STAILQ_FIRST(&connection->requests)) {
        STAILQ_REMOVE_HEAD(&connection->requests, link);
    }
    request->outcome = outcome;
    kick(connection);
    request->done_cb(request);
}

/* Ends all requests that have come so far. */
static void finish_all_unsent(struct pg_connection *connection, const char *why)
{
    struct pg_request_list list = STAILQ_HEAD_INITIALIZER(list);
    struct pg_request *request;
    struct reason copy;

    (void)reason_set(&copy, 0, "%s", why);
    STAILQ_CONCAT(&list, &connection->requests);
    while ((request = STAILQ_FIRST(&list)) != NULL) {
        STAILQ_REMOVE_HEAD(&list, link);
        request->outcome = PG_UNSENT;
        request->why = copy;
        request->done_cb(request);
    }
}

/* The connection fails under the active request. */
static void lose(struct pg_connection *connection, const char *message)
{
    struct pg_request *request = connection->active;

    if (request->why.text[0] == '\0') {
        pg_message(&request->why, message);
    }
    disconnect(connection);
    finish(connection, PG_LOST);
}

static void on_limit(uv_timer_t *timer)
{
    struct pg_connection *connection =
        container_of(timer, struct pg_connection, timer);
    struct reason why;

    (void)reason_set(&why, 0, "no response within %llu s",
                     (unsigned long long)connection->active->limit_ms / 1000);
    lose(connection, why.text);
}

/* Receiving */

/* Remembers the first failure. */
static void keep_failure(struct pg_request *request, const PGresult *result)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    if (request->has_failed) {
        return;
    }
    request->has_failed = true;
    if (sqlstate != NULL && strlen(sqlstate) < PG_SQLSTATE_SIZE) {
        memcpy(request->sqlstate, sqlstate, strlen(sqlstate) + 1);
    }
    pg_message(&request->why,
               primary != NULL ? primary : PQresultErrorMessage(result));
    if (request->why.text[0] == '\0') { /* RAISE allows that */
        (void)reason_set(&request->why, 0, "SQLSTATE %s", request->sqlstate);
    }
    request->failed_index = request->answer_count;
}

/* Takes the result. True if it is the last one of the request. */
static bool take_result(struct pg_request *request, PGresult *result)
{
    switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
        assert(request->answer_count < request->statement_count);
        request->results[request->answer_count] = result;
        return false;
    case PGRES_PIPELINE_SYNC:
        PQclear(result);
        return true;
    default:
        keep_failure(request, result);
        break;
    case PGRES_PIPELINE_ABORTED:
        break;
    }
    PQclear(result);
    return false;
}

/* Collects what has arrived. */
static void receive(struct pg_connection *connection)
{
    struct pg_request *request = connection->active;
    PGconn *pg = connection->pg;
    PGresult *result;
    bool is_end = false;

    while (!is_end && !PQisBusy(pg)) {
        result = PQgetResult(pg);
        if (result != NULL) {
            is_end = take_result(request, result);
        } else if (PQstatus(pg) == CONNECTION_BAD) {
            break;
        } else {
            request->answer_count++; /* the end of one statement's results */
        }
    }
    if (PQstatus(pg) == CONNECTION_BAD) {
        lose(connection, PQerrorMessage(pg));
    } else if (is_end) {
        finish(connection, request->has_failed ? PG_FAILED : PG_FINE);
    }
}

/* Sending */

/* Sends what the socket accepts, and waits for what is next. False if the
 * connection is lost. */
static bool flush(struct pg_connection *connection)
{
    int left = PQflush(connection->pg);
    int uv_error;

    if (left < 0) {
        return false;
    }
    uv_error = pg_watch_start(
        &connection->watch, connection->loop, PQsocket(connection->pg),
        left > 0 ? UV_READABLE | UV_WRITABLE : UV_READABLE, on_socket,
        connection);
    return uv_error == 0;
}

/* Notifications may come with the results of any request. */
static void take_notifications(struct pg_connection *connection)
{
    PGnotify *notification;

    while (connection->pg != NULL &&
           (notification = PQnotifies(connection->pg)) != NULL) {
        if (connection->notified_cb != NULL) {
            connection->notified_cb(connection->notified_data,
                                    notification->be_pid, notification->extra);
        }
        PQfreemem(notification);
    }
}

static void read_socket(struct pg_connection *connection)
{
    bool is_fine = PQconsumeInput(connection->pg) == 1;

    if (connection->active == NULL) {
        if (!is_fine || PQstatus(connection->pg) == CONNECTION_BAD) {
            disconnect(connection);
        }
        return;
    }
    is_fine = is_fine && flush(connection);
    if (is_fine || PQstatus(connection->pg) == CONNECTION_BAD) {
        receive(connection); /* even what came before it was lost */
    } else {
        lose(connection, "the socket cannot be watched");
    }
}

static void on_socket(void *data)
{
    read_socket(data);
    take_notifications(data);
}

static bool send_statements(PGconn *pg, const struct pg_request *request)
{
    static const int formats[PG_PARAMETER_COUNT_MAX] = {1, 1, 1, 1, 1, 1, 1, 1,
                                                        1, 1, 1, 1, 1, 1, 1, 1};

    for (size_t i = 0; i < request->statement_count; i++) {
        const struct pg_statement *statement = &request->statements[i];

        if (!PQsendQueryParams(pg, statement->sql, statement->count,
                               statement->types, statement->values,
                               statement->sizes, formats, 1)) {
            return false;
        }
    }
    return PQpipelineSync(pg) == 1;
}

static void start(struct pg_connection *connection, struct pg_request *request)
{
    int result =
        uv_timer_start(&connection->timer, on_limit, request->limit_ms, 0);

    assert(result == 0);
    (void)result;
    connection->active = request;
    request->answer_count = 0;
    request->has_failed = false;
    request->failed_index = 0;
    request->sqlstate[0] = '\0';
    request->why.text[0] = '\0';
    request->warning.text[0] = '\0';
    memset(request->results, 0, sizeof(request->results));
    if (!send_statements(connection->pg, request) || !flush(connection)) {
        lose(connection, PQerrorMessage(connection->pg));
    }
}

/* Connecting */

static void on_greeted(struct pg_request *greeting)
{
    struct pg_connection *connection =
        container_of(greeting, struct pg_connection, greeting);
    struct reason why = greeting->why;
    int error = connection->greet_cb(connection->greet_data, greeting, &why);

    pg_request_clear(greeting);
    if (error != 0) {
        disconnect(connection);
        finish_all_unsent(connection, why.text);
    } else {
        connection->is_greeted = true;
    }
}

/* Fields are missing if libpq had no memory for them. It may then be the
 * warning that COMMIT has not waited for a standby. */
static void on_notice(void *data, const PGresult *notice)
{
    struct pg_connection *connection = data;
    const char *severity =
        PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *primary = PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY);

    if (severity == NULL) {
        severity = PQresultErrorField(notice, PG_DIAG_SEVERITY);
    }
    if (connection->active != NULL &&
        (severity == NULL || strcmp(severity, "WARNING") == 0)) {
        pg_message(&connection->active->warning,
                   primary != NULL ? primary : "a warning without a text");
    }
}

static void on_connected(struct pg_connect *connect, PGconn *pg)
{
    struct pg_connection *connection =
        container_of(connect, struct pg_connection, connect);

    connection->is_connecting = false;
    connection->timer.data = connection;
    if (pg != NULL &&
        (PQsetnonblocking(pg, 1) != 0 || PQenterPipelineMode(pg) != 1)) {
        pg_message(&connect->why, PQerrorMessage(pg));
        PQfinish(pg);
        pg = NULL;
    }
    if (pg == NULL) {
        finish_all_unsent(connection, connect->why.text);
        return;
    }
    (void)PQsetNoticeReceiver(pg, on_notice, connection);
    connection->pg = pg;
    connection->is_greeted = connection->greet_cb == NULL;
    kick(connection);
}

/* Starts what is to be done next. */
static void on_kick(uv_timer_t *timer)
{
    struct pg_connection *connection =
        container_of(timer, struct pg_connection, timer);

    if (STAILQ_EMPTY(&connection->requests)) {
        return;
    }
    if (connection->pg == NULL) {
        connection->is_connecting = true;
        timer->data = &connection->connect;
        pg_connect_start(&connection->connect);
    } else if (!connection->is_greeted) {
        start(connection, &connection->greeting);
    } else {
        start(connection, STAILQ_FIRST(&connection->requests));
    }
}

static void kick(struct pg_connection *connection)
{
    int result;

    if (connection->active == NULL && !connection->is_connecting) {
        result = uv_timer_start(&connection->timer, on_kick, 0, 0);
        assert(result == 0);
        (void)result;
    }
}

/* For owners */

int pg_connection_init(struct pg_connection *connection, uv_loop_t *loop,
                       const char *conninfo)
{
    int result;

    memset(connection, 0, sizeof(*connection));
    connection->conninfo = strdup(conninfo);
    if (connection->conninfo == NULL) {
        return HAPLO_ENOMEM;
    }
    connection->loop = loop;
    result = uv_timer_init(loop, &connection->timer);
    assert(result == 0);
    (void)result;
    connection->connect.loop = loop;
    connection->connect.timer = &connection->timer;
    connection->connect.conninfo = connection->conninfo;
    connection->connect.connected_cb = on_connected;
    STAILQ_INIT(&connection->requests);
    return 0;
}

void pg_connection_greet(struct pg_connection *connection, const char *sql,
                         uint64_t limit_ms, pg_greet_cb greet_cb, void *data)
{
    pg_statement_init(&connection->hello, sql);
    connection->greeting.statements = &connection->hello;
    connection->greeting.statement_count = 1;
    connection->greeting.limit_ms = limit_ms;
    connection->greeting.done_cb = on_greeted;
    connection->greet_cb = greet_cb;
    connection->greet_data = data;
}

void pg_connection_on_notify(struct pg_connection *connection,
                             pg_notified_cb notified_cb, void *data)
{
    connection->notified_cb = notified_cb;
    connection->notified_data = data;
}

void pg_connection_run(struct pg_connection *connection,
                       struct pg_request *request)
{
    assert(request->statement_count > 0);
    assert(request->statement_count <= PG_STATEMENT_COUNT_MAX);
    memset(request->results, 0, sizeof(request->results));
    STAILQ_INSERT_TAIL(&connection->requests, request, link);
    kick(connection);
}

void pg_connection_reset(struct pg_connection *connection)
{
    assert(connection->active == NULL);
    disconnect(connection);
}

void pg_connection_give_up(struct pg_connection *connection, const char *why)
{
    struct reason copy;

    (void)reason_set(&copy, 0, "%s", why);
    if (connection->is_connecting) {
        pg_connect_stop(&connection->connect);
        connection->timer.data = connection;
        connection->is_connecting = false;
    }
    if (connection->active != NULL) {
        lose(connection, copy.text);
    } else {
        finish_all_unsent(connection, copy.text);
    }
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct pg_connection *connection =
        container_of((uv_timer_t *)handle, struct pg_connection, timer);

    free(connection->conninfo);
    connection->closed_cb(connection->closed_data);
}

void pg_connection_close(struct pg_connection *connection,
                         pg_connection_closed_cb closed_cb, void *data)
{
    assert(STAILQ_EMPTY(&connection->requests));
    assert(connection->active == NULL);
    disconnect(connection);
    connection->closed_cb = closed_cb;
    connection->closed_data = data;
    uv_close((uv_handle_t *)&connection->timer, on_timer_closed);
}
