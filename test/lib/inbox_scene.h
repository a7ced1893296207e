/*
 * inbox_scene.h - a stage for inboxes in an SQLite file: a loop, a folder,
 * queues with the states that the library would have for them, batches to
 * deliver, and another program that looks at the file.
 */
#ifndef TEST_INBOX_SCENE_H
#define TEST_INBOX_SCENE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "core/batch.h"
#include "core/delivery_state.h"
#include "inbox/inbox.h"
#include "inbox/sqlite/sqlite_inbox.h"
#include "sqlite_faults.h"

#define FETCHED_AT_MS UINT64_C(1550226721250) /* 2019-02-15T10:32:01.250Z */

/* An inbox in a folder of its own */

struct scene {
    uv_loop_t loop;                    /* that it all runs on */
    char folder[64];                   /* removed at the end */
    char path[96];                     /* of the inbox */
    struct inbox *inbox;               /* NULL: closed */
    size_t bytes_max;                  /* its limit, for the next opening */
    size_t wal_bytes_max;              /* the same */
    const char *arrivals_path;         /* the same; NULL: none */
    uint64_t keep_ms;                  /* the same; 0: everything stays */
    bool keeps_latest;                 /* the same */
    bool has_secure_delete;            /* the same */
    size_t free_bytes_min;             /* the same; 0: none */
    bool is_opened;                    /* opened_cb has fired */
    bool is_closed;                    /* closed_cb has fired */
    int error;                         /* of opening */
    char why[HAPLO_TEXT_SIZE_MAX];     /* the same */
    unsigned warning_count;            /* so far */
    char warning[HAPLO_TEXT_SIZE_MAX]; /* the newest */
    unsigned wake_count;               /* outlets were woken, so often */
    uint64_t last_arrival;             /* that was told */
    struct feed *feeds;                /* owned */
};

/* For cmocka: with the inbox closed, or open. */
int scene_setup(void **state);
int scene_setup_open(void **state);
int scene_teardown(void **state);

/* Answers with the error, and the line in scene->why. */
int scene_try_open(struct scene *scene);
void inbox_scene_open(struct scene *scene);
void inbox_scene_close(struct scene *scene);

/* Feeds are opened again, with what is stored as their states. */
void scene_reopen(struct scene *scene);

/* Runs the loop until it has nothing to do. */
void scene_settle(struct scene *scene);

/* Expects the opening to be refused, with this in the line. */
void scene_expect_refused(struct scene *scene, int error, const char *text);

/* Feeds: a queue as its poller has it */

struct feed {
    struct scene *scene;         /* where */
    struct inbox_queue *queue;   /* open */
    struct delivery_state known; /* what the library knows */
    char server[32];             /* its names */
    char name[32];               /* */
    struct feed *next;           /* of the scene */
};

/* Opens the queue, with what is stored as its state. */
struct feed *feed_open(struct scene *scene, const char *server,
                       const char *name);

/* Forgets what it knows for what is stored now. */
void feed_adopt(struct feed *feed, struct haplo_slice stored);

/* Parcels: a batch and its delivery */

struct parcel {
    struct inbox_delivery delivery;       /* first */
    struct feed *feed;                    /* whose batch */
    struct batch *batch;                  /* owned */
    struct inbox *close_when_answered;    /* or NULL */
    struct parcel *deliver_when_answered; /* or NULL */
    unsigned answer_count;                /* of the newest sending */
    unsigned place;                       /* of the answer, from 1 */
    enum inbox_verdict verdict;           /* of the answer */
    char text[HAPLO_TEXT_SIZE_MAX];       /* the same */
    char *stored;                         /* STALE: a copy; owned */
    size_t stored_size;                   /* of it */
};

extern unsigned parcel_places; /* answers so far */

/* A batch of these texts, the last one NULL, as fetched now. The texts are
 * borrowed. To be freed. */
struct parcel *parcel_new(struct feed *feed, const char *text, ...)
    __attribute__((sentinel));

/* The same of any bytes. */
struct parcel *parcel_of(struct feed *feed, const struct haplo_slice *bodies,
                         size_t count);
void parcel_free(struct parcel *parcel);

void parcel_send(struct parcel *parcel);
void parcel_wait(struct parcel *parcel);

/* Expects it to have been stored, with these counts, and accepts it. */
void parcel_expect_stored(struct parcel *parcel, size_t stored, size_t repeats);

/* Sends, waits, expects. */
void parcel_store(struct parcel *parcel, size_t stored, size_t repeats);

/* The same, but expects it to be told to come again, with this in the line. */
void parcel_expect_retry(struct parcel *parcel, const char *text);

/* Its mark was confirmed; is_drained: and nothing is unread. Gives the state to
 * the inbox, and frees the parcel. */
void parcel_confirm(struct parcel *parcel, bool is_drained);

/* Its mark was lost: the token is given up. Frees it. */
void parcel_lose(struct parcel *parcel);

/* In one call: a batch of one message that is stored, and confirmed. */
void feed_store(struct feed *feed, const char *text);

/* An empty fetch proved that all is marked. */
void feed_confirm_empty(struct feed *feed);

/* What another program sees */

sqlite3 *reader_open_db(const char *path);
void reader_run(sqlite3 *db, const char *sql);

/* The rows as one text: "a|b;c|d". */
void reader_expect(sqlite3 *db, const char *sql, const char *expected);
void expect(struct scene *scene, const char *sql, const char *expected);
void run(struct scene *scene, const char *sql);
int64_t query_int64(struct scene *scene, const char *sql);

#endif
