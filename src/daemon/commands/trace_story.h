/*
 * trace_story.h - what the life of a message looks like to whoever asks about
 * it: which of the many things that can be true of it at an outlet is the one
 * to tell, and in which words. Pure.
 *
 * An inbox stores how far an outlet has got, and what it has refused, but not
 * when it delivered each message, nor which rules it had then. Where this
 * leaves several possibilities, all of them are told.
 */
#ifndef DAEMON_TRACE_STORY_H
#define DAEMON_TRACE_STORY_H

#include <stdbool.h>
#include <stddef.h>

#include "inbox/inbox_trace.h"

#define TRACE_TEXT_SIZE 1280

enum trace_outcome {
    TRACE_DELIVERED,   /* or skipped, or older than the outlet */
    TRACE_FILTERED,    /* its patterns or rules do not take it */
    TRACE_PENDING,     /* the outlet has not come to it yet */
    TRACE_HELD_UP,     /* its queue waits, or it is what its queue waits for */
    TRACE_DEAD_LETTER, /* refused, and passed over */
    TRACE_PASSED       /* the outlet is not configured any more */
};

/* What is known about a message at an outlet. */
struct trace_outlet {
    const struct inbox_trace_outlet *row; /* NULL: it has not begun */
    const char *name;                     /* of the outlet */
    bool is_configured;                   /* it is in the configuration */
    bool is_wanted;                       /* its rules take it now */
    bool is_late;                         /* it may have begun after it */
};

/* The same word as in --json: "delivered", "dead_letter". */
const char *trace_outcome_name(enum trace_outcome outcome);

enum trace_outcome trace_outcome_of(const struct trace_outlet *outlet);

/* One line without the name of the outlet. Returns text. */
const char *trace_outcome_text(const struct trace_outlet *outlet,
                               char text[TRACE_TEXT_SIZE]);

#endif
