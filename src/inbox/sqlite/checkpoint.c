/*
 * checkpoint.c - keeps the WAL small without delaying commits.
 *
 *   - After CHECKPOINT_FRAMES frames, the helper copies them to the inbox
 *     (PASSIVE, which neither blocks nor waits) while the writer continues to
 *     append.
 *   - The writer copies the few frames appended in the meantime itself, before
 *     its next group. Then the whole WAL has been copied, and SQLite restarts
 *     it from its beginning. Under load, the helper alone would never get
 *     there.
 *
 * A program with a long read transaction blocks this at the frame where it
 * began, and the WAL grows. The helper then tries again every
 * CHECKPOINT_STUCK_MS. After CHECKPOINT_TELL_MS an operator is warned. When
 * the reader has ended, the helper copies everything while commits continue.
 * The same holds if copying fails, as on a disk that is full; the warning then
 * has SQLite's reason.
 */
#include "inbox/sqlite/checkpoint.h"

#include "base/container_of.h"
#include "inbox/sqlite/db_error.h"

#define CHECKPOINT_FRAMES 2048    /* frames of 8 KiB */
#define CHECKPOINT_FINISH_MAX 256 /* most frames the writer copies itself */
#define CHECKPOINT_STUCK_MS 1000
#define CHECKPOINT_TELL_MS 10000
#define FRAME_SIZE 8192

static void checkpoint_work(struct worker_job *job)
{
    struct checkpoint *checkpoint = container_of(job, struct checkpoint, job);
    int code = sqlite3_wal_checkpoint_v2(
        checkpoint->reader->db, "main", SQLITE_CHECKPOINT_PASSIVE,
        &checkpoint->log_frames, &checkpoint->copied_frames);

    checkpoint->has_failed = code != SQLITE_OK;
    if (checkpoint->has_failed) {
        (void)db_explain(checkpoint->reader->db, checkpoint->reader->path, code,
                         &checkpoint->why);
    }
}

static void tell_stuck(struct checkpoint *checkpoint, uint64_t now_ms)
{
    if (checkpoint->is_told ||
        now_ms - checkpoint->stuck_since_ms < CHECKPOINT_TELL_MS) {
        return;
    }
    checkpoint->is_told = true;
    if (checkpoint->has_failed) {
        inbox_warn(checkpoint->inbox,
                   "inbox %s: its -wal file cannot be copied to the inbox, and "
                   "grows: %s",
                   inbox_name(checkpoint->inbox), checkpoint->why.text);
        return;
    }
    inbox_warn(checkpoint->inbox,
               "inbox %s: its -wal file has grown to %lld MB because a program "
               "has kept a read transaction open for %llu s: end that "
               "program (fuser shows which have the file open)",
               inbox_name(checkpoint->inbox),
               (long long)checkpoint->log_frames * FRAME_SIZE / 1000000,
               (unsigned long long)(now_ms - checkpoint->stuck_since_ms) /
                   1000);
}

static void note_progress(struct checkpoint *checkpoint)
{
    checkpoint->copied = (size_t)checkpoint->copied_frames;
    checkpoint->stuck_since_ms = 0;
    checkpoint->is_finish_due =
        checkpoint->copied_frames == checkpoint->log_frames;
    if (checkpoint->is_told && checkpoint->is_finish_due) {
        checkpoint->is_told = false;
        inbox_warn(checkpoint->inbox,
                   "inbox %s: its -wal file is being copied to the inbox again",
                   inbox_name(checkpoint->inbox));
    }
}

static void checkpoint_done(struct worker_job *job)
{
    struct checkpoint *checkpoint = container_of(job, struct checkpoint, job);
    uint64_t now_ms = uv_now(checkpoint->loop);

    checkpoint->is_running = false;
    if (!checkpoint->has_failed &&
        (checkpoint->copied_frames > (int)checkpoint->copied ||
         checkpoint->copied_frames == checkpoint->log_frames)) {
        note_progress(checkpoint);
        return;
    }
    if (checkpoint->stuck_since_ms == 0) {
        checkpoint->stuck_since_ms = now_ms;
    }
    checkpoint->next_ms = now_ms + CHECKPOINT_STUCK_MS;
    tell_stuck(checkpoint, now_ms);
}

void checkpoint_consider(struct checkpoint *checkpoint, size_t wal_frames)
{
    if (checkpoint->is_running) {
        return;
    }
    if (wal_frames < checkpoint->copied) { /* the WAL was restarted */
        checkpoint->copied = 0;
        checkpoint->is_finish_due = false;
    }
    if (wal_frames - checkpoint->copied < CHECKPOINT_FRAMES ||
        uv_now(checkpoint->loop) < checkpoint->next_ms) {
        return;
    }
    checkpoint->is_running = true;
    checkpoint->job.work_cb = checkpoint_work;
    checkpoint->job.done_cb = checkpoint_done;
    worker_submit(checkpoint->helper, &checkpoint->job);
}

/* True once after each checkpoint of the helper. */
bool checkpoint_is_finish_due(struct checkpoint *checkpoint, size_t wal_frames)
{
    bool is_due = checkpoint->is_finish_due && !checkpoint->is_running &&
                  wal_frames >= checkpoint->copied &&
                  wal_frames - checkpoint->copied <= CHECKPOINT_FINISH_MAX;

    checkpoint->is_finish_due = false;
    return is_due;
}
