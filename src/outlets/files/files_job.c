#include "outlets/files/files_job.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/durable.h"
#include "base/errno_reason.h"
#include "base/file_mode.h"
#include "base/wall_clock.h"
#include "outlets/message_id.h"

/* The name of a file while it is being written. Not *.ndjson, since some
 * programs would find it in spite of the dot. */
#define HIDDEN_NAME ".writing"

/* Failures */

static void job_fail(struct files_job *job, const char *path, const char *what,
                     int number)
{
    job->error = number != 0 ? number : EIO;
    (void)errno_reason_set(job->why, 0, path, what, number);
}

/* The same, if the file system may never accept the name. */
static void job_fail_name(struct files_job *job, const char *path,
                          const char *what, int number)
{
    job_fail(job, path, what, number);
    job->is_name_bad =
        number == EILSEQ || number == EINVAL || number == ENAMETOOLONG;
}

static void job_fail_file(struct files_job *job, const char *what, int number)
{
    char path[PATH_MAX + FILES_NAME_SIZE];

    (void)snprintf(path, sizeof(path), "%s/%s", job->path, job->name);
    job_fail(job, path, what, number);
}

/* Names */

static const char *kind_of(const struct files_job *job)
{
    return job->messages[0].format == HAPLO_FORMAT_RAW ? "raw"
           : job->root->csv != NULL                    ? "csv"
           : job->root->is_per_message                 ? "json"
                                                       : "ndjson";
}

/* Arrivals are padded, so that names sort in the same order. */
static void name_write(struct files_job *job)
{
    const struct outlet_parcel *parcel = job->parcel;
    char replay[32] = "";
    int size;

    if (parcel->has_new_ids) {
        (void)snprintf(replay, sizeof(replay), "-r%" PRIu64, parcel->replay_id);
    }
    size = snprintf(
        job->name, sizeof(job->name), "%016" PRIu64 "-%016" PRIx64 "%s.%s%s",
        job->messages[0].arrival,
        message_id_hash(job->messages, job->count, job->root->inbox_uuid),
        replay, kind_of(job), job->root->sink.is_gzip ? ".gz" : "");
    assert(size > 0 && size < FILES_NAME_SIZE);
    (void)size;
}

void files_job_day(const struct inbox_message *message,
                   char day[FILES_DAY_SIZE])
{
    char text[WALL_CLOCK_TEXT_SIZE];

    (void)snprintf(day, FILES_DAY_SIZE, "%.10s",
                   wall_clock_text(message->received_at_ms, text));
}

static bool is_folder_name(const char *name)
{
    return strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
           strchr(name, '/') == NULL;
}

void files_job_init(struct files_job *job)
{
    const struct inbox_message *first = &job->messages[0];
    char day[FILES_DAY_SIZE] = "";
    int size;

    job->error = 0;
    job->is_name_bad = false;
    job->is_data_bad = false;
    job->is_hidden = false;
    job->written = 0;
    job->folder = -1;
    job->file = -1;
    name_write(job);
    if (job->root->has_dates) {
        files_job_day(first, day);
    }
    size =
        snprintf(job->path, sizeof(job->path), "%s/%s/%s%s%s", job->root->path,
                 first->server, first->queue, day[0] != '\0' ? "/" : "", day);
    if (size < 0 || (size_t)size >= sizeof(job->path)) {
        job_fail_name(job, job->path, "cannot be made", ENAMETOOLONG);
    } else if (!is_folder_name(first->server) ||
               !is_folder_name(first->queue)) {
        job_fail_name(job, job->path, "cannot be a folder's name", EINVAL);
    }
}

/* The folder */

static bool folder_make(struct files_job *job, const char *path)
{
    const char *what;
    int error = durable_make_folder(path, job->root->folder_mode, &what);

    if (error != 0) {
        job_fail_name(job, path, what, error);
    }
    return error == 0;
}

/* Those below the root folder, from the top. Does not create that again: its
 * disk may be unmounted. */
static bool folders_make(struct files_job *job)
{
    char *slash = job->path + strlen(job->root->path);
    bool is_made = true;

    while (is_made && slash != NULL) {
        slash = strchr(slash + 1, '/');
        if (slash != NULL) {
            *slash = '\0';
        }
        is_made = folder_make(job, job->path);
        if (slash != NULL) {
            *slash = '/';
        }
    }
    return is_made;
}

static int folder_open(struct files_job *job)
{
    job->folder = open(job->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return job->folder >= 0 ? 0 : errno;
}

void files_job_open(struct files_job *job)
{
    int error = job->is_prepared ? folder_open(job) : ENOENT;

    if (error == ENOENT) {
        job->is_prepared = folders_make(job);
        if (!job->is_prepared) {
            return;
        }
        error = folder_open(job);
    }
    if (error != 0) {
        job_fail(job, job->path, "cannot be opened", error);
    }
}

/* The file */

/* Never opens an existing file, which may be a link to another. */
static int hidden_open(struct files_job *job)
{
    const mode_t mode = job->root->file_mode;
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;

    job->file = openat(job->folder, HIDDEN_NAME, flags, mode);
    if (job->file < 0 && errno == EEXIST) {
        if (unlinkat(job->folder, HIDDEN_NAME, 0) != 0) {
            return errno;
        }
        job->file = openat(job->folder, HIDDEN_NAME, flags, mode);
    }
    return job->file >= 0 ? file_mode_set(job->file, mode) : errno;
}

static int line_add(struct files_job *job, const struct inbox_message *message)
{
    static const struct haplo_slice newline = {"\n", 1};
    struct ndjson ndjson = {.in_string = false};
    int error = files_sink_add(&job->root->sink, message->body, &ndjson);

    return error == 0 ? files_sink_add(&job->root->sink, newline, NULL) : error;
}

static int row_add(struct files_job *job, const struct inbox_message *message)
{
    struct haplo_slice line;
    int result = csv_row(job->root->csv, message, job->parcel, &line);

    job->is_data_bad = result == HAPLO_EDOCUMENT;
    return result == 0 ? files_sink_add(&job->root->sink, line, NULL)
           : result == HAPLO_ENOMEM ? ENOMEM
                                    : EBADMSG;
}

static int header_add(struct files_job *job)
{
    struct haplo_slice line;

    return csv_header(job->root->csv, &line) == 0
               ? files_sink_add(&job->root->sink, line, NULL)
               : ENOMEM;
}

static int messages_write(struct files_job *job)
{
    const struct files_root *root = job->root;
    bool is_raw = job->messages[0].format == HAPLO_FORMAT_RAW;
    bool is_csv = root->csv != NULL && !is_raw;
    int error = is_csv ? header_add(job) : 0;

    for (; error == 0 && job->written < job->count; job->written++) {
        const struct inbox_message *message = &job->messages[job->written];

        error = is_csv ? row_add(job, message)
                : is_raw || root->is_per_message
                    ? files_sink_add(&job->root->sink, message->body, NULL)
                    : line_add(job, message);
        if (error != 0) {
            return error;
        }
    }
    return error == 0 ? files_sink_end(&job->root->sink) : error;
}

void files_job_write(struct files_job *job)
{
    int error = hidden_open(job);

    job->is_hidden = job->file >= 0;
    if (error == 0) {
        files_sink_begin(&job->root->sink, job->file);
        error = messages_write(job);
    }
    if (job->is_data_bad) {
        job->error = error;
        (void)reason_set(job->why, 0,
                         "%s: the message is not JSON, or nested too deeply: "
                         "it has no columns",
                         job->path);
    } else if (error != 0) {
        job_fail_file(job, "cannot be written", error);
    }
}

void files_job_sync(struct files_job *job)
{
    int error = durable_file(job->file);

    if (close(job->file) != 0 && error == 0) {
        error = errno;
    }
    job->file = -1;
    if (error != 0) {
        job_fail_file(job, "cannot be made durable", error);
    }
}

void files_job_show(struct files_job *job)
{
    if (renameat(job->folder, HIDDEN_NAME, job->folder, job->name) != 0) {
        job_fail_file(job, "cannot be named", errno);
        return;
    }
    job->is_hidden = false;
}

/* Receivers must be able to find the folder. */
static bool folder_is_in_place(const struct files_job *job)
{
    struct stat open_one;
    struct stat named;

    return fstat(job->folder, &open_one) == 0 && stat(job->path, &named) == 0 &&
           open_one.st_dev == named.st_dev && open_one.st_ino == named.st_ino;
}

void files_job_settle(struct files_job *job)
{
    int error = durable_folder(job->folder);

    if (error != 0) {
        job_fail(job, job->path, "its names cannot be made durable", error);
    } else if (!folder_is_in_place(job)) {
        job->error = ESTALE;
        (void)reason_set(job->why, 0,
                         "%s: was moved or removed while in use: take files "
                         "out of it, but leave the folder where it is",
                         job->path);
    }
}

void files_job_end(struct files_job *job)
{
    if (job->is_hidden) {
        /* If this fails, the next file of the queue replaces it. */
        (void)unlinkat(job->folder, HIDDEN_NAME, 0);
    }
    if (job->file >= 0) {
        (void)close(job->file); /* an error has been reported already */
    }
    if (job->folder >= 0) {
        (void)close(job->folder); /* read-only, so errors do not matter */
    }
}
