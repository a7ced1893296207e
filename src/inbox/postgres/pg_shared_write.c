/*
 * pg_shared_write.c - writes what a host tells the others: one request, and so
 * one transaction, over the connection of the reader.
 *
 * The changes are made in the order of their sites, as other hosts do, against
 * deadlocks.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/container_of.h"
#include "inbox/postgres/pg_names.h"
#include "inbox/postgres/pg_schema.h"
#include "inbox/postgres/pg_settings.h"
#include "inbox/postgres/pg_shared.h"
#include "inbox/postgres/pg_store.h"

/* How long a server counts: see haplo_poller_recall_logins(). */
#define EXPIRED "newest_at + 310000 <= " PG_NOW_MS

/* A write that is outstanding. */
struct pg_sharing {
    struct pg_store *store;           /* its owner */
    struct inbox_shared_write *write; /* what was asked for */
    struct pg_request request;        /* outstanding */
    struct pg_statement statements[PG_STATEMENT_COUNT_MAX];
    char *sql[PG_STATEMENT_COUNT_MAX];   /* owned; or NULL: a constant */
    char settings_sql[PG_SETTINGS_SIZE]; /* of the transaction */
};

static_assert(INBOX_CHANGE_COUNT_MAX + 1 <= PG_STATEMENT_COUNT_MAX,
              "a write is one request");

static const char *const texts[] = {
    /* $1 site, $2 same as, $3 count */
    [INBOX_LOGINS_FAILED] =
        "INSERT INTO @failed_logins AS f (site, same_as, count, newest_at)"
        " VALUES ($1, $2, $3, " PG_NOW_MS ") ON CONFLICT (site) DO UPDATE"
        " SET count = CASE WHEN f." EXPIRED " THEN 0 ELSE f.count END"
        "  + excluded.count, newest_at = " PG_NOW_MS,
    /* $1 site, $2 count */
    [INBOX_LOGINS_CLEARED] = "DELETE FROM @failed_logins WHERE site = $1"
                             " AND (count <= $2 OR " EXPIRED ")",
    /* $1 server, $2 queue; a pause: $3 by, $4 reason, $5 at */
    [INBOX_KEY_REFUSED] = "INSERT INTO @refused_keys (server, queue)"
                          " VALUES ($1, $2) ON CONFLICT DO NOTHING",
    [INBOX_KEY_WORKED] =
        "DELETE FROM @refused_keys WHERE server = $1 AND queue = $2",
    [INBOX_QUEUE_PAUSED] =
        "INSERT INTO @pauses (server, queue, by, reason, at)"
        " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (server, queue) DO UPDATE"
        " SET by = excluded.by, reason = excluded.reason, at = excluded.at",
    [INBOX_QUEUE_RESUMED] =
        "DELETE FROM @pauses WHERE server = $1 AND queue = $2",
};

static void sharing_free(struct pg_sharing *sharing)
{
    pg_request_clear(&sharing->request);
    for (size_t i = 0; i < PG_STATEMENT_COUNT_MAX; i++) {
        free(sharing->sql[i]);
    }
    free(sharing);
}

static void on_written(struct pg_request *request)
{
    struct pg_sharing *sharing = request->data;
    struct pg_store *store = sharing->store;
    struct inbox_shared_write *write = sharing->write;
    struct reason why = {""};
    int error = 0;

    if (request->outcome != PG_FINE) {
        error = pg_store_explain(store, request, "tell the other hosts",
                                 HAPLO_EDELIVERY, &why);
    }
    sharing_free(sharing);
    inbox_shared_written(store->base.inbox, write, error, why.text);
}

static struct pg_statement *add(struct pg_sharing *sharing, const char *sql)
{
    struct pg_statement *statement =
        &sharing->statements[sharing->request.statement_count++];

    pg_statement_init(statement, sql);
    return statement;
}

static void add_parameters(struct pg_statement *statement,
                           const struct inbox_change *change)
{
    const struct inbox_shared_logins *logins = &change->logins;
    const struct inbox_shared_pause *pause = &change->pause;

    switch (change->kind) {
    case INBOX_LOGINS_FAILED:
        pg_statement_text(statement, logins->site);
        pg_statement_text(statement, logins->same_as);
        pg_statement_number(statement, (int64_t)logins->count);
        return;
    case INBOX_LOGINS_CLEARED:
        pg_statement_text(statement, logins->site);
        pg_statement_number(statement, (int64_t)logins->count);
        return;
    case INBOX_KEY_REFUSED:
    case INBOX_KEY_WORKED:
    case INBOX_QUEUE_PAUSED:
    case INBOX_QUEUE_RESUMED:
        break;
    }
    pg_statement_text(statement, pause->server);
    pg_statement_text(statement, pause->queue);
    if (change->kind == INBOX_QUEUE_PAUSED) {
        pg_statement_text(statement, pause->by);
        pg_statement_text(statement, pause->reason);
        pg_statement_number(statement, (int64_t)pause->at_ms);
    }
}

/* Those without a site come first, in the order given. */
static int compare_changes(const void *a, const void *b)
{
    const struct inbox_change *first = *(const struct inbox_change *const *)a;
    const struct inbox_change *second = *(const struct inbox_change *const *)b;
    const char *site = first->logins.site != NULL ? first->logins.site : "";
    const char *other = second->logins.site != NULL ? second->logins.site : "";
    int order = strcmp(site, other);

    return order != 0 ? order : first < second ? -1 : first > second;
}

/* False if memory runs out. */
static bool add_changes(struct pg_sharing *sharing,
                        const struct inbox_shared_write *write)
{
    const struct inbox_change *sorted[INBOX_CHANGE_COUNT_MAX];

    assert(write->change_count > 0);
    assert(write->change_count <= INBOX_CHANGE_COUNT_MAX);
    for (size_t i = 0; i < write->change_count; i++) {
        sorted[i] = &write->changes[i];
    }
    qsort(sorted, write->change_count, sizeof(*sorted), compare_changes);
    for (size_t i = 0; i < write->change_count; i++) {
        sharing->sql[i] =
            pg_names_expand(sharing->store->schema, texts[sorted[i]->kind]);
        if (sharing->sql[i] == NULL) {
            return false;
        }
        add_parameters(add(sharing, sharing->sql[i]), sorted[i]);
    }
    return true;
}

int pg_shared_write(struct inbox_store *base, struct inbox_shared_write *write)
{
    struct pg_store *store = container_of(base, struct pg_store, base);
    struct pg_sharing *sharing = calloc(1, sizeof(*sharing));

    if (sharing == NULL) {
        return HAPLO_ENOMEM;
    }
    sharing->store = store;
    sharing->write = write;
    sharing->request = (struct pg_request){
        .statements = sharing->statements,
        .limit_ms = store->timeout_ms,
        .done_cb = on_written,
        .data = sharing,
    };
    pg_settings_write(sharing->settings_sql, store->timeout_ms);
    (void)add(sharing, sharing->settings_sql);
    if (!add_changes(sharing, write)) {
        sharing_free(sharing);
        return HAPLO_ENOMEM;
    }
    pg_connection_run(&store->reader.connection, &sharing->request);
    return 0;
}
