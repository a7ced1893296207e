/*
 * inbox_view.h - reads an inbox for a command, next to the process that stores
 * into it. Blocks, so it is for processes that have no loop. Everything is read
 * as of one moment, unless slice_cb is set.
 */
#ifndef INBOX_INBOX_VIEW_H
#define INBOX_INBOX_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "inbox/inbox.h"
#include "inbox/inbox_filter.h"
#include "inbox/inbox_replay.h"
#include "inbox/inbox_survey.h"
#include "inbox/inbox_trace.h"

/* A dead letter. All strings and bytes are borrowed. */
struct inbox_letter {
    const char *inbox_uuid;       /* of its inbox */
    const char *outlet;           /* name of the outlet that refused it */
    uint64_t at_ms;               /* when, in Unix milliseconds */
    uint64_t attempts;            /* how often it was sent */
    const char *why;              /* the reason of the last refusal */
    bool is_gone;                 /* the message has been deleted since */
    struct inbox_message message; /* is_gone: only arrival, server, queue;
                                     without body and hash, unless the filter
                                     names an arrival */
};

/* Each gets one row, and returns false to end the reading. */
typedef bool (*inbox_letter_cb)(const struct inbox_letter *letter, void *data);
typedef bool (*inbox_replay_cb)(const struct inbox_replay *replay, void *data);
typedef bool (*inbox_message_cb)(const struct inbox_message *message,
                                 void *data);

/* What to read: that of which the callback is set, in order of arrival, or of
 * number. */
struct inbox_view {
    struct inbox_filter filter;  /* only these. Its times are those of the
                                    refusal, of a message's receipt; replays
                                    have none */
    inbox_letter_cb letter_cb;   /* dead letters */
    inbox_replay_cb replay_cb;   /* replays */
    inbox_message_cb message_cb; /* messages that the outlet of the filter has
                                    passed, and that are not deferred; all if
                                    it has no outlet */
    /* Or NULL. Set, with message_cb and without an outlet: messages are read in
     * many short transactions, so that a slow reader is in nobody's way; what
     * is deleted in the meantime may be missing. message_cb then returns false
     * to end a transaction, and this function, which is called between two of
     * them, to end the reading. */
    bool (*slice_cb)(void *data);
    /* Counts, of the whole inbox: */
    inbox_summary_cb summary_cb;      /* the inbox; together with outlet_cb */
    inbox_outlet_survey_cb outlet_cb; /* outlets, by name */
    inbox_queue_survey_cb queue_cb;   /* queues with messages, by name */
    /* The message of filter.arrival, then each outlet: */
    inbox_trace_cb trace_cb;
    inbox_trace_outlet_cb trace_outlet_cb;
    void *data; /* for the callback */
    /* Set, with message_cb or none: the first and the last of these messages,
     * of all queues; 0: there are none. Others may be between them. */
    uint64_t *first;
    uint64_t *last;
};

/* The inbox need not be open here. Returns 0, or HAPLO_E* with one line in why:
 * HAPLO_ENOTFOUND if the outlet of the filter has no progress there. */
int inbox_view(const struct inbox_type *type, const void *type_options,
               const struct inbox_view *view, char *why, size_t why_size);

#endif
