#include "outlets/files_job.h"

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
#include "outlets/message_id.h"
#include "outlets/ndjson.h"

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

/* Arrivals are padded, so that names sort in the same order. */
static void name_write(struct files_job *job)
{
    const struct inbox_message *first = &job->messages[0];
    int size = snprintf(
        job->name, sizeof(job->name), "%016" PRIu64 "-%016" PRIx64 ".%s",
        first->arrival,
        message_id_hash(job->messages, job->count, job->root->inbox_uuid),
        first->format == HAPLO_FORMAT_RAW ? "raw" : "ndjson");

    assert(size > 0 && size < FILES_NAME_SIZE);
    (void)size;
}

static bool is_folder_name(const char *name)
{
    return strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
           strchr(name, '/') == NULL;
}

void files_job_init(struct files_job *job)
{
    const struct inbox_message *first = &job->messages[0];
    int size;

    job->error = 0;
    job->is_name_bad = false;
    job->is_hidden = false;
    job->folder = -1;
    job->file = -1;
    name_write(job);
    size = snprintf(job->path, sizeof(job->path), "%s/%s/%s", job->root->path,
                    first->server, first->queue);
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

/* Does not create the root folder again: its disk may be unmounted. */
static bool folders_make(struct files_job *job)
{
    char server[PATH_MAX];

    (void)snprintf(server, sizeof(server), "%s", job->path);
    *strrchr(server, '/') = '\0';
    return folder_make(job, server) && folder_make(job, job->path);
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

static int buffer_flush(struct files_job *job)
{
    const char *data = job->root->buffer;
    size_t left = job->root->buffered;

    job->root->buffered = 0;
    while (left > 0) {
        ssize_t size = write(job->file, data, left);

        if (size < 0 && errno == EINTR) {
            continue;
        }
        if (size <= 0) {
            return size < 0 ? errno : EIO;
        }
        data += size;
        left -= (size_t)size;
    }
    return 0;
}

/* Writes bytes; as part of a line unless ndjson is NULL. */
static int bytes_add(struct files_job *job, struct haplo_slice bytes,
                     struct ndjson *ndjson)
{
    struct files_root *root = job->root;
    int error = 0;

    while (bytes.size > 0 && error == 0) {
        size_t room = FILES_BUFFER_SIZE - root->buffered;
        size_t size = bytes.size < room ? bytes.size : room;
        char *out = root->buffer + root->buffered;

        if (ndjson != NULL) {
            root->buffered += ndjson_pack(ndjson, bytes.data, size, out);
        } else {
            memcpy(out, bytes.data, size);
            root->buffered += size;
        }
        bytes.data += size;
        bytes.size -= size;
        if (root->buffered == FILES_BUFFER_SIZE) {
            error = buffer_flush(job);
        }
    }
    return error;
}

static int line_add(struct files_job *job, const struct inbox_message *message)
{
    static const struct haplo_slice newline = {"\n", 1};
    struct ndjson ndjson = {.in_string = false};
    int error = bytes_add(job, message->body, &ndjson);

    return error == 0 ? bytes_add(job, newline, NULL) : error;
}

static int messages_write(struct files_job *job)
{
    int error = 0;

    if (job->messages[0].format == HAPLO_FORMAT_RAW) {
        assert(job->count == 1);
        error = bytes_add(job, job->messages[0].body, NULL);
    } else {
        for (size_t i = 0; i < job->count && error == 0; i++) {
            error = line_add(job, &job->messages[i]);
        }
    }
    return error == 0 ? buffer_flush(job) : error;
}

void files_job_write(struct files_job *job)
{
    int error = hidden_open(job);

    job->is_hidden = job->file >= 0;
    if (error == 0) {
        job->root->buffered = 0;
        error = messages_write(job);
    }
    if (error != 0) {
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
