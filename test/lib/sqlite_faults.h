/*
 * sqlite_faults.h - faults made from inside SQLite's own layer: its system
 * calls are replaced (a full disk, a failed sync), its allocator (the Nth call
 * fails), its sleep (so that waiting for a lock takes no time).
 */
#ifndef TEST_SQLITE_FAULTS_H
#define TEST_SQLITE_FAULTS_H

#include <stdatomic.h>
#include <stdbool.h>

#include <sqlite3.h>

extern atomic_bool fault_disk_is_full;     /* writes fail with ENOSPC */
extern atomic_bool fault_checkpoints_fail; /* only those to the database */
extern atomic_long fault_refused_writes;   /* that did */
extern atomic_bool fault_sync_fails;       /* fsync() fails with EIO */
extern atomic_long fault_commit_count;     /* of the writer's connection */
extern const char *_Atomic fault_removed_at_commit; /* a path, or NULL */
extern const char
    *_Atomic fault_aside_at_commit;        /* where it goes; NULL: nowhere */
extern atomic_long fault_allocations_left; /* until one fails; -1: never */
extern bool fault_is_capturing;  /* the next connection is the writer's */
extern sqlite3 *fault_writer_db; /* only to be used while the inbox idles */

/* Once for a process, before SQLite is used. */
void faults_install(void);

/* No fault from now on. */
void faults_clear(void);

#endif
