/*
 * files.c - the outlet that writes files. A parcel becomes a file, step by
 * step (files_job.c):
 *
 *   - The folder of the queue, PATH/SERVER/QUEUE, is opened or created.
 *   - The messages are written to a file whose name begins with a dot.
 *   - That file is synced.
 *   - It is renamed, so that receivers see only complete files.
 *   - The folder is synced, and must still be in place.
 *
 * A name consists of the arrival of the first message and a hash of all
 * messages. So names sort in order of arrival, and a parcel that is delivered
 * again after a crash replaces its file, if that has not been taken yet.
 * Nothing else is ever replaced.
 *
 * Failures:
 *
 *   - PATH itself is missing, or is another folder than the one that was
 *     opened first: broken. It is not created again, because its disk may be
 *     unmounted; then what was written would be below its mount point.
 *   - The disk is full, damaged or read-only: broken.
 *   - The file system does not accept a name: refused.
 *   - Anything else, such as a lack of permission for the folder of one queue:
 *     this parcel is retried, and its partial file removed.
 *   - The process dies: the file with the dot remains, and the next one of its
 *     queue replaces it. No other process uses the folder, since it is locked.
 */
#include "outlets/files/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/durable.h"
#include "base/errno_reason.h"
#include "outlets/files/files_job.h"
#include "outlets/id_set.h"

/* Messages are private; sharing them is up to the operator. */
#define FILES_FOLDER_MODE 0700
#define FILES_FILE_MODE 0600

struct files {
    struct files_root root;   /* shared by all jobs */
    bool is_test;             /* another process may use PATH */
    int folder;               /* locked descriptor of PATH, or -1 */
    dev_t device;             /* of PATH */
    ino_t inode;              /* the same */
    struct id_set prepared;   /* queues whose folders are durable */
    char day[FILES_DAY_SIZE]; /* of these folders, if they are one for a day */
};

/* Files */

static int tell_replaced(const char *path, struct reason *why)
{
    return reason_set(
        why, HAPLO_EINVAL,
        "%s: is another folder than the one that was used so far: "
        "put that one back (is its disk mounted?), or restart "
        "haplo-poll to use this one",
        path);
}

/* Before a parcel, and after it has been written. */
static int root_check(const struct files *files, struct reason *why)
{
    struct stat named;

    if (stat(files->root.path, &named) != 0) {
        return errno_reason_set(why, HAPLO_EINVAL, files->root.path,
                                "cannot be opened", errno);
    }
    return named.st_dev == files->device && named.st_ino == files->inode
               ? 0
               : tell_replaced(files->root.path, why);
}

static bool is_of_the_disk(int error)
{
    return error == ENOSPC || error == EDQUOT || error == EROFS ||
           error == EIO || error == EMFILE || error == ENFILE;
}

static enum outlet_verdict verdict_of(const struct files *files,
                                      const struct files_job *job)
{
    if (job->error == 0) {
        return OUTLET_DELIVERED;
    }
    if (job->is_name_bad || job->is_data_bad) {
        return OUTLET_REFUSED;
    }
    return is_of_the_disk(job->error) || root_check(files, NULL) != 0
               ? OUTLET_BROKEN
               : OUTLET_RETRY;
}

/* What is known of folders holds for those of one day: messages of two days
 * take turns only in a replay. */
static void day_set(struct files *files, const struct inbox_message *message)
{
    char day[FILES_DAY_SIZE];

    files_job_day(message, day);
    if (files->root.has_dates && strcmp(day, files->day) != 0) {
        id_set_free(&files->prepared);
        files->prepared = (struct id_set){.bits = NULL};
        memcpy(files->day, day, sizeof(day));
    }
}

/* One file at a time. The folder of the queue is opened by its path, and PATH
 * must be in place before and after. Writing several concurrently, so that the
 * disk could sync them together, was not faster. REFUSED because of the data
 * sets *readable to the number of messages before the bad one. */
static enum outlet_verdict file_deliver(struct files *files,
                                        struct outlet_parcel *parcel,
                                        size_t count, size_t *readable)
{
    static void (*const steps[])(struct files_job *) = {
        files_job_open, files_job_write,  files_job_sync,
        files_job_show, files_job_settle,
    };
    const struct inbox_message *messages =
        parcel->messages + parcel->delivered_count;
    uint64_t queue_id = messages[0].queue_id;
    struct reason *why = &parcel->why;
    struct files_job job = {
        .root = &files->root,
        .parcel = parcel,
        .messages = messages,
        .count = count,
        .why = why,
    };
    enum outlet_verdict verdict;

    *readable = 0;
    if (root_check(files, why) != 0) {
        return OUTLET_BROKEN;
    }
    day_set(files, messages);
    job.is_prepared = id_set_has(&files->prepared, queue_id);
    files_job_init(&job);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (job.error == 0) {
            steps[i](&job);
        }
    }
    id_set_put(&files->prepared, queue_id, job.is_prepared);
    verdict = verdict_of(files, &job);
    if (job.is_data_bad) {
        *readable = job.written;
    }
    files_job_end(&job);
    return verdict == OUTLET_DELIVERED && root_check(files, why) != 0
               ? OUTLET_BROKEN
               : verdict;
}

/* Format raw has no lines: each message becomes a file, too. If a message is
 * not readable, those before it become a file without it. */
static void files_deliver(void *state, struct outlet_parcel *parcel,
                          const atomic_bool *is_ending)
{
    struct files *files = state;
    bool is_single = files->root.is_per_message ||
                     parcel->messages[0].format == HAPLO_FORMAT_RAW;
    size_t readable = 0;

    (void)is_ending; /* waiting for a disk cannot be interrupted */
    do {
        size_t left = parcel->count - parcel->delivered_count;
        size_t count = is_single ? 1 : readable > 0 ? readable : left;

        parcel->verdict = file_deliver(files, parcel, count, &readable);
        if (parcel->verdict == OUTLET_DELIVERED) {
            parcel->delivered_count += count;
        }
    } while (readable > 0 || (parcel->verdict == OUTLET_DELIVERED &&
                              parcel->delivered_count < parcel->count));
    if (parcel->verdict == OUTLET_DELIVERED) {
        parcel->why.text[0] = '\0'; /* of a file that had to be shorter */
    }
}

static void files_close(void *state)
{
    struct files *files = state;

    if (files->folder >= 0) {
        (void)close(files->folder); /* read-only, so errors do not matter */
    }
    id_set_free(&files->prepared);
    files_sink_close(&files->root.sink);
    csv_close(files->root.csv);
    free(files);
}

/* Opening */

/* If the group may write to the folder (never the default), it is meant to
 * take files, so it may read them as well. */
static void modes_set(struct files *files, mode_t mode)
{
    files->root.folder_mode = FILES_FOLDER_MODE;
    files->root.file_mode = FILES_FILE_MODE;
    if ((mode & S_IWGRP) != 0) {
        files->root.folder_mode |= mode & S_IRWXG;
        files->root.file_mode |= mode & S_IRGRP;
    }
}

/* The folder must be the one that was open before, if any was. */
static int folder_identify(struct files *files, struct blocking_memory *memory,
                           struct reason *why)
{
    struct stat status;

    if (fstat(files->folder, &status) != 0) {
        return errno_reason_set(why, HAPLO_EINVAL, files->root.path,
                                "cannot be read", errno);
    }
    if (memory->was_open &&
        (memory->device != status.st_dev || memory->inode != status.st_ino)) {
        return tell_replaced(files->root.path, why);
    }
    files->device = memory->device = status.st_dev;
    files->inode = memory->inode = status.st_ino;
    modes_set(files, status.st_mode);
    return 0;
}

/* On file systems without locks for folders, others are not kept out. */
static int folder_lock(const struct files *files, struct reason *why)
{
    if (flock(files->folder, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        return reason_set(why, HAPLO_EBUSY,
                          "%s: in use by another haplo-poll, or by another "
                          "outlet: give each its own folder",
                          files->root.path);
    }
    return 0;
}

static int files_setup(struct files *files, struct blocking_memory *memory,
                       struct reason *why)
{
    const char *path = files->root.path;
    const char *what = "";
    int error = memory->was_open
                    ? 0
                    : durable_make_folder(path, FILES_FOLDER_MODE, &what);

    if (error != 0) {
        return errno_reason_set(why, HAPLO_EINVAL, path, what, error);
    }
    files->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (files->folder < 0) {
        return errno_reason_set(why, HAPLO_EINVAL, path, "cannot be opened",
                                errno);
    }
    if (folder_identify(files, memory, why) != 0) {
        return HAPLO_EINVAL;
    }
    if (faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS) != 0) {
        return errno_reason_set(why, HAPLO_EINVAL, path, "cannot be written",
                                errno);
    }
    return files->is_test ? 0 : folder_lock(files, why);
}

/* How messages become files. */
static int format_setup(struct files *files,
                        const struct files_options *options,
                        const char *inbox_uuid, struct reason *why)
{
    struct files_root *root = &files->root;

    root->path = options->path;
    root->inbox_uuid = inbox_uuid;
    root->is_per_message = options->per == FILES_PER_MESSAGE;
    root->has_dates = options->folders == FILES_FOLDERS_DATE;
    if (files_sink_open(&root->sink, options->is_gzip) != 0) {
        return reason_set(why, HAPLO_ENOMEM, "%s: out of memory", root->path);
    }
    return options->format == FILES_CSV
               ? csv_open(&root->csv, options->columns,
                          options->formulas == FILES_FORMULAS_ESCAPED,
                          inbox_uuid, why)
               : 0;
}

static int files_open(const struct outlet_setting *setting,
                      struct blocking_memory *memory, void **state,
                      struct reason *why)
{
    const struct files_options *options = setting->options;
    struct files *files = calloc(1, sizeof(*files));
    int result;

    if (files == NULL) {
        return reason_set(why, HAPLO_ENOMEM, "%s: out of memory",
                          options->path);
    }
    files->folder = -1;
    files->is_test = setting->is_test;
    result = format_setup(files, options, setting->inbox_uuid, why);
    if (result == 0) {
        result = files_setup(files, memory, why);
    }
    if (result != 0) {
        files_close(files);
        return result;
    }
    *state = files;
    return 0;
}

/* The type */

const struct blocking_ops files_ops = {
    .open = files_open,
    .deliver = files_deliver,
    .close = files_close,
};

static int files_start(const struct outlet_setting *setting,
                       struct outlet **out, struct reason *why)
{
    return blocking_open(setting, &files_ops, out, why);
}

const struct outlet_type files_outlet_type = {
    .name = "files",
    .help = "Each batch or message becomes a file, in a folder for each queue.",
    .options = files_option_rows,
    .option_count = FILES_OPTION_COUNT,
    .options_size = sizeof(struct files_options),
    .in_flight_max = 4, /* one is being written, the next are ready */
    .is_local = true,
    .check = files_options_check,
    .open = files_start,
    .deliver = blocking_deliver,
    .close = blocking_close,
};
