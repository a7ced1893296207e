/*
 * eventlog.h - what happened, in order: the newest events in a ring.
 */
#ifndef SIM_EVENTLOG_H
#define SIM_EVENTLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/buffer.h"

struct sim_event {
    uint64_t number;     /* from 1, never used again */
    int64_t time_ms;     /* monotonic */
    const char *app;     /* borrowed from an app, they are never freed */
    const char *queue;   /* the same; NULL: unknown queue */
    const char *verb;    /* "fetch", "mark", "unsend", "refused" ... */
    int status;          /* HTTP status answered; 0: none */
    uint64_t count;      /* messages returned, marked or unsent */
    uint64_t unread;     /* in the queue, afterwards */
    uint64_t connection; /* id of the connection; 0: none */
    const char *fault;   /* kind of the fault, or NULL */
    bool gone;           /* the client had left before the answer */
    char *token;         /* owned; as returned or posted, or NULL */
    uint64_t message_id; /* unsend: which; else 0 */
    int64_t wait_ms;     /* in the fair queue and latency */
};

struct sim_eventlog {
    struct sim_event *ring; /* owned */
    size_t capacity;        /* newest events kept */
    uint64_t count;         /* events ever added */
    uint64_t cleared_count; /* events before this are gone */
};

void sim_eventlog_init(struct sim_eventlog *log, size_t capacity);

void sim_eventlog_free(struct sim_eventlog *log);

/* Adds an event: its number is set, its token (not NUL-terminated) copied. */
void sim_eventlog_add(struct sim_eventlog *log, struct sim_event event,
                      const char *token, size_t token_size);

void sim_eventlog_clear(struct sim_eventlog *log);

/* Appends a JSON object: the events after a number, of an app and queue
 * (NULL: any), at most limit. */
void sim_eventlog_write(const struct sim_eventlog *log, struct sim_buffer *to,
                        uint64_t after, const char *app, const char *queue,
                        uint64_t limit);

#endif
