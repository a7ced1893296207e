/* store.c - stores the messages of one queue in an SQLite file, each exactly
 * once, whatever fails: store URL QUEUE FILE < FILE-WITH-THE-API-KEY
 *
 * on_deliver() and on_marked() implement the state contract. */
#include <haplopoll.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static sqlite3 *db;
static sqlite3_stmt *read_state, *write_state, *write_message;

/* Valid until the statement is reset. */
static struct haplo_slice stored(void)
{
    sqlite3_reset(read_state);
    if (sqlite3_step(read_state) != SQLITE_ROW) {
        return (struct haplo_slice){NULL, 0};
    }
    return (struct haplo_slice){sqlite3_column_blob(read_state, 0),
                                (size_t)sqlite3_column_bytes(read_state, 0)};
}

static int is_written(sqlite3_stmt *statement, struct haplo_slice bytes)
{
    sqlite3_reset(statement);
    sqlite3_bind_blob64(statement, 1, bytes.data, bytes.size, SQLITE_STATIC);
    return sqlite3_step(statement) == SQLITE_DONE;
}

static int execute(const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

static int are_new_messages_written(struct haplo_batch batch)
{
    const struct haplo_message *message = haplo_batch_messages(batch);
    for (size_t i = 0; i < haplo_batch_message_count(batch); i++) {
        if (!message[i].is_repeat &&
            !is_written(write_message, message[i].body)) {
            return 0;
        }
    }
    return is_written(write_state, haplo_batch_state(batch));
}

static void on_deliver(struct haplo_queue *queue, struct haplo_batch batch)
{
    (void)queue;
    int has_begun = execute("BEGIN IMMEDIATE");
    struct haplo_slice now = stored();
    enum haplo_compare found =
        haplo_state_compare(haplo_batch_state(batch), now);
    if (has_begun && found == HAPLO_COMPARE_STALE) {
        (void)haplo_batch_stale(batch, now);
    } else if (has_begun && (found == HAPLO_COMPARE_STORED ||
                             (are_new_messages_written(batch) &&
                              sqlite3_reset(read_state) == SQLITE_OK &&
                              execute("COMMIT")))) {
        haplo_batch_accept(batch);
    } else {
        haplo_batch_retry(batch, 0, sqlite3_errmsg(db));
    }
    sqlite3_reset(read_state);
    (void)execute("ROLLBACK"); /* of what was not committed */
}

static void on_marked(struct haplo_queue *queue, const struct haplo_mark *mark)
{
    if (execute("BEGIN IMMEDIATE")) {
        if (haplo_state_compare(mark->state, stored()) ==
            HAPLO_COMPARE_CURRENT) {
            (void)is_written(write_state, mark->state);
        }
        sqlite3_reset(read_state);
        sqlite3_reset(write_state);
        (void)execute("COMMIT");
    }
    if (mark->unread_count == 0) {
        haplo_poller_close(haplo_queue_poller(queue), NULL);
    }
}

static int is_open(const char *path)
{
    return sqlite3_open(path, &db) == SQLITE_OK &&
           execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                   "CREATE TABLE IF NOT EXISTS messages (body BLOB);"
                   "CREATE TABLE IF NOT EXISTS states "
                   "(queue INTEGER PRIMARY KEY, state BLOB)") &&
           sqlite3_prepare_v2(db, "SELECT state FROM states WHERE queue = 1",
                              -1, &read_state, NULL) == SQLITE_OK &&
           sqlite3_prepare_v2(db, "REPLACE INTO states VALUES (1, ?)", -1,
                              &write_state, NULL) == SQLITE_OK &&
           sqlite3_prepare_v2(db, "INSERT INTO messages VALUES (?)", -1,
                              &write_message, NULL) == SQLITE_OK;
}

int main(int argc, char **argv)
{
    char key[HAPLO_KEY_SIZE_MAX + 2] = "", why[HAPLO_TEXT_SIZE_MAX];
    struct haplo_poller *poller;
    struct haplo_server *server;
    struct haplo_queue *queue;
    if (argc < 4 || fgets(key, sizeof key, stdin) == NULL ||
        !is_open(argv[3]) ||
        haplo_poller_new(uv_default_loop(), NULL, &poller, NULL, 0) != 0) {
        return 2;
    }
    key[strcspn(key, "\n")] = '\0';
    struct haplo_server_options at = {
        .struct_size = sizeof at, .name = "server", .url = argv[1]};
    at.tls_ca_file = getenv("CA_FILE");
    struct haplo_queue_options options = {.struct_size = sizeof options,
                                          .name = argv[2],
                                          .api_key = key,
                                          .state = stored(),
                                          .deliver_cb = on_deliver,
                                          .marked_cb = on_marked};
    if (haplo_server_add(poller, &at, &server, why, sizeof why) ||
        haplo_queue_add(server, &options, &queue, why, sizeof why)) {
        fprintf(stderr, "%s\n", why);
        return 2;
    }
    sqlite3_reset(read_state);
    haplo_queue_poll_now(queue);
    int result = uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    sqlite3_finalize(read_state);
    sqlite3_finalize(write_state);
    sqlite3_finalize(write_message);
    sqlite3_close(db);
    return result;
}
