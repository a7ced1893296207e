/*
 * postgres_inbox.c - the store of a PostgreSQL inbox: two connections, one that
 * stores groups and one that reads for outlets; and a third one if several
 * hosts share the servers.
 */
#include "inbox/postgres/postgres_inbox.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/container_of.h"
#include "inbox/postgres/pg_fault.h"
#include "inbox/postgres/pg_fleet.h"
#include "inbox/postgres/pg_fleet_view.h"
#include "inbox/postgres/pg_move.h"
#include "inbox/postgres/pg_names.h"
#include "inbox/postgres/pg_open.h"
#include "inbox/postgres/pg_schema.h"
#include "inbox/postgres/pg_shared.h"
#include "inbox/postgres/pg_store.h"
#include "inbox/postgres/pg_task.h"
#include "inbox/postgres/pg_view.h"

static struct pg_store *store_of(struct inbox_store *base)
{
    return container_of(base, struct pg_store, base);
}

int pg_store_explain(const struct pg_store *store,
                     const struct pg_request *request, const char *what,
                     int error, struct reason *why)
{
    char advice[PG_FAULT_ADVICE_SIZE];

    if (request->outcome == PG_UNSENT) {
        return reason_set(why, error, "%s", request->why.text);
    }
    (void)pg_fault_advice(request->sqlstate, inbox_name(store->base.inbox),
                          advice);
    return reason_set(why, error, "schema %s: %s: %s%s%s", store->schema, what,
                      request->why.text, advice[0] != '\0' ? ": " : "", advice);
}

/* Closing */

static void store_free(struct pg_store *store)
{
    pg_group_free(&store->group);
    pg_retention_free(&store->retention);
    free((char *)store->group.notify);
    free(store->schema);
    free(store->environment);
    free(store->greeting);
    free(store->claim);
    free(store);
}

static void on_connection_closed(void *data)
{
    struct pg_store *store = data;
    struct inbox *inbox = store->base.inbox;
    struct reason why = store->why;
    int error = store->error;

    store->open_connection_count--;
    if (store->open_connection_count > 0) {
        return;
    }
    store_free(store);
    if (error != 0) {
        inbox_store_opened(inbox, "", error, why.text);
    } else {
        inbox_store_closed(inbox);
    }
}

static void connections_close(struct pg_retention *retention)
{
    struct pg_store *store =
        container_of(retention, struct pg_store, retention);

    store->open_connection_count = store->fleet != NULL ? 3 : 2;
    pg_connection_close(&store->writer, on_connection_closed, store);
    pg_reader_close(&store->reader, on_connection_closed, store);
    if (store->fleet != NULL) {
        pg_fleet_close(store->fleet, on_connection_closed, store);
    }
}

static void postgres_close(struct inbox_store *base)
{
    pg_retention_close(&store_of(base)->retention, connections_close);
}

/* Opening */

static void on_opened(struct pg_store *store, int error,
                      const struct reason *why)
{
    if (error == 0) {
        inbox_store_opened(store->base.inbox, store->uuid, 0, "");
        return;
    }
    store->error = error;
    store->why = *why;
    postgres_close(&store->base);
}

static void on_group_written(struct pg_group *group)
{
    inbox_group_written(
        container_of(group, struct pg_store, group)->base.inbox);
}

/* 0 or HAPLO_ENOMEM. */
static int store_init(struct pg_store *store, uv_loop_t *loop,
                      const struct postgres_inbox_options *own)
{
    struct pg_group *group = &store->group;

    store->timeout_ms = own->timeout_ms;
    store->retention.store = store;
    store->retention.loop = loop;
    store->retention.keep_ms = own->keep_ms;
    store->retention.keeps_latest = own->keeps_latest;
    store->schema = strdup(own->schema);
    group->notify = own->notify != NULL ? strdup(own->notify) : NULL;
    if (store->schema == NULL ||
        (own->notify != NULL && group->notify == NULL)) {
        return HAPLO_ENOMEM;
    }
    group->connection = &store->writer;
    group->schema = store->schema;
    group->inbox = inbox_name(store->base.inbox);
    group->timeout_ms = own->timeout_ms;
    group->has_jsonb = own->has_jsonb;
    group->written_cb = on_group_written;
    if (pg_group_init(group) != 0 ||
        pg_connection_init(&store->writer, loop, own->conninfo) != 0) {
        return HAPLO_ENOMEM;
    }
    store->open_connection_count = 1;
    if (pg_reader_open(&store->reader, store, loop, own->conninfo) != 0) {
        return HAPLO_ENOMEM;
    }
    store->open_connection_count = 2;
    return 0;
}

static void on_failed_closed(void *data)
{
    struct pg_store *store = data;

    store->open_connection_count--;
    if (store->open_connection_count == 0) {
        store_free(store);
    }
}

/* Not enough memory to open it. */
static void store_fail(struct pg_store *store)
{
    int count = store->open_connection_count;

    if (count == 0) {
        store_free(store);
        return;
    }
    pg_connection_close(&store->writer, on_failed_closed, store);
    if (count == 2) {
        pg_reader_close(&store->reader, on_failed_closed, store);
    }
}

static struct inbox_store *postgres_open(uv_loop_t *loop, struct inbox *inbox,
                                         const struct inbox_options *options)
{
    struct pg_store *store = calloc(1, sizeof(*store));

    if (store == NULL) {
        return NULL;
    }
    store->base.inbox = inbox;
    if (options->environment != NULL) {
        store->environment = strdup(options->environment);
        if (store->environment == NULL) {
            store_fail(store);
            return NULL;
        }
    }
    if (store_init(store, loop, options->type_options) != 0 ||
        pg_open_start(store, on_opened) != 0) {
        store_fail(store);
        return NULL;
    }
    return &store->base;
}

/* Groups */

static void postgres_write(struct inbox_store *base, struct inbox_group *group)
{
    pg_group_write(&store_of(base)->group, group);
}

/* Retention */

static void postgres_retain(struct inbox_store *base,
                            const char *const *outlets, size_t outlet_count)
{
    pg_retention_start(&store_of(base)->retention, outlets, outlet_count);
}

static void postgres_pause_retention(struct inbox_store *base, bool is_paused)
{
    pg_retention_pause(&store_of(base)->retention, is_paused);
}

/* The type */

static const struct inbox_store_ops ops = {
    .open = postgres_open,
    .write = postgres_write,
    .read = pg_read,
    .read_free = pg_read_free,
    .outlet_open = pg_outlet_open,
    .lanes = pg_lanes,
    .task = pg_task,
    .retain = postgres_retain,
    .pause_retention = postgres_pause_retention,
    .fleet_ask = pg_fleet_ask,
    .refresh = pg_refresh,
    .shared_write = pg_shared_write,
    .close = postgres_close,
};

/* libpq's own message would show parts of the string, and so of a password. */
static int conninfo_check(const char *conninfo, char *why, size_t why_size)
{
    PQconninfoOption *options = PQconninfoParse(conninfo, NULL);

    if (options == NULL) {
        return reason_write(why, why_size, HAPLO_EINVAL,
                            "not a connection string of libpq: write "
                            "host=HOST dbname=NAME user=ROLE, or "
                            "postgresql://ROLE@HOST/NAME");
    }
    PQconninfoFree(options);
    return 0;
}

static bool has_password(const char *conninfo)
{
    PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
    bool is_found = false;

    for (const PQconninfoOption *option = options;
         option != NULL && option->keyword != NULL; option++) {
        is_found |=
            strcmp(option->keyword, "password") == 0 && option->val != NULL;
    }
    PQconninfoFree(options);
    return is_found;
}

/* The owner's connection string comes from the command line, which everybody
 * on the machine can read. */
static int owner_check(const char *owner, char *text, size_t text_size)
{
    if (owner == NULL) {
        return 0;
    }
    if (conninfo_check(owner, text, text_size) != 0) {
        return HAPLO_EINVAL;
    }
    return !has_password(owner)
               ? 0
               : reason_write(text, text_size, HAPLO_EINVAL,
                              "the connection string of the owner has a "
                              "password in it: put that into .pgpass or a "
                              "service file");
}

static int postgres_migrate(const void *type_options, const char *owner,
                            const char *writer, char *text, size_t text_size)
{
    const struct postgres_inbox_options *own = type_options;
    const struct pg_schema_order order = {
        .schema = own->schema,
        .writer = writer,
        .has_keep = own->keep_ms > 0,
        .keeps_latest = own->keep_ms > 0 && own->keeps_latest,
    };

    if (owner_check(owner, text, text_size) != 0) {
        return HAPLO_EINVAL;
    }
    return pg_schema_migrate(owner != NULL ? owner : own->conninfo, &order,
                             text, text_size);
}

static int postgres_sink_open(const struct inbox_sink_order *order,
                              struct inbox_sink **sink, struct reason *why)
{
    int error = owner_check(order->owner, why->text, sizeof(why->text));

    return error == 0 ? pg_move_open(order, sink, why) : error;
}

static int postgres_view(const void *type_options,
                         const struct inbox_view *view, char *why,
                         size_t why_size)
{
    const struct postgres_inbox_options *own = type_options;

    return pg_view(own->conninfo, own->schema, view, why, why_size);
}

static int postgres_fleet_view(const void *type_options,
                               struct inbox_fleet_view *view, char *why,
                               size_t why_size)
{
    const struct postgres_inbox_options *own = type_options;

    return pg_fleet_view(own->conninfo, own->schema, view, why, why_size);
}

static int postgres_fleet_drain(const void *type_options, const char *host,
                                bool is_draining, char *text, size_t text_size)
{
    const struct postgres_inbox_options *own = type_options;

    return pg_fleet_drain(own->conninfo, own->schema, host, is_draining, text,
                          text_size);
}

static const struct option_row options[] = {
    {.name = "conninfo",
     .value = OPTION_SECRET,
     .offset = offsetof(struct postgres_inbox_options, conninfo),
     .word = "CONNINFO",
     .check = conninfo_check,
     .help = "How to connect, as libpq has it: host=db.example.org "
             "dbname=messages user=haplo_writer sslmode=verify-full. Several "
             "hosts are tried in their order. Passwords belong into .pgpass or "
             "a service file."},
    {.name = "schema",
     .value = OPTION_TEXT,
     .fallback = "haplo",
     .offset = offsetof(struct postgres_inbox_options, schema),
     .word = "NAME",
     .check = pg_names_check,
     .help = "The schema of the tables; haplo-poll migrate creates them."},
    {.name = "jsonb",
     .value = OPTION_BOOL,
     .fallback = "false",
     .offset = offsetof(struct postgres_inbox_options, has_jsonb),
     .help =
         "Whether messages are stored as jsonb as well, besides their exact "
         "bytes."},
    {.name = "notify",
     .value = OPTION_TEXT,
     .fallback = "none",
     .offset = offsetof(struct postgres_inbox_options, notify),
     .word = "CHANNEL",
     .help = "A channel that is notified of each commit with new messages; the "
             "payload is the highest arrival in it, a space, and the slots of "
             "their servers, as 4711 17,501. Outlets listen to it for what "
             "other processes store."},
    {.name = "keep",
     .value = OPTION_DURATION,
     .min = 1000,
     .max = UINT64_C(36500) * 86400 * 1000,
     .fallback = "none",
     .offset = offsetof(struct postgres_inbox_options, keep_ms),
     .help = "How long messages stay in the inbox, as for the type sqlite. The "
             "role needs the right to delete, which haplo-poll migrate "
             "--writer grants if this is set: see haplo-postgres(5)."},
    {.name = "latest_objects",
     .value = OPTION_BOOL,
     .fallback = "false",
     .offset = offsetof(struct postgres_inbox_options, keeps_latest),
     .help = "Whether the newest message of each object of the queue global "
             "stays beyond keep: the one with the highest recordVersion. It "
             "takes an index, which haplo-poll migrate creates if this is "
             "set."},
    {.name = "timeout",
     .value = OPTION_DURATION,
     .min = 1000,
     .max = HAPLO_WAIT_MS_MAX / 1000,
     .fallback = "60s",
     .offset = offsetof(struct postgres_inbox_options, timeout_ms),
     .help = "How long to wait for a response of the server before the "
             "connection is given up. On the server, a statement may take half "
             "of it, and waiting for a lock a quarter, unless other limits are "
             "set for the role."},
};

const struct inbox_type inbox_postgres_type = {
    .name = "postgres",
    .help = "A schema in a PostgreSQL database: see haplo-postgres(5).",
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .options_size = sizeof(struct postgres_inbox_options),
    .ops = &ops,
    .migrate = postgres_migrate,
    .view = postgres_view,
    .fleet_view = postgres_fleet_view,
    .fleet_drain = postgres_fleet_drain,
    .sink_open = postgres_sink_open,
    .purge_rest =
        "- files of the database: deleted rows stay in them until VACUUM has "
        "run and their\n"
        "  space was used again; VACUUM FULL rewrites the tables stored and "
        "dead_letters\n"
        "- the WAL of the database with its archive, standbys and other "
        "replicas\n",
};
