/*
 * pg_connect.c - connects to a server.
 *
 *   - The names of all hosts are looked up.
 *   - The addresses are tried one after the other. The first that accepts the
 *     connection, the user and the password, and is not a standby, is used.
 *
 * Failures:
 *
 *   - An address is unreachable, refuses, or does not respond in time: the next
 *     one is tried.
 *   - None is left, or no name could be looked up: connected_cb gets NULL, and
 *     all the reasons in one line. The owner tries again when it has something
 *     to do.
 */
#include "inbox/postgres/pg_connect.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* Lines after the first are hints and details: "ERROR: ...; DETAIL: ...". */
void pg_message(struct reason *why, const char *message)
{
    size_t size = 0;
    bool is_new_line = false;

    for (; *message != '\0' && size + 2 < sizeof(why->text); message++) {
        if ((unsigned char)*message > ' ') {
            why->text[size++] = *message;
            is_new_line = false;
            continue;
        }
        if (*message == '\n' && !is_new_line && size > 0) {
            size -= why->text[size - 1] == ' ' ? 1 : 0;
            why->text[size++] = ';';
            is_new_line = true;
        }
        if (size > 0 && why->text[size - 1] != ' ') {
            why->text[size++] = ' ';
        }
    }
    while (size > 0 && strchr(" ;", why->text[size - 1]) != NULL) {
        size--;
    }
    why->text[size] = '\0';
    reason_clean(why->text);
}

static void note_failure(struct pg_connect *connect, const char *message)
{
    struct reason before = connect->why;
    struct reason now;

    pg_message(&now, message);
    (void)reason_set(&connect->why, 0, "%s%s%s", before.text,
                     before.text[0] != '\0' ? "; " : "", now.text);
}

static void finish(struct pg_connect *connect, PGconn *pg)
{
    int result = uv_timer_stop(connect->timer);

    assert(result == 0);
    (void)result;
    pg_hosts_free(&connect->hosts);
    connect->connected_cb(connect, pg);
}

static void try_next(struct pg_connect *connect);

/* Ends the attempt at the current address. */
static void fail(struct pg_connect *connect, const char *message)
{
    note_failure(connect, message);
    pg_watch_close(&connect->watch);
    PQfinish(connect->pg);
    connect->pg = NULL;
    connect->index++;
    try_next(connect);
}

static void on_limit(uv_timer_t *timer)
{
    struct pg_connect *connect = timer->data;
    const struct pg_host *host = &connect->hosts.items[connect->index];
    struct reason why;

    (void)reason_set(&why, 0, "connection to %s%s%s timed out",
                     host->name != NULL ? host->name : "",
                     host->name != NULL && host->address != NULL ? ", " : "",
                     host->address != NULL ? host->address : "");
    fail(connect, why.text);
}

static void on_ready(void *data);

/* Does what libpq asks for. */
static void proceed(struct pg_connect *connect, PostgresPollingStatusType todo)
{
    PGconn *pg = connect->pg;
    int events = todo == PGRES_POLLING_READING ? UV_READABLE : UV_WRITABLE;
    int uv_error;

    if (todo == PGRES_POLLING_OK) {
        pg_watch_close(&connect->watch);
        connect->pg = NULL;
        finish(connect, pg);
        return;
    }
    if (todo == PGRES_POLLING_FAILED) {
        fail(connect, PQerrorMessage(pg));
        return;
    }
    uv_error = pg_watch_start(&connect->watch, connect->loop, PQsocket(pg),
                              events, on_ready, connect);
    if (uv_error != 0) {
        fail(connect, uv_strerror(uv_error));
    }
}

static void on_ready(void *data)
{
    struct pg_connect *connect = data;

    proceed(connect, PQconnectPoll(connect->pg));
}

/* What comes before the connection string is a default that it may override;
 * what comes after it overrides it.
 *
 * Kerberos may ask servers of its own and block, so it must be asked for. A
 * standby cannot store anything. Without tcp_user_timeout, the system would
 * keep a connection to a dead host for a quarter of an hour. */
static PGconn *attempt(const struct pg_connect *connect,
                       const struct pg_host *host)
{
    const char *const keywords[] = {
        "gssencmode",       "target_session_attrs",
        "tcp_user_timeout", "fallback_application_name",
        "dbname",           "host",
        "hostaddr",         "port",
        "client_encoding",  NULL};
    const char *const values[] = {
        "disable",  "read-write",  "30000",    "haplo-poll", connect->conninfo,
        host->name, host->address, host->port, "UTF8",       NULL};

    return PQconnectStartParams(keywords, values, 1);
}

static void ignore_notice(void *data, const PGresult *notice)
{
    (void)data;
    (void)notice;
}

static void try_next(struct pg_connect *connect)
{
    const struct pg_host *host = &connect->hosts.items[connect->index];
    uint64_t limit_ms = connect->hosts.limit_ms;
    int result;

    if (connect->index == connect->hosts.count) {
        finish(connect, NULL);
        return;
    }
    result = uv_timer_start(connect->timer, on_limit,
                            limit_ms > 0 ? limit_ms : PG_CONNECT_LIMIT_MS, 0);
    assert(result == 0);
    (void)result;
    connect->pg = attempt(connect, host);
    if (connect->pg == NULL) {
        fail(connect, "out of memory");
    } else if (PQstatus(connect->pg) == CONNECTION_BAD) {
        fail(connect, PQerrorMessage(connect->pg));
    } else {
        (void)PQsetNoticeReceiver(connect->pg, ignore_notice, NULL);
        proceed(connect, PGRES_POLLING_WRITING);
    }
}

static void on_resolved(void *data, struct pg_hosts *hosts, int error,
                        const struct reason *why)
{
    struct pg_connect *connect = data;
    uint64_t limit_ms = connect->hosts.limit_ms;

    connect->hosts = *hosts;
    connect->hosts.limit_ms = limit_ms;
    hosts->count = 0; /* taken */
    if (error != 0) {
        note_failure(connect, haplo_error_text(error));
        pg_hosts_free(&connect->hosts);
    } else if (why->text[0] != '\0') {
        note_failure(connect, why->text);
    }
    connect->index = 0;
    try_next(connect);
}

static void on_resolve_limit(uv_timer_t *timer)
{
    struct pg_connect *connect = timer->data;

    pg_resolve_cancel(&connect->resolve);
    note_failure(connect, "the name server does not respond");
    finish(connect, NULL);
}

void pg_connect_start(struct pg_connect *connect)
{
    int result;

    connect->why.text[0] = '\0';
    if (pg_hosts_read(&connect->hosts, connect->conninfo) != 0) {
        note_failure(connect, "out of memory");
        finish(connect, NULL);
        return;
    }
    result = uv_timer_start(connect->timer, on_resolve_limit,
                            PG_CONNECT_LIMIT_MS, 0);
    assert(result == 0);
    (void)result;
    if (pg_resolve_start(&connect->resolve, connect->loop, &connect->hosts,
                         on_resolved, connect) != 0) {
        note_failure(connect, "out of memory");
        finish(connect, NULL);
    }
}

void pg_connect_stop(struct pg_connect *connect)
{
    int result = uv_timer_stop(connect->timer);

    assert(result == 0);
    (void)result;
    pg_resolve_cancel(&connect->resolve);
    pg_watch_close(&connect->watch);
    PQfinish(connect->pg);
    connect->pg = NULL;
    pg_hosts_free(&connect->hosts);
}
