#include "sqlite_faults.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "must.h"

atomic_bool fault_disk_is_full;
atomic_bool fault_checkpoints_fail;
atomic_long fault_refused_writes;
atomic_bool fault_sync_fails;
atomic_long fault_commit_count;
const char *_Atomic fault_removed_at_commit;
const char *_Atomic fault_aside_at_commit;
atomic_long fault_allocations_left = -1;
bool fault_is_capturing;
sqlite3 *fault_writer_db;

static sqlite3_mem_methods real_memory;

static bool ends_with(const char *path, const char *suffix)
{
    size_t size = strlen(path);
    size_t suffix_size = strlen(suffix);

    return size >= suffix_size &&
           strcmp(path + size - suffix_size, suffix) == 0;
}

static bool is_database(int descriptor)
{
    char link[64];
    char path[4096] = "";

    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", descriptor);
    if (readlink(link, path, sizeof(path) - 1) < 0) {
        return false;
    }
    return ends_with(path, ".db");
}

static bool write_fails(int descriptor)
{
    if (!atomic_load(&fault_disk_is_full) &&
        !(atomic_load(&fault_checkpoints_fail) && is_database(descriptor))) {
        return false;
    }
    atomic_fetch_add(&fault_refused_writes, 1);
    errno = ENOSPC;
    return true;
}

static ssize_t full_write(int descriptor, const void *data, size_t size)
{
    return write_fails(descriptor) ? -1 : write(descriptor, data, size);
}

static ssize_t full_pwrite(int descriptor, const void *data, size_t size,
                           off_t offset)
{
    return write_fails(descriptor) ? -1
                                   : pwrite(descriptor, data, size, offset);
}

static int no_sleep(sqlite3_vfs *vfs, int microseconds)
{
    (void)vfs;
    return microseconds;
}

static bool allocation_fails(void)
{
    return atomic_load(&fault_allocations_left) > 0 &&
           atomic_fetch_sub(&fault_allocations_left, 1) == 1;
}

static void *failing_malloc(int size)
{
    return allocation_fails() ? NULL : real_memory.xMalloc(size);
}

static void *failing_realloc(void *block, int size)
{
    return allocation_fails() ? NULL : real_memory.xRealloc(block, size);
}

static int on_commit(void *data)
{
    (void)data;
    if (fault_removed_at_commit != NULL && fault_aside_at_commit != NULL) {
        (void)rename(fault_removed_at_commit, fault_aside_at_commit);
    } else if (fault_removed_at_commit != NULL) {
        (void)unlink(fault_removed_at_commit);
    }
    atomic_fetch_add(&fault_commit_count, 1);
    return 0;
}

static int on_connection(sqlite3 *db, const char **error, const void *api)
{
    (void)error;
    (void)api;
    if (fault_is_capturing) {
        fault_is_capturing = false;
        fault_writer_db = db;
        (void)sqlite3_commit_hook(db, on_commit, NULL);
    }
    return SQLITE_OK;
}

/* A sync that fails: the methods of a WAL are wrapped */

static int (*real_open)(sqlite3_vfs *, const char *, sqlite3_file *, int,
                        int *);
static sqlite3_io_methods wrapped;
static const sqlite3_io_methods *real_methods;

static int failing_sync(sqlite3_file *file, int flags)
{
    return atomic_load(&fault_sync_fails) ? SQLITE_IOERR_FSYNC
                                          : real_methods->xSync(file, flags);
}

/* The file itself has other methods, for its locks. */
static int wrapping_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file,
                         int flags, int *out_flags)
{
    int code = real_open(vfs, name, file, flags, out_flags);

    if (code == SQLITE_OK && (flags & SQLITE_OPEN_WAL) != 0) {
        if (real_methods == NULL) {
            real_methods = file->pMethods;
            wrapped = *real_methods;
            wrapped.xSync = failing_sync;
        }
        file->pMethods = &wrapped;
    }
    return code;
}

void faults_install(void)
{
    sqlite3_mem_methods memory;
    sqlite3_vfs *vfs;

    MUST(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_memory) == SQLITE_OK);
    memory = real_memory;
    memory.xMalloc = failing_malloc;
    memory.xRealloc = failing_realloc;
    MUST(sqlite3_config(SQLITE_CONFIG_MALLOC, &memory) == SQLITE_OK);
    MUST(sqlite3_initialize() == SQLITE_OK);
    vfs = sqlite3_vfs_find(NULL);
    vfs->xSleep = no_sleep;
    real_open = vfs->xOpen;
    vfs->xOpen = wrapping_open;
    (void)vfs->xSetSystemCall(vfs, "write", (sqlite3_syscall_ptr)full_write);
    (void)vfs->xSetSystemCall(vfs, "pwrite", (sqlite3_syscall_ptr)full_pwrite);
    (void)vfs->xSetSystemCall(vfs, "pwrite64",
                              (sqlite3_syscall_ptr)full_pwrite);
    MUST(sqlite3_auto_extension((void (*)(void))on_connection) == SQLITE_OK);
}

void faults_clear(void)
{
    atomic_store(&fault_disk_is_full, false);
    atomic_store(&fault_checkpoints_fail, false);
    atomic_store(&fault_sync_fails, false);
    atomic_store(&fault_allocations_left, -1);
    fault_removed_at_commit = NULL;
    fault_aside_at_commit = NULL;
}
