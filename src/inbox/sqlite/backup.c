/*
 * backup.c - copies an inbox while it is in use.
 *
 *   - One read transaction copies all pages to a new file whose name ends in
 *     ".part". Commits continue in the meantime, but the WAL grows.
 *   - The copy is checked for integrity, synced and renamed.
 *
 * On any failure the partial file is removed, and a WAL of the inbox is left as
 * it is: if the inbox is damaged, the WAL may contain messages that are nowhere
 * else.
 */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/errno_reason.h"
#include "base/reason.h"
#include "inbox/sqlite/connection.h"
#include "inbox/sqlite/db_error.h"
#include "inbox/sqlite/db_file.h"
#include "inbox/sqlite/db_source.h"
#include "inbox/sqlite/schema.h"
#include "inbox/sqlite/sqlite_inbox.h"

/* Copies all pages in one step: a commit between steps would restart it. */
static int pages_copy(sqlite3 *from, sqlite3 *to, const char *part,
                      struct reason *why)
{
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
    int step;
    int code;

    if (backup == NULL) {
        return db_explain(to, part, sqlite3_extended_errcode(to), why);
    }
    step = sqlite3_backup_step(backup, -1);
    code = sqlite3_backup_finish(backup);
    if (step == SQLITE_DONE && code == SQLITE_OK) {
        return 0;
    }
    return db_explain(to, part, code != SQLITE_OK ? code : step, why);
}

/* A damaged copy would replace a good one. */
static int part_check(sqlite3 *part, const char *path, struct reason *why)
{
    sqlite3_stmt *statement = NULL;
    bool is_sound = false;
    int code =
        sqlite3_prepare_v2(part, "PRAGMA quick_check(1)", -1, &statement, NULL);

    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
    }
    if (code == SQLITE_ROW) {
        const char *found = (const char *)sqlite3_column_text(statement, 0);

        is_sound = found != NULL && strcmp(found, "ok") == 0;
        code = found != NULL ? SQLITE_CORRUPT : SQLITE_NOMEM;
    }
    (void)sqlite3_finalize(statement);
    return is_sound ? 0 : db_explain(part, path, code, why);
}

static int part_write(const char *path, const char *part, struct reason *why)
{
    sqlite3 *from = NULL;
    sqlite3 *to = NULL;
    int error = db_source_open(path, &from, why);

    if (error == 0) {
        error = db_file_prepare(part, why);
    }
    if (error == 0) {
        error = connection_open(part, NULL, &to, why);
    }
    if (error == 0) {
        error = pages_copy(from, to, part, why);
    }
    if (error == 0) {
        error = schema_check(to, part, why);
    }
    if (error == 0) {
        error = part_check(to, path, why);
    }
    if (error == 0) {
        error = db_source_keep_wal(from, false, path, why);
    }
    /* The copy is in WAL mode; closing it leaves a single file. */
    connection_close(to);
    connection_close(from);
    return error;
}

static int part_rename(const char *part, const char *to, struct reason *why)
{
    /* Unlike rename(), link() never replaces a file. */
    if (link(part, to) != 0) {
        return errno_reason_set(why, HAPLO_EINVAL, to, "cannot be created",
                                errno);
    }
    (void)unlink(part);
    return db_file_sync_folder(to, why);
}

static int backup(const char *path, const char *to, struct reason *why)
{
    char part[PATH_MAX];
    int error;

    if (access(to, F_OK) == 0) {
        return reason_set(why, HAPLO_EEXIST,
                          "%s: exists already: choose another name", to);
    }
    if ((size_t)snprintf(part, sizeof(part), "%s.part", to) >= sizeof(part)) {
        return errno_reason_set(why, HAPLO_EINVAL, to, "cannot be created",
                                ENAMETOOLONG);
    }
    (void)unlink(part);
    error = part_write(path, part, why);
    if (error == 0) {
        error = part_rename(part, to, why);
    }
    if (error != 0) {
        (void)unlink(part);
    }
    return error;
}

int inbox_sqlite_backup(const char *path, const char *to, char *why,
                        size_t why_size)
{
    struct reason reason = {.text = ""};
    char *plain = connection_path(path);
    char *plain_to = connection_path(to);
    int error = plain == NULL || plain_to == NULL
                    ? reason_set(&reason, HAPLO_ENOMEM, "%s: out of memory", to)
                    : backup(plain, plain_to, &reason);

    free(plain);
    free(plain_to);
    return reason_write(why, why_size, error, "%s", reason.text);
}
