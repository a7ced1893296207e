#include "inbox/sqlite/db_source.h"

#include <stdbool.h>
#include <sys/stat.h>

#include "inbox/sqlite/connection.h"
#include "inbox/sqlite/db_error.h"
#include "inbox/sqlite/db_file.h"
#include "inbox/sqlite/schema.h"

int db_source_keep_wal(sqlite3 *db, bool is_kept, const char *path,
                       struct reason *why)
{
    int code = connection_keep_wal(db, is_kept);

    return code == SQLITE_OK ? 0 : db_explain(db, path, code, why);
}

int db_source_open(const char *path, sqlite3 **db, struct reason *why)
{
    struct stat status;
    int error = db_file_check(path, why);

    if (error == 0) {
        error = db_file_refuse_lost_wal(path, why);
    }
    if (error == 0 && (stat(path, &status) != 0 || status.st_size == 0)) {
        return reason_set(why, HAPLO_EINVAL,
                          "%s: is missing or empty: is its disk mounted?",
                          path);
    }
    if (error == 0) {
        error = connection_open(path, NULL, db, why);
    }
    if (error == 0) {
        error = db_source_keep_wal(*db, true, path, why);
    }
    if (error == 0) {
        error = schema_check(*db, path, why);
    }
    return error;
}
