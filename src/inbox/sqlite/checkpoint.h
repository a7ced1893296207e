/*
 * checkpoint.h - when the WAL is copied into the inbox's file, and by whom: see
 * checkpoint.c.
 */
#ifndef INBOX_SQLITE_CHECKPOINT_H
#define INBOX_SQLITE_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inbox/inbox_store.h"
#include "inbox/sqlite/reader.h"

struct checkpoint {
    struct inbox *inbox;     /* who is told of a WAL that grows */
    uv_loop_t *loop;         /* for its clock */
    struct worker *helper;   /* whose thread checkpoints */
    struct reader *reader;   /* the helper's connection */
    struct worker_job job;   /* one checkpoint */
    int log_frames;          /* result: in the WAL; -1: it was busy */
    int copied_frames;       /* result: of them, copied into the file */
    size_t copied;           /* of the WAL as it is, as far as is known */
    bool is_running;         /* the helper has the job */
    bool is_finish_due;      /* the writer is to copy the rest */
    uint64_t stuck_since_ms; /* no frame was copied; 0: some were */
    uint64_t next_ms;        /* not before that, by the loop's clock */
    bool is_told;            /* that it is stuck */
};

/* After a commit: has the helper checkpoint, if the WAL has grown enough. */
void checkpoint_consider(struct checkpoint *checkpoint, size_t wal_frames);

/* Before a group: whether the writer should copy the rest of the WAL now. */
bool checkpoint_is_finish_due(struct checkpoint *checkpoint, size_t wal_frames);

#endif
