/*
 * disk_space.c - keeps some of the disk free for what must go on when no more
 * messages are taken: the WAL, checkpoints, confirmed states, the progress of
 * outlets, and the deletion of old messages.
 *
 *   - After groups, at most every LOOK_MS, the helper asks for the free space.
 *     So a process that stores nothing does not wake up for this.
 *   - Below the limit, the inbox is told that space is short: it stores no
 *     more messages, and the daemon stops fetching. Then the helper looks every
 *     SHORT_MS.
 *   - Once a quarter more than the limit is free, the inbox is told that too.
 *
 * The limit is never more than a part of the disk, so that it suits small ones.
 * If the system does not say how much is free, space is taken to be ample:
 * SQLite's own error says when it is not.
 */
#include "inbox/sqlite/disk_space.h"

#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/container_of.h"

#define LOOK_MS 200
#define SHORT_MS 1000
#define DISK_PART 20 /* the limit is at most this part of the disk */
#define PATH_SIZE_MAX 4300

static uint64_t wal_bytes(const char *path)
{
    char wal[PATH_SIZE_MAX];
    struct stat status;

    (void)snprintf(wal, sizeof(wal), "%s-wal", path);
    return stat(wal, &status) == 0 ? (uint64_t)status.st_size : 0;
}

void disk_space_look(struct disk_space *space)
{
    struct statvfs disk;

    if (space->free_bytes_min == 0 || statvfs(space->path, &disk) != 0) {
        space->disk_bytes = 0;
        return;
    }
    space->free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
    space->disk_bytes = (uint64_t)disk.f_blocks * disk.f_frsize;
    space->wal_bytes = wal_bytes(space->path);
}

static uint64_t limit_of(const struct disk_space *space)
{
    uint64_t part = space->disk_bytes / DISK_PART;

    return space->free_bytes_min < part ? space->free_bytes_min : part;
}

static bool is_now_short(const struct disk_space *space)
{
    uint64_t limit = limit_of(space);

    if (space->disk_bytes == 0) {
        return false;
    }
    return space->free_bytes < (space->is_short ? limit + limit / 4 : limit);
}

static double mb(uint64_t bytes)
{
    return (double)bytes / 1000000;
}

/* Once, while there is still time to do something about it. */
static void warn_early(struct disk_space *space)
{
    uint64_t limit = limit_of(space);

    if (space->disk_bytes == 0 || space->free_bytes > 3 * limit) {
        space->is_warned = false;
    } else if (space->free_bytes < 2 * limit && !space->is_warned &&
               !is_now_short(space)) {
        space->is_warned = true;
        inbox_warn(space->inbox,
                   "%s: its disk will soon be full: %.1f MB are free, and "
                   "nothing is fetched below %.1f MB (free_space_min)",
                   space->path, mb(space->free_bytes), mb(limit));
    }
}

static void note(struct disk_space *space)
{
    struct reason why;
    bool was_short = space->is_short;
    const struct inbox_disk disk = {.free_bytes = space->free_bytes,
                                    .disk_bytes = space->disk_bytes,
                                    .wal_bytes = space->wal_bytes};

    inbox_store_disk(space->inbox, &disk);
    warn_early(space);
    space->is_short = is_now_short(space);
    if (space->is_short == was_short) {
        return;
    }
    if (space->is_short) {
        (void)reason_set(&why, 0,
                         "%s: only %.1f MB are free on its disk, and %.1f MB "
                         "are reserved (free_space_min): make room",
                         space->path, mb(space->free_bytes),
                         mb(limit_of(space)));
    } else {
        (void)reason_set(&why, 0, "%s: %.1f MB are free on its disk",
                         space->path, mb(space->free_bytes));
    }
    inbox_store_space(space->inbox, space->is_short, why.text);
}

/* Looking */

static void look_work(struct worker_job *job)
{
    disk_space_look(container_of(job, struct disk_space, job));
}

static void closed(struct disk_space *space);
static void on_due(uv_timer_t *timer);

/* The timer does not keep the loop alive, as a look does. */
static void look_done(struct worker_job *job)
{
    struct disk_space *space = container_of(job, struct disk_space, job);

    space->is_running = false;
    if (space->closed_cb != NULL) {
        closed(space);
        return;
    }
    note(space);
    space->next_ms = uv_now(space->loop) + LOOK_MS;
    if (space->is_short) {
        (void)uv_timer_start(&space->timer, on_due, SHORT_MS, 0);
    }
}

static void look_start(struct disk_space *space)
{
    space->is_running = true;
    space->job.work_cb = look_work;
    space->job.done_cb = look_done;
    worker_submit(space->helper, &space->job);
}

static void on_due(uv_timer_t *timer)
{
    struct disk_space *space = timer->data;

    if (!space->is_running) {
        look_start(space);
    }
}

void disk_space_consider(struct disk_space *space)
{
    uint64_t now_ms = uv_now(space->loop);

    if (space->free_bytes_min == 0 || space->is_running ||
        space->closed_cb != NULL) {
        return;
    }
    if (now_ms >= space->next_ms) {
        look_start(space);
    } else if (uv_is_active((uv_handle_t *)&space->timer) == 0) {
        (void)uv_timer_start(&space->timer, on_due, space->next_ms - now_ms, 0);
    }
}

/* Opening and closing */

void disk_space_open(struct disk_space *space)
{
    (void)uv_timer_init(space->loop, &space->timer);
    uv_unref((uv_handle_t *)&space->timer);
    space->timer.data = space;
    note(space);
    if (space->is_short) {
        (void)uv_timer_start(&space->timer, on_due, SHORT_MS, 0);
    }
}

static void on_timer_closed(uv_handle_t *timer)
{
    struct disk_space *space = timer->data;

    space->closed_cb(space);
}

static void closed(struct disk_space *space)
{
    uv_close((uv_handle_t *)&space->timer, on_timer_closed);
}

void disk_space_close(struct disk_space *space, disk_space_closed_cb closed_cb)
{
    space->closed_cb = closed_cb;
    if (!space->is_running) {
        closed(space);
    }
}
