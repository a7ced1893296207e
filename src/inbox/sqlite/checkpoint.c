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
 * CHECKPOINT_STUCK_MS. After CHECKPOINT_TELL_MS an operator is warned, and told
 * which program it is. When the WAL has reached its limit, or takes half of
 * what was free on its disk, nothing more is stored: the messages stay
 * unread on their servers, and the disk does not fill up. When the reader has
 * ended, the helper copies everything while commits continue.
 * The same holds if copying fails, as on a disk that is full; the warning then
 * has SQLite's reason.
 */
#include "inbox/sqlite/checkpoint.h"

#include <sys/statvfs.h>

#include "base/container_of.h"
#include "inbox/sqlite/db_error.h"

#define CHECKPOINT_FRAMES 2048    /* frames of 8 KiB */
#define CHECKPOINT_FINISH_MAX 256 /* most frames the writer copies itself */
#define CHECKPOINT_STUCK_MS 1000
#define CHECKPOINT_TELL_MS 10000
#define CHECKPOINT_HOLD_MIN (UINT64_C(64) << 20) /* bytes, on any disk */
#define FRAME_SIZE 8192

/* Looks for the cause, and for what can be done about it. */
static void stuck_examine(const struct reader *reader,
                          struct checkpoint_result *result)
{
    struct statvfs disk;

    if (!wal_reader_find(reader->watch.shm.inode, result->blocker)) {
        result->blocker[0] = '\0';
    }
    result->free_bytes =
        statvfs(sqlite3_db_filename(reader->db, "main"), &disk) == 0
            ? (uint64_t)disk.f_bavail * disk.f_frsize
            : UINT64_MAX / 2; /* then only the limit counts */
}

static void checkpoint_work(struct worker_job *job)
{
    struct checkpoint *checkpoint = container_of(job, struct checkpoint, job);
    struct checkpoint_result *result = &checkpoint->next;
    struct reader *reader = checkpoint->reader;
    int code = SQLITE_CORRUPT;

    if (db_watch_check(reader->db, &reader->watch, &result->why) !=
        DB_WATCH_DAMAGED) {
        code = sqlite3_wal_checkpoint_v2(
            reader->db, "main", SQLITE_CHECKPOINT_PASSIVE, &result->log_frames,
            &result->copied_frames);
        if (code != SQLITE_OK) {
            (void)db_explain(reader->db, reader->path, code, &result->why);
        }
    }
    result->has_failed = code != SQLITE_OK;
    if (result->has_failed || result->copied_frames < result->log_frames) {
        stuck_examine(reader, result);
    }
}

static const char *blocker_of(const struct checkpoint *checkpoint)
{
    return checkpoint->last.blocker[0] != '\0'
               ? checkpoint->last.blocker
               : "a program (fuser shows which have the file open)";
}

static void tell_stuck(struct checkpoint *checkpoint, uint64_t now_ms)
{
    if (checkpoint->is_told ||
        now_ms - checkpoint->stuck_since_ms < CHECKPOINT_TELL_MS) {
        return;
    }
    checkpoint->is_told = true;
    if (checkpoint->last.has_failed) {
        inbox_warn(checkpoint->inbox,
                   "inbox %s: its -wal file cannot be copied to the inbox, and "
                   "grows: %s",
                   inbox_name(checkpoint->inbox), checkpoint->last.why.text);
        return;
    }
    inbox_warn(checkpoint->inbox,
               "inbox %s: its -wal file has grown to %lld MB because %s has "
               "kept a read transaction open for %llu s: end that transaction",
               inbox_name(checkpoint->inbox),
               (long long)checkpoint->last.log_frames * FRAME_SIZE / 1000000,
               blocker_of(checkpoint),
               (unsigned long long)(now_ms - checkpoint->stuck_since_ms) /
                   1000);
}

static void note_progress(struct checkpoint *checkpoint)
{
    checkpoint->copied = (size_t)checkpoint->last.copied_frames;
    checkpoint->stuck_since_ms = 0;
    checkpoint->is_finish_due =
        checkpoint->last.copied_frames == checkpoint->last.log_frames;
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
    checkpoint->last = checkpoint->next;
    if (!checkpoint->last.has_failed &&
        (checkpoint->last.copied_frames > (int)checkpoint->copied ||
         checkpoint->last.copied_frames == checkpoint->last.log_frames)) {
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

/* The limit, but never more than half of the space that the WAL has or could
 * have. */
static uint64_t hold_limit(const struct checkpoint *checkpoint,
                           uint64_t wal_bytes)
{
    uint64_t half = (wal_bytes + checkpoint->last.free_bytes) / 2;
    uint64_t limit =
        checkpoint->wal_bytes_max > 0 ? checkpoint->wal_bytes_max : UINT64_MAX;

    half = half < CHECKPOINT_HOLD_MIN ? CHECKPOINT_HOLD_MIN : half;
    return limit < half ? limit : half;
}

bool checkpoint_must_hold(const struct checkpoint *checkpoint,
                          size_t wal_frames, struct reason *why)
{
    uint64_t wal_bytes = (uint64_t)wal_frames * FRAME_SIZE;

    if (checkpoint->stuck_since_ms == 0 || wal_frames <= checkpoint->copied ||
        wal_bytes <= hold_limit(checkpoint, wal_bytes)) {
        return false;
    }
    if (checkpoint->last.has_failed) {
        (void)reason_set(why, 0,
                         "%s: storing waits, because its -wal file has %llu MB "
                         "and cannot be copied: %s",
                         checkpoint->reader->path,
                         (unsigned long long)wal_bytes / 1000000,
                         checkpoint->last.why.text);
    } else {
        (void)reason_set(why, 0,
                         "%s: storing waits until %s ends its read "
                         "transaction, because the -wal file has %llu MB",
                         checkpoint->reader->path, blocker_of(checkpoint),
                         (unsigned long long)wal_bytes / 1000000);
    }
    return true;
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
