/*
 * db_watch.c - checks the files of an inbox before and after each transaction.
 *
 *   - Each name must still refer to the file that is open (stat).
 *   - The header of the database is read through SQLite. The part of it that
 *     never changes must be the same, and its counters never decrease.
 *   - The database shrinks only when a vacuum says so in its header.
 *   - The WAL starts with a valid header, and contains what was committed.
 *
 * Failures:
 *
 *   - A file was removed or replaced: nothing is stored until it is back.
 *   - A file was truncated or overwritten, as by ": >inbox.db" or by a copy
 *     made with cp: nothing more is stored. A checkpoint would write pages
 *     from the WAL between others that are gone, which would destroy the
 *     evidence, and may make the file look sound.
 *   - The shared memory was truncated: the same, although it contains nothing
 *     that is lost. Using it would end the process with SIGBUS.
 *
 * The program must not open these files itself: closing any descriptor of a
 * file drops all POSIX locks that SQLite holds on it in this process.
 */
#include "inbox/sqlite/db_watch.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/errno_reason.h"
#include "haplopoll.h"

/* Offsets in the header of a database; numbers are big-endian. */
#define HEADER_FIXED_SIZE 24 /* magic, page size, format: these stay */
#define HEADER_PAGE_SIZE 16  /* two bytes; 1 means 65,536 */
#define HEADER_CHANGES 24    /* counts transactions, roughly */
#define HEADER_PAGE_COUNT 28
#define HEADER_SCHEMA 40 /* counts changes of definitions */

#define WAL_HEADER_SIZE 32
#define WAL_FRAME_HEAD_SIZE 24
#define WAL_MAGIC 0x377f0682u /* the lowest bit is the byte order */

/* Names */

static void shm_path(sqlite3 *db, char *path, size_t path_size)
{
    (void)snprintf(path, path_size, "%s-shm", sqlite3_db_filename(db, "main"));
}

static bool file_is(const struct stat *now, const struct db_file_id *id)
{
    return now->st_dev == id->device && now->st_ino == id->inode;
}

/* Sets *now; false if the name refers to another file, or to none. */
static bool is_in_place(const char *path, const struct db_file_id *id,
                        struct stat *now)
{
    return stat(path, now) == 0 && file_is(now, id);
}

static enum db_watch_state tell_away(const char *path, struct reason *why)
{
    (void)reason_set(why, 0,
                     "%s: was removed or replaced while in use: put it back, "
                     "or restart haplo-poll to use what is there now",
                     path);
    return DB_WATCH_AWAY;
}

/* Contents */

static enum db_watch_state tell_damaged(struct db_watch *watch,
                                        const char *path, struct reason *why)
{
    watch->is_damaged = true;
    (void)reason_set(&watch->damage, 0,
                     "%s: was truncated or overwritten while in use: stop "
                     "haplo-poll, and do as \"DAMAGED INBOXES\" in "
                     "haplo-inbox(5) says before another program opens it",
                     path);
    *why = watch->damage;
    return DB_WATCH_DAMAGED;
}

/* The next access would end the process with SIGBUS. SQLite creates the file
 * again, from the WAL, when the inbox is opened. */
static enum db_watch_state tell_short_memory(struct db_watch *watch,
                                             const char *path,
                                             struct reason *why)
{
    watch->is_damaged = true;
    (void)reason_set(
        &watch->damage, 0,
        "%s: was truncated while in use: restart haplo-poll, which "
        "creates it again; nothing is lost",
        path);
    *why = watch->damage;
    return DB_WATCH_DAMAGED;
}

/* Returns HAPLO_E*. */
static int tell_unreadable(sqlite3 *db, const char *path, struct reason *why)
{
    return errno_reason_classify(why, path, "cannot be read",
                                 sqlite3_system_errno(db));
}

static uint32_t number_at(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
           (uint32_t)bytes[2] << 8 | bytes[3];
}

static off_t page_size_of(const uint8_t *header)
{
    off_t size = header[HEADER_PAGE_SIZE] << 8 | header[HEADER_PAGE_SIZE + 1];

    return size == 1 ? 65536 : size;
}

/* Reads the beginning of a file of the connection, which SQLITE_FCNTL_...
 * names. What lies behind its end is read as zeros. */
static int head_read(sqlite3 *db, int file_control, uint8_t *head, int size)
{
    sqlite3_file *file = NULL;
    int code = sqlite3_file_control(db, "main", file_control, &file);

    if (code == SQLITE_OK) {
        code = file->pMethods != NULL
                   ? file->pMethods->xRead(file, head, size, 0)
                   : SQLITE_CANTOPEN;
    }
    return code == SQLITE_IOERR_SHORT_READ ? SQLITE_OK : code;
}

static bool counts_on(const uint8_t *before, const uint8_t *now, size_t offset)
{
    return number_at(now + offset) >= number_at(before + offset);
}

/* True if SQLite may have changed the database from one to the other. When a
 * vacuum has made it smaller, a checkpoint first writes the new number of pages
 * and then cuts the file. */
static bool file_is_sound(const struct db_watch *watch, const uint8_t *header,
                          off_t size)
{
    off_t page_count = number_at(header + HEADER_PAGE_COUNT);

    return memcmp(header, watch->header, HEADER_FIXED_SIZE) == 0 &&
           counts_on(watch->header, header, HEADER_CHANGES) &&
           counts_on(watch->header, header, HEADER_SCHEMA) &&
           (size >= watch->size || page_count * page_size_of(header) <= size);
}

static enum db_watch_state check_file(sqlite3 *db, struct db_watch *watch,
                                      off_t size, struct reason *why)
{
    const char *path = sqlite3_db_filename(db, "main");
    uint8_t header[DB_HEADER_SIZE] = {0};

    if (head_read(db, SQLITE_FCNTL_FILE_POINTER, header, sizeof(header)) !=
        SQLITE_OK) {
        (void)tell_unreadable(db, path, why);
        return DB_WATCH_AWAY;
    }
    if (!file_is_sound(watch, header, size)) {
        return tell_damaged(watch, path, why);
    }
    watch->size = size;
    memcpy(watch->header, header, sizeof(header));
    return DB_WATCH_FINE;
}

static off_t frames_size(const struct db_watch *watch, size_t frames)
{
    return WAL_HEADER_SIZE +
           (off_t)frames * (WAL_FRAME_HEAD_SIZE + page_size_of(watch->header));
}

/* The WAL is shorter than what was committed to it. That is fine if another
 * program has copied all of it to the database and then cut it. A checkpoint
 * tells: it reads what has not been copied. */
static bool short_wal_is_sound(sqlite3 *db, struct db_watch *watch, off_t size)
{
    int frames = 0;
    int copied = 0;
    int code = sqlite3_wal_checkpoint_v2(db, "main", SQLITE_CHECKPOINT_PASSIVE,
                                         &frames, &copied);

    if (code != SQLITE_OK) { /* unless it tells, the next check does */
        return code != SQLITE_IOERR_SHORT_READ;
    }
    watch->wal_used = 0; /* it was cut, and begins again */
    return frames == copied || size >= frames_size(watch, (size_t)frames);
}

static enum db_watch_state check_wal(sqlite3 *db, struct db_watch *watch,
                                     off_t size, struct reason *why)
{
    const char *path = sqlite3_filename_wal(sqlite3_db_filename(db, "main"));
    uint8_t header[WAL_HEADER_SIZE] = {0};
    bool is_sound;

    if (head_read(db, SQLITE_FCNTL_JOURNAL_POINTER, header, sizeof(header)) !=
        SQLITE_OK) {
        (void)tell_unreadable(db, path, why);
        return DB_WATCH_AWAY;
    }
    is_sound = size == 0 || (number_at(header) & ~1u) == WAL_MAGIC;
    if (is_sound && size < watch->wal_used) {
        is_sound = short_wal_is_sound(db, watch, size);
    }
    if (!is_sound) {
        return tell_damaged(watch, path, why);
    }
    watch->wal_size = size;
    return DB_WATCH_FINE;
}

enum db_watch_state db_watch_check(sqlite3 *db, struct db_watch *watch,
                                   struct reason *why)
{
    const char *path = sqlite3_db_filename(db, "main");
    const char *wal_path = sqlite3_filename_wal(path);
    char shm[PATH_MAX];
    struct stat file;
    struct stat wal;
    struct stat shared;
    enum db_watch_state state;

    if (watch->is_damaged) {
        *why = watch->damage;
        return DB_WATCH_DAMAGED;
    }
    shm_path(db, shm, sizeof(shm));
    if (!is_in_place(path, &watch->file, &file)) {
        return tell_away(path, why);
    }
    if (!is_in_place(wal_path, &watch->wal, &wal)) {
        return tell_away(wal_path, why);
    }
    if (!is_in_place(shm, &watch->shm, &shared)) {
        return tell_away(shm, why);
    }
    if (shared.st_size < watch->shm_size) {
        return tell_short_memory(watch, shm, why);
    }
    watch->shm_size = shared.st_size;
    state = check_file(db, watch, file.st_size, why);
    return state == DB_WATCH_FINE ? check_wal(db, watch, wal.st_size, why)
                                  : state;
}

void db_watch_committed(struct db_watch *watch, size_t wal_frames)
{
    watch->wal_used = frames_size(watch, wal_frames);
}

/* Starting */

static int remember(const char *path, struct db_file_id *id, struct stat *now,
                    struct reason *why)
{
    if (stat(path, now) != 0) {
        return errno_reason_classify(why, path, "cannot be found", errno);
    }
    *id = (struct db_file_id){.device = now->st_dev, .inode = now->st_ino};
    return 0;
}

int db_watch_start(sqlite3 *db, struct db_watch *watch, struct reason *why)
{
    const char *path = sqlite3_db_filename(db, "main");
    const char *wal_path = sqlite3_filename_wal(path);
    char shm[PATH_MAX];
    struct stat now;
    int moved = 1;
    int error;

    shm_path(db, shm, sizeof(shm));
    error = remember(wal_path, &watch->wal, &now, why);
    if (error == 0) {
        error = remember(shm, &watch->shm, &now, why);
    }
    if (error == 0) {
        error = remember(path, &watch->file, &now, why);
    }
    if (error != 0) {
        return error;
    }
    watch->size = now.st_size;
    if (head_read(db, SQLITE_FCNTL_FILE_POINTER, watch->header,
                  sizeof(watch->header)) != SQLITE_OK) {
        return tell_unreadable(db, path, why);
    }
    /* Otherwise the names were those of other files already. */
    if (sqlite3_file_control(db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) !=
            SQLITE_OK ||
        moved != 0) {
        (void)tell_away(path, why);
        return HAPLO_EINVAL;
    }
    return db_watch_check(db, watch, why) == DB_WATCH_FINE ? 0 : HAPLO_EINVAL;
}
