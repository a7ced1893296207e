/*
 * stdout.c - the outlet that writes messages to standard output, in order.
 *
 *   - A message becomes a line (envelope.c).
 *   - Lines are written when the buffer is full, and at the end of a parcel.
 *   - What has been written to the pipe counts as delivered. This is not
 *     durable.
 *
 * A slow reader blocks the thread, and so the outlet, but nothing else. The
 * outlet can be closed while the reader sleeps (shared_stream.c).
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
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/errno_reason.h"
#include "outlets/envelope.h"
#include "outlets/shared_stream.h"

#define BUFFER_SIZE_MIN 65536
#define BUFFER_KEEP_MAX 1048576 /* a larger one is freed after use */

struct stdout_state {
    struct shared_stream stream; /* where lines go */
    bool is_standard;            /* it is standard output */
    bool is_cut;                 /* the last line is incomplete */
    const char *inbox_uuid;      /* borrowed */
    char *buffer;                /* owned: lines to be written */
    size_t size;                 /* bytes in buffer */
    size_t capacity;             /* allocated */
};

/* All outlets of the process share one standard output. */
static atomic_flag is_in_use = ATOMIC_FLAG_INIT;

/* Writing */

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
static enum shared_stream_end buffer_flush(struct stdout_state *state,
                                           const atomic_bool *is_ending,
                                           struct outlet_parcel *parcel)
{
    size_t written;
    bool was_cut = state->is_cut && state->size > 0;
    enum shared_stream_end end = shared_stream_write(
        &state->stream, state->buffer, state->size, is_ending, &written);
    int number = errno;

    parcel->delivered_count += count_lines(state->buffer, written);
    if (written > 0) {
        state->is_cut = state->buffer[written - 1] != '\n';
        /* The newline after a damaged line is not a message. */
        parcel->delivered_count -= was_cut ? 1 : 0;
    }
    state->size = 0;
    errno = number;
    return end;
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
                     const struct outlet_parcel *parcel,
                     const struct inbox_message *message)
{
    if (state->is_cut && state->size == 0) {
        state->buffer[state->size++] = '\n';
    }
    state->size +=
        envelope_write(message, state->inbox_uuid, parcel->replay_id,
                       parcel->has_new_ids, state->buffer + state->size);
}

static enum shared_stream_end parcel_write(struct stdout_state *state,
                                           struct outlet_parcel *parcel,
                                           const atomic_bool *is_ending)
{
    for (size_t i = 0; i < parcel->count; i++) {
        const struct inbox_message *message = &parcel->messages[i];
        size_t size = envelope_size_max(message, state->inbox_uuid) + 1;

        if (state->size + size > state->capacity && state->size > 0) {
            enum shared_stream_end end = buffer_flush(state, is_ending, parcel);

            if (end != SHARED_STREAM_DONE) {
                return end;
            }
        }
        if (!buffer_reserve(state, size)) {
            errno = ENOMEM;
            return SHARED_STREAM_FAILED;
        }
        line_add(state, parcel, message);
    }
    return buffer_flush(state, is_ending, parcel);
}

/* The operations */

static void stdout_deliver(void *data, struct outlet_parcel *parcel,
                           const atomic_bool *is_ending)
{
    struct stdout_state *state = data;

    switch (parcel_write(state, parcel, is_ending)) {
    case SHARED_STREAM_DONE:
        parcel->verdict = OUTLET_DELIVERED;
        break;
    case SHARED_STREAM_CLOSED:
        parcel->verdict = OUTLET_RETRY;
        (void)reason_set(&parcel->why, 0, "closing");
        break;
    case SHARED_STREAM_FAILED:
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
    int error;

    if (state == NULL) {
        return reason_set(why, HAPLO_ENOMEM, "standard output: out of memory");
    }
    error = shared_stream_open(&state->stream, descriptor);
    if (error != 0) {
        free(state);
        return errno_reason_set(why, HAPLO_EINVAL, "standard output",
                                "cannot be used", error);
    }
    state->is_standard = descriptor == STDOUT_FILENO;
    state->inbox_uuid = inbox_uuid;
    *out = state;
    return 0;
}

static void stdout_close(void *data)
{
    struct stdout_state *state = data;

    shared_stream_close(&state->stream);
    if (state->is_standard) {
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
    .is_local = true,
    .open = stdout_start,
    .deliver = blocking_deliver,
    .close = blocking_close,
};
