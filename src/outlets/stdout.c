/*
 * stdout.c - the outlet that writes messages to standard output, in order.
 *
 *   - A message becomes a line (envelope.c).
 *   - Lines are written when the buffer is full, and at the end of a parcel.
 *   - What has been written to the pipe counts as delivered. This is not
 *     durable.
 *
 * A slow reader blocks the thread, and so the outlet, but nothing else. Before
 * each write the thread waits with poll(2), and writes at most PIPE_BUF bytes
 * to a pipe, which then does not block. So the outlet can be closed while the
 * reader sleeps. The descriptor is not made non-blocking, because other
 * processes may share it.
 *
 * Failures:
 *
 *   - The reader has exited (EPIPE), the disk is full, and so on: broken.
 *   - The outlet is closed while the reader sleeps: RETRY.
 *   - Writing ends within a line: the next line starts with a newline, so that
 *     only this line is damaged; its message is written again.
 */
#include "outlets/stdout.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/errno_reason.h"
#include "outlets/envelope.h"

#define BUFFER_SIZE_MIN 65536
#define BUFFER_KEEP_MAX 1048576 /* a larger one is freed after use */
#define POLL_MS 100             /* how often is_ending is checked */

struct stdout_state {
    int descriptor;         /* not owned */
    bool is_file;           /* a regular file, which never blocks */
    bool is_cut;            /* the last line is incomplete */
    const char *inbox_uuid; /* borrowed */
    char *buffer;           /* owned: lines to be written */
    size_t size;            /* bytes in buffer */
    size_t capacity;        /* allocated */
};

/* All outlets of the process share one standard output. */
static atomic_flag is_in_use = ATOMIC_FLAG_INIT;

/* Writing */

/* Why a write is incomplete. */
enum ending { ENDING_NONE, ENDING_CLOSED, ENDING_FAILED };

/* Waits until something can be written. */
static enum ending wait_for_room(const struct stdout_state *state,
                                 const atomic_bool *is_ending)
{
    struct pollfd poller = {.fd = state->descriptor, .events = POLLOUT};

    while (!state->is_file) {
        int count = poll(&poller, 1, POLL_MS);

        if (count > 0) {
            break; /* write() will report an error */
        }
        if (count < 0 && errno != EINTR) {
            return ENDING_FAILED;
        }
        if (atomic_load(is_ending)) {
            return ENDING_CLOSED;
        }
    }
    return ENDING_NONE;
}

static size_t chunk_of(const struct stdout_state *state, size_t left)
{
    return state->is_file || left < PIPE_BUF ? left : PIPE_BUF;
}

/* Sets *written to the bytes written, and errno on failure. */
static enum ending bytes_write(const struct stdout_state *state,
                               const atomic_bool *is_ending, size_t *written)
{
    *written = 0;
    while (*written < state->size) {
        enum ending ending = wait_for_room(state, is_ending);
        ssize_t size;

        if (ending != ENDING_NONE) {
            return ending;
        }
        size = write(state->descriptor, state->buffer + *written,
                     chunk_of(state, state->size - *written));
        if (size < 0 && errno != EINTR && errno != EAGAIN) {
            return ENDING_FAILED;
        }
        *written += size > 0 ? (size_t)size : 0;
    }
    return ENDING_NONE;
}

static size_t count_lines(const char *bytes, size_t size)
{
    size_t count = 0;
    const char *end = bytes + size;

    while ((bytes = memchr(bytes, '\n', (size_t)(end - bytes))) != NULL) {
        count++;
        bytes++;
    }
    return count;
}

/* Writes the lines in the buffer, and counts the complete ones. */
static enum ending buffer_flush(struct stdout_state *state,
                                const atomic_bool *is_ending,
                                struct outlet_parcel *parcel)
{
    size_t written;
    bool was_cut = state->is_cut && state->size > 0;
    enum ending ending = bytes_write(state, is_ending, &written);
    int number = errno;

    parcel->delivered_count += count_lines(state->buffer, written);
    if (written > 0) {
        state->is_cut = state->buffer[written - 1] != '\n';
        /* The newline after a damaged line is not a message. */
        parcel->delivered_count -= was_cut ? 1 : 0;
    }
    state->size = 0;
    errno = number;
    return ending;
}

/* Lines */

static bool buffer_reserve(struct stdout_state *state, size_t size)
{
    size_t capacity = size > BUFFER_SIZE_MIN ? size : BUFFER_SIZE_MIN;
    char *buffer;

    if (size <= state->capacity) {
        return true;
    }
    buffer = malloc(capacity); /* empty, so there is nothing to copy */
    if (buffer == NULL) {
        return false;
    }
    free(state->buffer);
    state->buffer = buffer;
    state->capacity = capacity;
    return true;
}

static void line_add(struct stdout_state *state,
                     const struct inbox_message *message)
{
    if (state->is_cut && state->size == 0) {
        state->buffer[state->size++] = '\n';
    }
    state->size +=
        envelope_write(message, state->inbox_uuid, state->buffer + state->size);
}

static enum ending parcel_write(struct stdout_state *state,
                                struct outlet_parcel *parcel,
                                const atomic_bool *is_ending)
{
    for (size_t i = 0; i < parcel->count; i++) {
        const struct inbox_message *message = &parcel->messages[i];
        size_t size = envelope_size_max(message, state->inbox_uuid) + 1;

        if (state->size + size > state->capacity && state->size > 0) {
            enum ending ending = buffer_flush(state, is_ending, parcel);

            if (ending != ENDING_NONE) {
                return ending;
            }
        }
        if (!buffer_reserve(state, size)) {
            errno = ENOMEM;
            return ENDING_FAILED;
        }
        line_add(state, message);
    }
    return buffer_flush(state, is_ending, parcel);
}

/* The operations */

static void stdout_deliver(void *data, struct outlet_parcel *parcel,
                           const atomic_bool *is_ending)
{
    struct stdout_state *state = data;

    switch (parcel_write(state, parcel, is_ending)) {
    case ENDING_NONE:
        parcel->verdict = OUTLET_DELIVERED;
        break;
    case ENDING_CLOSED:
        parcel->verdict = OUTLET_RETRY;
        (void)reason_set(&parcel->why, 0, "closing");
        break;
    case ENDING_FAILED:
        parcel->verdict = errno == ENOMEM ? OUTLET_RETRY : OUTLET_BROKEN;
        (void)errno_reason_set(&parcel->why, 0, "standard output",
                               "cannot be written", errno);
        break;
    }
    state->size = 0;
    if (state->capacity > BUFFER_KEEP_MAX) {
        free(state->buffer);
        state->buffer = NULL;
        state->capacity = 0;
    }
}

int stdout_open_descriptor(int descriptor, const char *inbox_uuid, void **out,
                           struct reason *why)
{
    struct stdout_state *state = calloc(1, sizeof(*state));
    struct stat status;

    if (state == NULL) {
        return reason_set(why, HAPLO_ENOMEM, "standard output: out of memory");
    }
    if (fstat(descriptor, &status) != 0) {
        int number = errno;

        free(state);
        return errno_reason_set(why, HAPLO_EINVAL, "standard output",
                                "cannot be used", number);
    }
    state->descriptor = descriptor;
    state->inbox_uuid = inbox_uuid;
    state->is_file = S_ISREG(status.st_mode);
    *out = state;
    return 0;
}

static void stdout_close(void *data)
{
    struct stdout_state *state = data;

    if (state->descriptor == STDOUT_FILENO) {
        atomic_flag_clear(&is_in_use);
    }
    free(state->buffer);
    free(state);
}

static int stdout_open(const struct outlet_setting *setting,
                       struct blocking_memory *memory, void **out,
                       struct reason *why)
{
    int result;

    if (atomic_flag_test_and_set(&is_in_use)) {
        return reason_set(why, HAPLO_EBUSY,
                          "standard output: in use by another outlet: keep one "
                          "of them");
    }
    result =
        stdout_open_descriptor(STDOUT_FILENO, setting->inbox_uuid, out, why);
    if (result != 0) {
        atomic_flag_clear(&is_in_use);
    } else {
        /* Possibly: an empty line does no harm. */
        ((struct stdout_state *)*out)->is_cut = memory->was_open;
    }
    return result;
}

const struct blocking_ops stdout_ops = {
    .open = stdout_open,
    .deliver = stdout_deliver,
    .close = stdout_close,
};

static int stdout_start(const struct outlet_setting *setting,
                        struct outlet **out, struct reason *why)
{
    return blocking_open(setting, &stdout_ops, out, why);
}

const struct outlet_type stdout_outlet_type = {
    .name = "stdout",
    .help = "Each message becomes a line of JSON on standard output.",
    .in_flight_max = 4, /* one is being written, the next are ready */
    .open = stdout_start,
    .deliver = blocking_deliver,
    .close = blocking_close,
};
