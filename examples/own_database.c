/* own_database.c - stores the messages of one queue in the application's own
 * SQLite database, each exactly once, however it fails or is stopped:
 *     own_database URL QUEUE FILE < FILE-WITH-THE-API-KEY
 * on_deliver() and on_marked() do it: see "Exactly once", docs/embedding.md. */
#include <haplopoll.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SET_STATE "REPLACE INTO states VALUES (1, ?)"

static sqlite3 *db;
static sqlite3_stmt *read_state;

static int execute(const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

/* Empty if no state is stored. Valid until read_state is reset. */
static int read_stored(struct haplo_slice *state)
{
    if (sqlite3_step(read_state) != SQLITE_ROW) {
        return 0;
    }
    state->data = sqlite3_column_blob(read_state, 0);
    state->size = (size_t)sqlite3_column_bytes(read_state, 0);
    return 1;
}

static int store(const char *sql, struct haplo_slice bytes)
{
    sqlite3_stmt *write = NULL;
    int is_stored =
        !sqlite3_prepare_v2(db, sql, -1, &write, NULL) &&
        !sqlite3_bind_blob64(write, 1, bytes.data, bytes.size, NULL) &&
        sqlite3_step(write) == SQLITE_DONE;
    return sqlite3_finalize(write) == SQLITE_OK && is_stored;
}

/* The messages that are not stored yet, and the state that says so. */
static int store_batch(struct haplo_batch batch)
{
    const struct haplo_message *messages = haplo_batch_messages(batch);
    for (size_t i = 0; i < haplo_batch_message_count(batch); i++) {
        if (!messages[i].is_repeat &&
            !store("INSERT INTO messages VALUES (?)", messages[i].body)) {
            return 0;
        }
    }
    return store(SET_STATE, haplo_batch_state(batch));
}

static void on_deliver(struct haplo_queue *queue, struct haplo_batch batch)
{
    (void)queue;
    struct haplo_slice now = {NULL, 0}, state = haplo_batch_state(batch);
    int is_read = execute("BEGIN IMMEDIATE") && read_stored(&now);
    enum haplo_compare found = haplo_state_compare(state, now);
    if (is_read && found == HAPLO_COMPARE_STALE) {
        haplo_batch_stale(batch, now);
    } else if (is_read && (found == HAPLO_COMPARE_STORED ||
                           (store_batch(batch) && execute("COMMIT")))) {
        haplo_batch_accept(batch);
    } else {
        haplo_batch_retry(batch, 0, sqlite3_errmsg(db));
    }
    sqlite3_reset(read_state);
    execute("ROLLBACK"); /* of what was not committed */
}

static void on_marked(struct haplo_queue *queue, const struct haplo_mark *mark)
{
    (void)queue;
    struct haplo_slice now;
    if (execute("BEGIN IMMEDIATE") && read_stored(&now) &&
        haplo_state_compare(mark->state, now) == HAPLO_COMPARE_CURRENT) {
        store(SET_STATE, mark->state);
    }
    sqlite3_reset(read_state);
    execute("COMMIT");
    execute("ROLLBACK"); /* if that failed: it is confirmed later, then */
}

int main(int argc, char **argv)
{
    char key[HAPLO_KEY_SIZE_MAX + 2] = "", why[HAPLO_TEXT_SIZE_MAX] = "";
    struct haplo_poller *poller;
    struct haplo_server *server;
    struct haplo_queue *queue;
    struct haplo_queue_options options = {.struct_size = sizeof options};
    if (argc < 4 || !fgets(key, sizeof key, stdin) ||
        sqlite3_open(argv[3], &db) || sqlite3_busy_timeout(db, 9999) ||
        !execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                 "CREATE TABLE IF NOT EXISTS messages (body BLOB);"
                 "CREATE TABLE IF NOT EXISTS states (id PRIMARY KEY, state)") ||
        sqlite3_prepare_v2(db, "SELECT max(state) FROM states", -1, &read_state,
                           NULL) ||
        !read_stored(&options.state)) {
        return 2;
    }
    struct haplo_server_options at = {
        .struct_size = sizeof at, .name = "server", .url = argv[1]};
    at.tls_ca_file = getenv("CA_FILE");
    options.name = argv[2];
    options.api_key = strtok(key, "\n");
    options.deliver_cb = on_deliver;
    options.marked_cb = on_marked;
    if (haplo_poller_new(uv_default_loop(), NULL, &poller, why, sizeof why) ||
        haplo_server_add(poller, &at, &server, why, sizeof why) ||
        haplo_queue_add(server, &options, &queue, why, sizeof why)) {
        fprintf(stderr, "%s\n", why);
        return 2;
    }
    sqlite3_reset(read_state);
    haplo_queue_poll_now(queue);
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
