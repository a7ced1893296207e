/*
 * checkpoint.h - decides when the WAL is copied to the inbox, and by which
 * thread; see checkpoint.c.
 */
#ifndef INBOX_SQLITE_CHECKPOINT_H
#define INBOX_SQLITE_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inbox/inbox_store.h"
#include "inbox/sqlite/reader.h"

struct checkpoint {
    struct inbox *inbox;     /* gets the warnings */
    uv_loop_t *loop;         /* for its clock */
    struct worker *helper;   /* runs the checkpoints */
    struct reader *reader;   /* connection of the helper */
    struct worker_job job;   /* one checkpoint */
    int log_frames;          /* result: frames in the WAL */
    int copied_frames;       /* result: frames copied */
    bool has_failed;         /* result: nothing was copied; see why */
    struct reason why;       /* result: of has_failed */
    size_t copied;           /* frames of the current WAL known copied */
    bool is_running;         /* the helper has the job */
    bool is_finish_due;      /* the writer should copy the rest */
    uint64_t stuck_since_ms; /* since then nothing was copied; 0: it was */
    uint64_t next_ms;        /* earliest next try, in loop time */
    bool is_told;            /* the warning has been logged */
};

/* To be called after a commit: starts a checkpoint if the WAL has grown
 * enough. */
void checkpoint_consider(struct checkpoint *checkpoint, size_t wal_frames);

/* To be called before a group: true if the writer should copy the rest of the
 * WAL first. */
bool checkpoint_is_finish_due(struct checkpoint *checkpoint, size_t wal_frames);

#endif
