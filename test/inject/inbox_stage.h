/*
 * inbox_stage.h - an inbox in a folder of its own, in which anything may fail:
 * what is begun here is tried again until it succeeds, and must then be whole.
 */
#ifndef INJECT_INBOX_STAGE_H
#define INJECT_INBOX_STAGE_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "core/batch.h"
#include "core/delivery_state.h"
#include "inbox/inbox.h"

#define TRIES_MAX 3 /* one failure, and what follows from it */

struct stage {
    uv_loop_t loop;                /* that it runs on */
    char folder[64];               /* removed at the end */
    char path[96];                 /* of the inbox */
    uint64_t keep_ms;              /* its retention period; 0: none */
    bool keeps_latest;             /* the newest message of each object */
    struct inbox *inbox;           /* NULL: closed */
    bool is_answered;              /* opened_cb or closed_cb has fired */
    int error;                     /* of opening */
    char why[HAPLO_TEXT_SIZE_MAX]; /* the same */
};

/* A queue as its poller has it. */
struct feed {
    struct stage *stage;         /* where */
    struct inbox_queue *queue;   /* open */
    struct delivery_state known; /* what the library knows */
};

struct parcel {
    struct inbox_delivery delivery; /* first */
    struct feed *feed;              /* whose */
    struct batch *batch;            /* owned */
    bool is_alone;                  /* in its group */
    bool had_failed;                /* something, before it */
    bool is_answered;               /* delivered_cb has fired */
    enum inbox_verdict verdict;     /* its */
};

/* Creates the folder and the loop; removes them. */
void stage_begin(struct stage *stage);
void stage_end(struct stage *stage);

/* An explanation is one line about the inbox. If a text could not be read, it
 * must not say that the inbox is damaged: that is no reason to restore one. */
void stage_check_why(const struct stage *stage, const char *why);

void stage_open(struct stage *stage);
void stage_close(struct stage *stage);

/* Opens a queue of server "live", with what is stored as its state. */
void feed_open(struct feed *feed, struct stage *stage, const char *name);
void feed_close(struct feed *feed);

/* A batch, fetched now. The texts end in NULL. */
void parcel_make(struct parcel *parcel, struct feed *feed,
                 const char *const *texts);

/* Sends it once; then waits until it is stored, and sends it again as often as
 * that takes. */
void parcel_send(struct parcel *parcel);
void parcel_settle(struct parcel *parcel);

/* Ends it: the mark is confirmed, or nobody knows. */
void parcel_confirm(struct parcel *parcel);
void parcel_lose(struct parcel *parcel);

/* The first column of the first row, as another process sees the file. */
int64_t stage_query(struct stage *stage, const char *sql);

/* Until it was answered without an error. `start` is true where an answer is
 * to come, and sets *is_answered and *answer then. */
#define STAGE_UNTIL_DONE(stage, is_answered, answer, start) \
    do {                                                    \
        unsigned tries = 0;                                 \
        do {                                                \
            assert_true(tries++ < TRIES_MAX);               \
            (is_answered) = false;                          \
            (answer) = HAPLO_ENOMEM;                        \
            if (start) {                                    \
                SWEEP_UNTIL(&(stage)->loop, (is_answered)); \
            }                                               \
        } while ((answer) != 0);                            \
    } while (0)

#endif
