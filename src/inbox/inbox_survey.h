/*
 * inbox_survey.h - what an inbox has, counted, as commands show it: see
 * inbox_view.h. All strings are borrowed.
 */
#ifndef INBOX_INBOX_SURVEY_H
#define INBOX_INBOX_SURVEY_H

#include <stdbool.h>
#include <stdint.h>

/* An inbox as a whole. */
struct inbox_summary {
    const char *uuid;       /* of the inbox */
    uint64_t created_at_ms; /* in Unix milliseconds, as all times */
    uint64_t count;         /* of messages */
    uint64_t bytes;         /* on disk, with indexes and what is free */
    uint64_t oldest_ms;     /* receipt of the oldest batch; 0: none */
    uint64_t newest_ms;     /* receipt of the newest batch; 0: none */
};

/* The progress of one outlet that has forwarded from it. */
struct inbox_outlet_survey {
    const char *name;           /* of the outlet */
    uint64_t cursor;            /* all up to this arrival were passed, but those
                                   that are deferred; 0: it has a position in
                                   each queue instead */
    uint64_t pending_count;     /* messages that it has not passed yet */
    uint64_t deferred_count;    /* how many of them are deferred, as their
                                   queue is held up */
    uint64_t oldest_pending_ms; /* receipt of the oldest of them; 0: none */
    uint64_t letter_count;      /* dead letters */
};

/* The messages of one queue that the filter takes. */
struct inbox_queue_survey {
    const char *server;      /* name of its server */
    const char *queue;       /* its own name */
    uint64_t count;          /* of messages */
    uint64_t batch_count;    /* of their batches */
    uint64_t unmarked_count; /* how many of these are not known to be marked */
    uint64_t oldest_ms;      /* receipt of the oldest */
    uint64_t newest_ms;      /* receipt of the newest */
};

/* Each gets one row, and returns false to end the reading. */
typedef bool (*inbox_outlet_survey_cb)(const struct inbox_outlet_survey *row,
                                       void *data);
typedef bool (*inbox_queue_survey_cb)(const struct inbox_queue_survey *row,
                                      void *data);
typedef void (*inbox_summary_cb)(const struct inbox_summary *summary,
                                 void *data);

#endif
