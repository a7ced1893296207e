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
#include "inbox/sqlite/wal_reader.h"

/* What a checkpoint has found. */
struct checkpoint_result {
    int log_frames;    /* frames in the WAL */
    int copied_frames; /* of these, in the inbox as well */
    bool has_failed;   /* nothing was copied; see why */
    struct reason why; /* text of has_failed */
    /* If not everything was copied: */
    char blocker[WAL_READER_TEXT_SIZE]; /* program that reads; "": unknown */
    uint64_t free_bytes;                /* free space of the disk */
};

struct checkpoint {
    struct inbox *inbox;           /* gets the warnings */
    uv_loop_t *loop;               /* for its clock */
    struct worker *helper;         /* runs the checkpoints */
    struct reader *reader;         /* connection of the helper */
    size_t wal_bytes_max;          /* storing waits beyond it; 0: no limit */
    struct worker_job job;         /* one checkpoint */
    bool is_running;               /* the helper has the job */
    struct checkpoint_result next; /* the helper's, while it is running */
    struct checkpoint_result last; /* of the checkpoint before */
    size_t copied;                 /* frames of the current WAL known copied */
    bool is_finish_due;            /* the writer should copy the rest */
    uint64_t stuck_since_ms; /* since then nothing was copied; 0: it was */
    uint64_t next_ms;        /* earliest next try, in loop time */
    bool is_told;            /* the warning has been logged */
};

/* To be called after a commit, and where one was held: starts a checkpoint if
 * the WAL has grown enough. */
void checkpoint_consider(struct checkpoint *checkpoint, size_t wal_frames);

/* To be called before a group: true if it must be held, because the WAL cannot
 * be copied and has become too large; sets why. */
bool checkpoint_must_hold(const struct checkpoint *checkpoint,
                          size_t wal_frames, struct reason *why);

/* To be called before a group: true if the writer should copy the rest of the
 * WAL first. */
bool checkpoint_is_finish_due(struct checkpoint *checkpoint, size_t wal_frames);

#endif
