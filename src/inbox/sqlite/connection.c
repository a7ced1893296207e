#include "inbox/sqlite/connection.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inbox/sqlite/db_error.h"

static pthread_once_t configured = PTHREAD_ONCE_INIT;

char *connection_path(const char *path)
{
    const char *prefix = path[0] == '/' ? "" : "./";
    size_t size = strlen(prefix) + strlen(path) + 1;
    char *plain = malloc(size);

    if (plain != NULL) {
        (void)snprintf(plain, size, "%s%s", prefix, path);
    }
    return plain;
}

int connection_run(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

/* SQLite's memory statistics are not used, and cost a lock shared by all
 * threads for each allocation. Fails if SQLite is already in use. */
static void library_configure(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

int connection_open(const char *path, const char *vfs, sqlite3 **db,
                    struct reason *why)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    int error = pthread_once(&configured, library_configure);
    int code = sqlite3_open_v2(path, db, flags, vfs);

    assert(error == 0);

    if (code == SQLITE_OK) {
        code = sqlite3_extended_result_codes(*db, 1);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_busy_timeout(*db, CONNECTION_BUSY_MS);
    }
    if (code == SQLITE_OK) {
        /* Large transactions and sorts would otherwise need a folder for
         * temporary files, which a container may not have. */
        code = connection_run(*db, "PRAGMA temp_store = MEMORY");
    }
    if (code == SQLITE_OK && sqlite3_db_readonly(*db, "main") != 0) {
        /* Without write permission, SQLite silently opens it for reading. */
        code = SQLITE_READONLY;
    }
    if (code == SQLITE_OK) {
        return 0;
    }
    error = db_explain(*db, path, code, why);
    connection_close(*db);
    *db = NULL;
    return error;
}

int connection_keep_wal(sqlite3 *db, bool is_kept)
{
    return sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, (int)is_kept,
                             NULL);
}

void connection_close(sqlite3 *db)
{
    int code = sqlite3_close(db);

    assert(code == SQLITE_OK);
    (void)code;
}
