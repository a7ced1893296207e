/*
 * pg_listen.c - listens on the connection of the reader.
 *
 *   - When the reader has a new connection, it is asked which process serves
 *     it. If another process answers than the one that libpq is connected to,
 *     there is PgBouncer in between: in transaction mode, notifications would
 *     reach anybody. Then nothing is done; outlets ask from time to time.
 *   - LISTEN is executed. What was stored before that is not notified, so
 *     outlets are told to ask once.
 *   - Notifications of this process's own commits are ignored; so are those of
 *     slots whose lanes outlets did not ask for last. Whoever gets a slot asks.
 *
 * If a request fails, the next call of pg_listen_start() tries again.
 */
#include "inbox/postgres/pg_listen.h"

#include <stdlib.h>
#include <string.h>

#include "inbox/postgres/pg_store.h"

/* LISTEN and the channel in quotes. NULL if memory runs out. */
static char *listen_sql(const char *channel)
{
    static const char word[] = "LISTEN \"";
    char *sql = malloc(sizeof(word) + 2 * strlen(channel) + 1);
    char *to = sql;

    if (sql == NULL) {
        return NULL;
    }
    memcpy(to, word, sizeof(word) - 1);
    to += sizeof(word) - 1;
    for (; *channel != '\0'; channel++) {
        if (*channel == '"') {
            *to++ = '"';
        }
        *to++ = *channel;
    }
    *to++ = '"';
    *to = '\0';
    return sql;
}

static int reader_pid(const struct pg_listen *listen)
{
    return PQbackendPID(listen->store->reader.connection.pg); /* 0: none */
}

static int writer_pid(const struct pg_listen *listen)
{
    return PQbackendPID(listen->store->writer.pg);
}

/* A payload of another form, which may be another program's, is for all. */
static bool concerns(const struct pg_listen *listen, const char *payload)
{
    const char *at = strchr(payload, ' ');
    char *end;

    if (!listen->has_slots || at == NULL) {
        return true;
    }
    do {
        unsigned long slot = strtoul(at + 1, &end, 10);

        if (end == at + 1 || slot >= FLEET_SLOT_COUNT || listen->slots[slot]) {
            return true;
        }
        at = end;
    } while (*at == ',');
    return false;
}

static void on_notified(void *data, int pid, const char *payload)
{
    const struct pg_listen *listen = data;

    if (pid != writer_pid(listen) && concerns(listen, payload)) {
        inbox_store_changed(listen->store->base.inbox);
    }
}

int pg_listen_init(struct pg_listen *listen, struct pg_store *store)
{
    listen->store = store;
    if (store->group.notify == NULL) {
        return 0;
    }
    listen->sql = listen_sql(store->group.notify);
    return listen->sql != NULL ? 0 : HAPLO_ENOMEM;
}

void pg_listen_free(struct pg_listen *listen)
{
    free(listen->sql);
    listen->sql = NULL;
}

static void submit(struct pg_listen *listen, const char *sql,
                   pg_request_cb done_cb)
{
    pg_statement_init(&listen->statement, sql);
    listen->request = (struct pg_request){
        .statements = &listen->statement,
        .statement_count = 1,
        .limit_ms = listen->store->timeout_ms,
        .done_cb = done_cb,
        .data = listen,
    };
    listen->is_busy = true;
    pg_connection_run(&listen->store->reader.connection, &listen->request);
}

static void finish(struct pg_listen *listen)
{
    pg_request_clear(&listen->request);
    listen->is_busy = false;
    if (listen->idle_cb != NULL) {
        listen->idle_cb(listen->idle_data);
    }
}

static void on_listening(struct pg_request *request)
{
    struct pg_listen *listen = request->data;
    bool is_listening = request->outcome == PG_FINE;

    listen->pid = is_listening ? listen->pid : 0;
    if (is_listening && listen->idle_cb == NULL) {
        inbox_store_changed(listen->store->base.inbox);
    }
    finish(listen);
}

static void on_pid(struct pg_request *request)
{
    struct pg_listen *listen = request->data;
    int64_t pid =
        request->outcome == PG_FINE ? pg_number(request->results[0], 0, 0) : 0;

    listen->pid = pid != 0 ? reader_pid(listen) : 0;
    pg_request_clear(request);
    if (pid != 0 && pid == listen->pid && listen->idle_cb == NULL) {
        pg_connection_on_notify(&listen->store->reader.connection, on_notified,
                                listen);
        submit(listen, listen->sql, on_listening);
    } else {
        finish(listen);
    }
}

void pg_listen_to(struct pg_listen *listen, const bool *slots)
{
    listen->has_slots = slots != NULL;
    if (slots != NULL) {
        memcpy(listen->slots, slots, sizeof(listen->slots));
    }
}

void pg_listen_start(struct pg_listen *listen)
{
    if (listen->sql != NULL && !listen->is_busy && listen->idle_cb == NULL &&
        listen->pid != reader_pid(listen)) {
        submit(listen, "SELECT pg_backend_pid()::bigint", on_pid);
    }
}

void pg_listen_stop(struct pg_listen *listen, void (*idle_cb)(void *data),
                    void *data)
{
    listen->idle_cb = idle_cb;
    listen->idle_data = data;
    if (!listen->is_busy) {
        idle_cb(data);
    }
}
