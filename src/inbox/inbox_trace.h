/*
 * inbox_trace.h - what an inbox knows about the life of one message: see
 * inbox_view.h. All strings and bytes are borrowed.
 */
#ifndef INBOX_INBOX_TRACE_H
#define INBOX_INBOX_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "inbox/inbox.h"

enum inbox_trace_state {
    INBOX_TRACE_STORED, /* it is in the inbox */
    INBOX_TRACE_PURGED, /* it was erased, and a row tells so */
    INBOX_TRACE_GONE,   /* its number was used, and it is not there */
    INBOX_TRACE_NEVER   /* its number was not used yet */
};

struct inbox_trace {
    const char *inbox_uuid;       /* of its inbox */
    enum inbox_trace_state state; /* what became of it */
    struct inbox_message message; /* STORED: all; PURGED: server and queue;
                                     its arrival always */
    uint32_t position;            /* in its batch, from 0 */
    uint64_t stored_at_ms;        /* Unix milliseconds; 0: not known */
    uint64_t marked_at_ms;        /* when its mark was confirmed; 0: not known
                                     to be */
    uint64_t purged_at_ms;        /* PURGED: when */
    const char *purged_why;       /* PURGED: as the operator said */
};

/* What became of it at one outlet that has forwarded from this inbox. */
struct inbox_trace_outlet {
    const char *name;       /* of the outlet */
    bool is_passed;         /* delivered, filtered out, skipped or refused */
    bool is_deferred;       /* its queue is held up there */
    uint64_t ahead_count;   /* not passed: messages before it, of its queue if
                               it is deferred or there is no common cursor */
    uint64_t refused_at_ms; /* it is a dead letter since; 0: it is not */
    uint64_t attempts;      /* dead letter: how often it was sent */
    const char *why;        /* dead letter: the reason of the last refusal */
};

typedef void (*inbox_trace_cb)(const struct inbox_trace *trace, void *data);
typedef bool (*inbox_trace_outlet_cb)(const struct inbox_trace_outlet *outlet,
                                      void *data);

#endif
