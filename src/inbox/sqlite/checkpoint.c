/*
 * checkpoint.c - keeps the WAL small, at no commit's cost.
 *
 *   - once CHECKPOINT_FRAMES were written, the helper copies them into the
 *     file (PASSIVE: it waits for nobody, and nobody for it) while the writer
 *     goes on appending;
 *   - what it appended meanwhile is little: the writer copies that itself
 *     before its next group. Then all of the WAL is copied, and SQLite begins
 *     it again from its start. The helper alone would never reach that point
 *     under load.
 *
 * A program that keeps a read transaction open stops this at the frame where
 * it began: the WAL grows. Then the helper tries again every
 * CHECKPOINT_STUCK_MS; after CHECKPOINT_TELL_MS the inbox is told; and when
 * the reader has ended, the helper copies all there is while commits go on.
 */
#include "inbox/sqlite/checkpoint.h"

#include "base/container_of.h"

#define CHECKPOINT_FRAMES 2048    /* of 8 KiB */
#define CHECKPOINT_FINISH_MAX 256 /* frames that the writer copies itself */
#define CHECKPOINT_STUCK_MS 1000
#define CHECKPOINT_TELL_MS 10000
#define FRAME_SIZE 8192

static void checkpoint_work(struct worker_job *job)
{
    struct checkpoint *checkpoint = container_of(job, struct checkpoint, job);
    int code = sqlite3_wal_checkpoint_v2(
        checkpoint->reader->db, "main", SQLITE_CHECKPOINT_PASSIVE,
        &checkpoint->log_frames, &checkpoint->copied_frames);

    if (code != SQLITE_OK) { /* it is tried again */
        checkpoint->log_frames = -1;
        checkpoint->copied_frames = -1;
    }
}

static void tell_stuck(struct checkpoint *checkpoint, uint64_t now_ms)
{
    if (checkpoint->is_told ||
        now_ms - checkpoint->stuck_since_ms < CHECKPOINT_TELL_MS) {
        return;
    }
    checkpoint->is_told = true;
    inbox_warn(checkpoint->inbox,
               "inbox %s: its -wal file has grown to %lld MB, as a program has "
               "had a read transaction open for %llu s: end it (fuser tells "
               "which has the file open)",
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
                   "inbox %s: its -wal file is copied into the inbox again",
                   inbox_name(checkpoint->inbox));
    }
}

static void checkpoint_done(struct worker_job *job)
{
    struct checkpoint *checkpoint = container_of(job, struct checkpoint, job);
    uint64_t now_ms = uv_now(checkpoint->loop);

    checkpoint->is_running = false;
    if (checkpoint->copied_frames > (int)checkpoint->copied ||
        checkpoint->copied_frames == checkpoint->log_frames) {
        if (checkpoint->log_frames >= 0) {
            note_progress(checkpoint);
            return;
        }
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
    if (wal_frames < checkpoint->copied) { /* it was begun again */
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

/* Once after each checkpoint of the helper. */
bool checkpoint_is_finish_due(struct checkpoint *checkpoint, size_t wal_frames)
{
    bool is_due = checkpoint->is_finish_due && !checkpoint->is_running &&
                  wal_frames >= checkpoint->copied &&
                  wal_frames - checkpoint->copied <= CHECKPOINT_FINISH_MAX;

    checkpoint->is_finish_due = false;
    return is_due;
}
