/*
 * forwarder_replay_private.h - shared by the parts of a forwarder's replay.
 */
#ifndef OUTLETS_FORWARDER_REPLAY_PRIVATE_H
#define OUTLETS_FORWARDER_REPLAY_PRIVATE_H

#include "core/replay_pass.h"
#include "inbox/inbox_task.h"
#include "outlets/forwarder/forwarder_private.h"
#include "outlets/forwarder/forwarder_replay.h"

#define REPLAY_SAVE_MS 1000
#define REPLAY_PAGE_COUNT_MAX 2048
#define REPLAY_PAGE_BYTES_MAX 4194304

struct forwarder_replay {
    struct forwarder *forwarder;       /* its owner */
    struct inbox_replay row;           /* id 0: none is loaded */
    struct replay_pass pass;           /* valid with a row */
    bool has_to_look;                  /* load the next one */
    bool has_to_reload;                /* it is done, or stopped: drop it */
    bool is_finished;                  /* closing: it has been saved */
    bool is_elsewhere;                 /* another host does replays */
    bool is_void;                      /* drop the row without saving */
    bool is_busy;                      /* task is outstanding */
    bool is_peeking;                   /* it looks whether another process has
                                          added a replay */
    uint64_t peek_at_ms;               /* when it does so next */
    bool is_save_open;                 /* outcome of saving is unknown */
    bool has_new_why;                  /* it waits, or no longer does */
    bool is_reading;                   /* the page is being read */
    bool has_page;                     /* it must be freed */
    uint64_t retry_at_ms;              /* not before this */
    struct inbox_task task;            /* loads or saves */
    struct inbox_replay stored;        /* its row, while that is outstanding */
    struct progress saving;            /* what it saves, or saves again */
    struct inbox_span *spans;          /* owned; of the save */
    struct inbox_dead_letter *letters; /* owned; of the save */
    struct inbox_replay_marks marks;   /* both of these */
    uint64_t save_due_ms;              /* earliest next save */
    uint64_t saved_to;                 /* cursor that is stored */
    struct inbox_read read;            /* the page */
    size_t index;                      /* of its next message */
    size_t page_bytes_max;             /* of the next one */
    struct inbox_message *chosen; /* owned; the messages of the next parcel */
    size_t chosen_count;          /* how many; 0: not chosen yet */
    struct outlet_parcel out;     /* as the outlet sees it */
    bool is_in_flight;            /* the outlet has it */
};

/* forwarder_replay.c */

/* The time of the loop. */
uint64_t replay_now(const struct forwarder_replay *replay);

/* True if a replay is loaded. */
bool replay_has_row(const struct forwarder_replay *replay);

/* To be called for an error of the inbox, or if memory runs out: goes on
 * later. */
void replay_fail(struct forwarder_replay *replay, const char *why);

/* Tells operators what it does. */
void replay_tell(struct forwarder_replay *replay, const char *what);

/* Starts a task; false if this kind of inbox has no replays, or it is being
 * closed. */
bool replay_task_start(struct forwarder_replay *replay,
                       enum inbox_task_kind kind, inbox_task_cb done_cb);

/* forwarder_replay_read.c */

/* Reads the next page, if it is needed and may be sent. */
void replay_read(struct forwarder_replay *replay);

void replay_page_free(struct forwarder_replay *replay);

/* Chooses the messages of the next parcel. False if there is none in the page,
 * which has then been freed. */
bool replay_page_next(struct forwarder_replay *replay);

/* forwarder_replay_save.c */

/* True if something is not stored yet. */
bool replay_has_progress(const struct forwarder_replay *replay);

/* Stores it. No task may be outstanding. */
void replay_save(struct forwarder_replay *replay);

#endif
