/*
 * disk_space.h - notices when the disk of an inbox is nearly full, before
 * SQLite does; see disk_space.c.
 */
#ifndef INBOX_SQLITE_DISK_SPACE_H
#define INBOX_SQLITE_DISK_SPACE_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "inbox/inbox_store.h"
#include "inbox/worker.h"

struct disk_space;
typedef void (*disk_space_closed_cb)(struct disk_space *space);

struct disk_space {
    struct inbox *inbox;            /* told of changes */
    uv_loop_t *loop;                /* for its timer and clock */
    struct worker *helper;          /* looks at the disk */
    const char *path;               /* borrowed; of the inbox */
    uint64_t free_bytes_min;        /* 0: never looks */
    uint64_t free_bytes;            /* the helper's, while is_running */
    uint64_t disk_bytes;            /* the same; size of the disk; 0: unknown */
    uint64_t wal_bytes;             /* the same; size of the WAL */
    bool is_warned;                 /* of little more than the limit */
    struct worker_job job;          /* looks */
    uv_timer_t timer;               /* for the next look */
    uint64_t next_ms;               /* earliest next look, in loop time */
    bool is_running;                /* the helper has the job */
    bool is_short;                  /* as told last */
    disk_space_closed_cb closed_cb; /* not NULL: closing */
};

/* Blocking: looks for the first time. */
void disk_space_look(struct disk_space *space);

/* To be called on the thread of the loop after that: tells the inbox. */
void disk_space_open(struct disk_space *space);

/* To be called after each group: looks again, soon. */
void disk_space_consider(struct disk_space *space);

/* closed_cb fires once nobody is looking. */
void disk_space_close(struct disk_space *space, disk_space_closed_cb closed_cb);

#endif
