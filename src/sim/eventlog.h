/*
 * eventlog.h - what happened at the simulated servers, in order. A ring buffer
 * keeps the newest events.
 */
#ifndef SIM_EVENTLOG_H
#define SIM_EVENTLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/buffer.h"

#define SIM_PEER_SIZE 64 /* an address as text */

struct sim_event {
    uint64_t number;          /* from 1, never reused */
    int64_t time_ms;          /* monotonic */
    const char *app;          /* borrowed; applications are never removed */
    const char *queue;        /* borrowed; NULL: none or an unknown one */
    const char *verb;         /* "fetch", "mark", "other", "accept", "unsend" */
    int status;               /* HTTP status sent; 0: none */
    uint64_t count;           /* messages returned, marked or unsent */
    uint64_t unread;          /* left in the queue afterwards */
    uint64_t connection;      /* its id; 0: none */
    char peer[SIM_PEER_SIZE]; /* address of the client; "": none */
    const char *fault;        /* kind of the fault that struck, or NULL */
    bool gone;                /* the client disconnected before the response */
    char *token;              /* owned; as returned or posted; NULL: none */
    uint64_t message_id;      /* unsend: the message; otherwise 0 */
    int64_t wait_ms;          /* from complete request to response */
};

struct sim_eventlog {
    struct sim_event *ring; /* owned */
    size_t capacity;        /* newest events kept */
    uint64_t count;         /* events ever added */
    uint64_t cleared_count; /* events up to this number were cleared */
};

void sim_eventlog_init(struct sim_eventlog *log, size_t capacity);

void sim_eventlog_free(struct sim_eventlog *log);

/* Adds an event. Sets its number and copies the token, which has no NUL. */
void sim_eventlog_add(struct sim_eventlog *log, struct sim_event event,
                      const char *token, size_t token_size);

void sim_eventlog_clear(struct sim_eventlog *log);

/* Appends a JSON object with at most limit events that follow the event number
 * `after` and belong to this application and queue (NULL: any). */
void sim_eventlog_write(const struct sim_eventlog *log, struct sim_buffer *to,
                        uint64_t after, const char *app, const char *queue,
                        uint64_t limit);

#endif
