/*
 * shared_stream.h - writes to a descriptor that other processes may share,
 * such as standard output, so that the writer can stop although nobody reads.
 */
#ifndef OUTLETS_SHARED_STREAM_H
#define OUTLETS_SHARED_STREAM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum shared_stream_kind {
    SHARED_STREAM_FILE,   /* takes everything at once */
    SHARED_STREAM_SOCKET, /* each call can be told not to block */
    SHARED_STREAM_OTHER   /* a pipe or a terminal */
};

struct shared_stream {
    int descriptor;               /* written to */
    bool is_own;                  /* must be closed; does not block */
    enum shared_stream_kind kind; /* of the descriptor */
};

/* How a write has ended. */
enum shared_stream_end {
    SHARED_STREAM_DONE,   /* everything is written */
    SHARED_STREAM_CLOSED, /* is_ending has become true */
    SHARED_STREAM_FAILED  /* errno says why */
};

/* Borrows the descriptor. Returns 0 or errno. */
int shared_stream_open(struct shared_stream *stream, int descriptor);

/* Writes; waits for the reader until is_ending. Sets *written to the number of
 * bytes written. */
enum shared_stream_end shared_stream_write(const struct shared_stream *stream,
                                           const char *bytes, size_t size,
                                           const atomic_bool *is_ending,
                                           size_t *written);

void shared_stream_close(struct shared_stream *stream);

#endif
