/*
 * paced_vfs.c - spreads the syncs of a checkpoint.
 *
 * A checkpoint copies the whole WAL and then syncs. After a long read
 * transaction, that is gigabytes and the sync takes seconds. The sync of a
 * commit on the same file system waits for it (ext4 first writes all data of
 * the journal's transaction). The database file is therefore synced after
 * every PACED_BYTES written to it, so that a commit waits for no more than
 * that.
 *
 * It also refuses to write the first page of a file that has none: see
 * has_beginning().
 *
 * SQLite's own VFS does all the work. For the database file, its methods are
 * replaced by a copy in which xWrite and xSync are ours. The copy is placed
 * after SQLite's part of the file object.
 */
#include "inbox/sqlite/paced_vfs.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <sqlite3.h>

#define PACED_NAME "haplo-paced"
#define PACED_BYTES (16LL * 1024 * 1024)

/* Our part of a database file, after SQLite's own. */
struct paced {
    sqlite3_io_methods methods;     /* the file's methods */
    const sqlite3_io_methods *real; /* SQLite's */
    sqlite3_int64 written_bytes;    /* since the last sync */
};

static sqlite3_vfs paced_vfs;
static sqlite3_vfs *real_vfs;
static int register_code = SQLITE_ERROR;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static size_t paced_offset(void)
{
    const size_t align = _Alignof(struct paced);

    return ((size_t)real_vfs->szOsFile + align - 1) / align * align;
}

static struct paced *paced_of(sqlite3_file *file)
{
    return (struct paced *)(void *)((char *)file + paced_offset());
}

static int paced_sync(sqlite3_file *file, int flags)
{
    struct paced *paced = paced_of(file);

    paced->written_bytes = 0;
    return paced->real->xSync(file, flags);
}

/* A checkpoint begins with the first page, if that was changed. Where the file
 * was truncated, the page would make its beginning look sound again. */
static bool has_beginning(sqlite3_file *file, const struct paced *paced)
{
    static const char magic[] = "SQLite format 3";
    char found[sizeof(magic)];
    int code = paced->real->xRead(file, found, sizeof(found), 0);

    return code == SQLITE_OK && memcmp(found, magic, sizeof(magic)) == 0;
}

static int paced_write(sqlite3_file *file, const void *data, int size,
                       sqlite3_int64 offset)
{
    struct paced *paced = paced_of(file);
    int code = offset > 0 || has_beginning(file, paced)
                   ? paced->real->xWrite(file, data, size, offset)
                   : SQLITE_CORRUPT;

    paced->written_bytes += size;
    if (code == SQLITE_OK && paced->written_bytes >= PACED_BYTES) {
        code = paced_sync(file, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
    }
    return code;
}

static int paced_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file,
                      int flags, int *out_flags)
{
    struct paced *paced = paced_of(file);
    int code = real_vfs->xOpen(real_vfs, name, file, flags, out_flags);

    (void)vfs;
    if (code == SQLITE_OK && (flags & SQLITE_OPEN_MAIN_DB) != 0) {
        paced->real = file->pMethods;
        paced->methods = *file->pMethods;
        paced->methods.xWrite = paced_write;
        paced->methods.xSync = paced_sync;
        paced->written_bytes = 0;
        file->pMethods = &paced->methods;
    }
    return code;
}

static void paced_register(void)
{
    real_vfs = sqlite3_vfs_find(NULL);
    if (real_vfs == NULL) {
        return;
    }
    paced_vfs = *real_vfs;
    paced_vfs.pNext = NULL;
    paced_vfs.zName = PACED_NAME;
    paced_vfs.szOsFile = (int)(paced_offset() + sizeof(struct paced));
    paced_vfs.xOpen = paced_open;
    register_code = sqlite3_vfs_register(&paced_vfs, 0);
}

const char *paced_vfs_name(void)
{
    int result = pthread_once(&once, paced_register);

    return result == 0 && register_code == SQLITE_OK ? PACED_NAME : NULL;
}
