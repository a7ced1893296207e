/*
 * files.c - batches as files, one after the other, step by step (files_job.c):
 *
 *   - the queue's folder PATH/SERVER/QUEUE is opened, or made;
 *   - the messages are written to a file whose name begins with a dot;
 *   - that is synced;
 *   - it gets its own name: whoever looks for files sees whole ones only;
 *   - the folder is synced, and must still be where it was.
 *
 * A name is the batch's place (outlet.h), so that names sort in the order in
 * which messages were to go out, and its key: what goes out again with the
 * same messages replaces its file, if nobody has taken that yet. Nothing else
 * is ever replaced.
 *
 * Failures:
 *
 *   - disk full, no permission, folder gone ...: that batch is to come again;
 *     what there is of its file is removed;
 *   - a name that the file system does not take: rejected;
 *   - PATH itself is missing: not made again, as its disk may be unmounted;
 *   - the process dies: the file with the dot stays, and is replaced by the
 *     next one of its queue. No other process has the folder: it is locked.
 */
#include "sinks/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/durable.h"
#include "sinks/files_job.h"
#include "sinks/ledger_kind.h"
#include "sinks/record_sink.h"
#include "sinks/sink_reason.h"

/* Messages are private: sharing them is the operator's decision. */
#define FILES_FOLDER_MODE 0700
#define FILES_FILE_MODE 0600

struct files_outlet {
    struct outlet base;     /* */
    struct files_root root; /* its path is owned */
    int folder;             /* descriptor, locked */
};

/* -- Batches -------------------------------------------------------------- */

/* To have several on their way together, so that the disk might make them
 * durable at a time, was tried: it is no faster. */
static void batch_deliver(struct files_outlet *outlet,
                          struct outlet_batch *batch)
{
    static void (*const steps[])(struct files_job *) = {
        files_job_open, files_job_write,  files_job_sync,
        files_job_show, files_job_settle,
    };
    struct files_job job;

    files_job_init(&job, &outlet->root, batch);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (!job.has_failed) {
            steps[i](&job);
        }
    }
    files_job_end(&job);
}

static void files_deliver(struct outlet *base, struct outlet_batch *batches,
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        batch_deliver((struct files_outlet *)base, &batches[i]);
    }
}

static void files_close(struct outlet *base)
{
    struct files_outlet *outlet = (struct files_outlet *)base;

    if (outlet->folder >= 0) {
        (void)close(outlet->folder); /* nothing was written through it */
    }
    free(outlet->root.path);
    free(outlet);
}

static const struct outlet_type files_type = {
    .deliver = files_deliver,
    .close = files_close,
};

/* -- Opening -------------------------------------------------------------- */

static int folder_error(const char *path, const char *what, int number,
                        char *why, size_t why_size)
{
    sink_reason_errno(why, why_size, path, what, number);
    return HAPLO_EINVAL;
}

/* A group that may write to the folder, which is no default anywhere, is to
 * take files away, and may read them. */
static int modes_read(struct files_outlet *outlet)
{
    struct stat status;

    if (fstat(outlet->folder, &status) != 0) {
        return errno;
    }
    outlet->root.folder_mode = FILES_FOLDER_MODE;
    outlet->root.file_mode = FILES_FILE_MODE;
    if ((status.st_mode & S_IWGRP) != 0) {
        outlet->root.folder_mode |= status.st_mode & S_IRWXG;
        outlet->root.file_mode |= status.st_mode & S_IRGRP;
    }
    return 0;
}

/* Where a file system cannot lock folders, others are not kept out. */
static int folder_lock(const struct files_outlet *outlet, char *why,
                       size_t why_size)
{
    if (flock(outlet->folder, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        sink_reason(why, why_size,
                    "%s: in use by another haplo-poll, or by another sink: "
                    "give each a folder of its own",
                    outlet->root.path);
        return HAPLO_EBUSY;
    }
    return 0;
}

static int outlet_setup(struct files_outlet *outlet, char *why, size_t why_size)
{
    const char *path = outlet->root.path;
    const char *what;
    int error = durable_make_folder(path, FILES_FOLDER_MODE, &what);

    if (error != 0) {
        return folder_error(path, what, error, why, why_size);
    }
    outlet->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (outlet->folder < 0) {
        return folder_error(path, "cannot be opened", errno, why, why_size);
    }
    error = modes_read(outlet);
    if (error != 0) {
        return folder_error(path, "cannot be read", error, why, why_size);
    }
    if (faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS) != 0) {
        return folder_error(path, "cannot be written", errno, why, why_size);
    }
    return folder_lock(outlet, why, why_size);
}

int files_outlet_open(const char *path, struct outlet **out, char *why,
                      size_t why_size)
{
    struct files_outlet *outlet = calloc(1, sizeof(*outlet));
    int result;

    *out = NULL;
    if (outlet != NULL) {
        outlet->base.type = &files_type;
        outlet->folder = -1;
        outlet->root.path = strdup(path);
    }
    if (outlet == NULL || outlet->root.path == NULL) {
        free(outlet);
        sink_reason(why, why_size, "%s: out of memory", path);
        return HAPLO_ENOMEM;
    }
    result = outlet_setup(outlet, why, why_size);
    if (result != 0) {
        files_close(&outlet->base);
        return result;
    }
    *out = &outlet->base;
    return 0;
}

/* A first epoch: no queue has a thousand marks a second, so that no place is
 * given out a second time, not even if the ledger was lost. A receiver would
 * take what is there then for repeats. */
static uint64_t wall_clock_ms(void)
{
    struct timespec now = {.tv_sec = 0};

    (void)clock_gettime(CLOCK_REALTIME, &now); /* there is such a clock */
    return now.tv_sec > 0
               ? (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000
               : 0;
}

int files_sink_open(uv_loop_t *loop, const char *name, const char *path,
                    const char *ledger_path, struct sink **out, char *why,
                    size_t why_size)
{
    struct record_sink_options options = {
        .type_name = "files",
        .first_epoch = wall_clock_ms(),
        .name = name,
        .kind = &ledger_kind,
        .path = ledger_path,
    };
    int result = files_outlet_open(path, &options.outlet, why, why_size);

    *out = NULL;
    if (result == 0) {
        result = record_sink_open(loop, &options, out, why, why_size);
    }
    if (result != 0 && options.outlet != NULL) {
        options.outlet->type->close(options.outlet);
    }
    return result;
}
