/*
 * shared_stream.c - writing without blocking, although O_NONBLOCK must not be
 * set: that would affect the other processes that share the descriptor.
 *
 *   - A pipe or a terminal is opened again, with O_NONBLOCK for us alone.
 *   - A socket has a flag for each call.
 *   - Before each write, the thread waits with poll(2), and looks regularly
 *     whether it should stop.
 *
 * Failures:
 *
 *   - It cannot be opened again (it belongs to another user, /proc is not
 *     mounted): then at most PIPE_BUF bytes are written at once, for which a
 *     pipe has room after poll(2) unless another process fills it just then.
 */
#include "outlets/shared_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define POLL_MS 100 /* how often is_ending is checked */

static void open_again(struct shared_stream *stream)
{
    char path[64];
    int own;

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", stream->descriptor);
    own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (own >= 0) {
        stream->descriptor = own;
        stream->is_own = true;
    }
}

int shared_stream_open(struct shared_stream *stream, int descriptor)
{
    struct stat status;

    if (fstat(descriptor, &status) != 0) {
        return errno;
    }
    *stream = (struct shared_stream){.descriptor = descriptor,
                                     .kind = SHARED_STREAM_OTHER};
    if (S_ISREG(status.st_mode)) {
        stream->kind = SHARED_STREAM_FILE;
    } else if (S_ISSOCK(status.st_mode)) {
        stream->kind = SHARED_STREAM_SOCKET;
    } else if (S_ISFIFO(status.st_mode) || isatty(descriptor)) {
        open_again(stream);
    }
    return 0;
}

/* Waits until something can be written. */
static enum shared_stream_end wait_for_room(const struct shared_stream *stream,
                                            const atomic_bool *is_ending)
{
    struct pollfd poller = {.fd = stream->descriptor, .events = POLLOUT};

    while (stream->kind != SHARED_STREAM_FILE) {
        int count = poll(&poller, 1, POLL_MS);

        if (count > 0) {
            break; /* the write will report an error */
        }
        if (count < 0 && errno != EINTR) {
            return SHARED_STREAM_FAILED;
        }
        if (atomic_load(is_ending)) {
            return SHARED_STREAM_CLOSED;
        }
    }
    return SHARED_STREAM_DONE;
}

static ssize_t write_some(const struct shared_stream *stream, const char *bytes,
                          size_t size)
{
    if (stream->kind == SHARED_STREAM_SOCKET) {
        return send(stream->descriptor, bytes, size,
                    MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    if (stream->kind == SHARED_STREAM_OTHER && !stream->is_own &&
        size > PIPE_BUF) {
        size = PIPE_BUF;
    }
    return write(stream->descriptor, bytes, size);
}

enum shared_stream_end shared_stream_write(const struct shared_stream *stream,
                                           const char *bytes, size_t size,
                                           const atomic_bool *is_ending,
                                           size_t *written)
{
    *written = 0;
    while (*written < size) {
        enum shared_stream_end end = wait_for_room(stream, is_ending);
        ssize_t part;

        if (end != SHARED_STREAM_DONE) {
            return end;
        }
        part = write_some(stream, bytes + *written, size - *written);
        if (part < 0 && errno != EINTR && errno != EAGAIN) {
            return SHARED_STREAM_FAILED;
        }
        *written += part > 0 ? (size_t)part : 0;
    }
    return SHARED_STREAM_DONE;
}

void shared_stream_close(struct shared_stream *stream)
{
    if (stream->is_own) {
        (void)close(stream->descriptor); /* nothing of it is buffered */
    }
}
