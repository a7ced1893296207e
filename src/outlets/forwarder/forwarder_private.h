/*
 * forwarder_private.h - shared by the parts of a forwarder.
 */
#ifndef OUTLETS_FORWARDER_PRIVATE_H
#define OUTLETS_FORWARDER_PRIVATE_H

#include "core/dispatch.h"
#include "fleet/placement.h"
#include "outlets/forwarder/forwarder.h"
#include "outlets/forwarder/forwarder_replay.h"

/* Messages per parcel. A huge batch is always cut at the same positions,
 * counted from its start, whenever it is delivered. */
#define FORWARDER_PARCEL_COUNT_MAX 1000

/* Messages per read: more than a parcel, so that parcels are complete. */
#define FORWARDER_READ_COUNT_MAX 2048

/* If the outlet has positions, it asks for lanes this often, but the inbox
 * shall not spend more than 1% of its time on it; or, if something was stored
 * that this process does not know, 10%. */
#define FORWARDER_ASK_MS 5000

/* It never waits longer than that: an answer also takes long if the process is
 * suspended meanwhile. */
#define FORWARDER_ASK_MAX_MS 60000

/* Lanes per read, if the outlet has positions. */
#define FORWARDER_READ_LANES_MAX 64

/* While it may not begin anything, it asks again this often whether it may. */
#define FORWARDER_HELD_MS 200

/* The longest wait after an error of the inbox. The first wait is that of the
 * outlet. */
#define FORWARDER_RETRY_MS_MAX 5000

/* The result of one read, kept while a parcel uses it. */
struct page {
    struct inbox_read read;      /* owns the messages */
    struct forwarder *forwarder; /* its owner */
    size_t lane_count;           /* backlogs that were read; 0: onward */
    struct lane *lanes[FORWARDER_READ_LANES_MAX];            /* theirs */
    struct inbox_read_lane places[FORWARDER_READ_LANES_MAX]; /* the same */
    size_t bytes;      /* of memory, as counted */
    size_t user_count; /* parcels, plus the function that cuts them */
};

/* Messages that the outlet gets together. */
struct parcel {
    struct span span;                     /* the part that is not done */
    struct page *page;                    /* holds its messages */
    const struct inbox_message *messages; /* in the page, or chosen */
    size_t count;                         /* of messages */
    struct inbox_message chosen[];        /* a copy of what is wanted, if there
                                             are other messages between */
};

/* Which of the messages that could be one parcel are wanted. */
struct choice {
    size_t first; /* index of the first that is */
    size_t end;   /* index after the last that is */
    size_t count; /* number of those that are */
    bool is_wanted[FORWARDER_PARCEL_COUNT_MAX]; /* each of them */
};

/* A parcel in flight. There are in_flight_max of these. */
struct flight {
    struct outlet_parcel out;    /* as the outlet sees it */
    struct forwarder *forwarder; /* its owner */
    struct parcel *parcel;       /* NULL: free */
};

enum forwarder_phase {
    FORWARDER_OPENING, /* loads its progress */
    FORWARDER_WORKING, /* forwards messages */
    FORWARDER_ENDING,  /* parcels in flight may finish until the deadline */
    FORWARDER_CLOSING, /* the outlet is being closed */
    FORWARDER_SAVING,  /* the progress is stored for the last time */
    FORWARDER_CLOSED   /* the timer is being closed */
};

struct forwarder {
    uv_loop_t *loop;                         /* borrowed */
    struct inbox *inbox;                     /* borrowed; source of messages */
    const struct forwarder_options *options; /* borrowed */
    forwarder_event_cb event_cb;             /* may be NULL */
    forwarder_declined_cb declined_cb;       /* may be NULL */
    void *data;                              /* for event_cb, declined_cb */
    struct route *route;                     /* owned; NULL: wants all */
    struct dispatch_policy policy;       /* from the options, with defaults */
    struct dispatch dispatch;            /* valid from WORKING on */
    bool has_dispatch;                   /* dispatch is initialised */
    enum forwarder_phase phase;          /* see above */
    uv_timer_t timer;                    /* when something is due */
    struct inbox_outlet *progress;       /* of the inbox; NULL at first */
    bool is_asking;                      /* loading progress or lanes */
    bool has_to_ask;                     /* for lanes: something was stored */
    bool is_answer_due;                  /* the same, and it is asking */
    uint64_t asked_ms;                   /* when it asked for lanes last */
    uint64_t ask_least_ms;               /* earliest next time */
    uint64_t ask_next_ms;                /* latest next time */
    struct outlet *outlet;               /* NULL: not open */
    struct flight *flights;              /* owned; policy.in_flight_max */
    struct forwarder_replay *replay;     /* owned */
    size_t bytes_held;                   /* by pages */
    size_t bytes_reading;                /* that outstanding reads may add */
    size_t read_bytes_max;               /* of the next read */
    struct page *spare;                  /* owned; for the next read, or NULL */
    unsigned reads;                      /* outstanding */
    uint64_t retry_at_ms;                /* earliest next call of the inbox */
    uint64_t inbox_wait_ms;              /* after its last error; 0: none */
    bool is_save_failing;                /* whatever can be read meanwhile */
    struct inbox_progress save;          /* outstanding */
    struct inbox_place *places;          /* owned; used by save */
    struct inbox_dead_letter *letters;   /* owned; of save */
    bool is_at_rest;                     /* as told last */
    bool is_quiet;                       /* events are suppressed */
    uint64_t filtered_count;             /* messages */
    uint64_t between_count;              /* of these: counted by the dispatch as
                                            delivered */
    uint64_t delivered_at_ms;            /* see struct forwarder_stats */
    struct reason why;                   /* the newest failure */
    struct reason warning;               /* the newest of the outlet, or "" */
    const struct forwarder_share *share; /* borrowed; NULL: it is the only
                                            forwarder of its outlet */
    unsigned replay_slot;                /* slot of its replays */
    bool is_held;                        /* it was not allowed to begin */
    bool has_withdrawn;                  /* some slots are to be withdrawn */
    bool is_withdrawn[FLEET_SLOT_COUNT]; /* its lanes are to be withdrawn */
    bool is_draining[FLEET_SLOT_COUNT];  /* drained_cb must fire */
    size_t draining_count;               /* slots of these */
    uint64_t deadline_ms;                /* for closing */
    void (*closed_cb)(void *data);       /* of forwarder_close() */
    void *closed_data;                   /* for closed_cb */
};

/* forwarder.c */

/* Does everything that can be done now. Called at the end of callbacks. */
void forwarder_pump(struct forwarder *forwarder);

/* Calls it at this time, or not at all: HEAP_NEVER. */
void forwarder_wake_at(struct forwarder *forwarder, uint64_t at_ms);

/* forwarder_close.c */

/* ENDING: closes the outlet when nothing is in flight, or it is time. */
void forwarder_end_deliveries(struct forwarder *forwarder);

/* SAVING: is CLOSED when everything is stored. */
void forwarder_end_all(struct forwarder *forwarder);

/* Frees its memory, without that of the dispatch. */
void forwarder_free(struct forwarder *forwarder);

/* forwarder_route.c */

/* Chooses from messages that are in one batch and follow each other, of a
 * queue that is wanted. Returns 0, or HAPLO_ENOMEM. */
int forwarder_choose(struct forwarder *forwarder,
                     const struct inbox_message *messages, size_t count,
                     struct choice *choice);

/* The index of the first message of a parcel that is not done. */
size_t forwarder_parcel_next(const struct parcel *parcel);

/* The unwanted_cb of dispatch.h. */
uint32_t forwarder_unwanted(void *data, const struct span *span);

/* The option start, as for inbox_outlet_open(). */
uint64_t forwarder_start_ms(const struct forwarder *forwarder);

/* forwarder_event.c */

/* Callbacks of the dispatch. */
extern const struct dispatch_calls forwarder_calls;

/* Calls event_cb; lane NULL: the event concerns the outlet. */
void forwarder_tell(struct forwarder *forwarder, const struct lane *lane,
                    const char *state, const char *why, uint64_t arrival,
                    uint64_t due_ms);

/* To be called with each result of the outlet: notes when it last accepted a
 * message. */
void forwarder_note_delivery(struct forwarder *forwarder,
                             const struct outlet_parcel *out);

/* To be called with the why of each parcel that was delivered: tells it unless
 * the one before had the same. */
void forwarder_warn(struct forwarder *forwarder, const struct reason *warning);

/* To be called for an error of the inbox: retries later. */
void forwarder_inbox_failed(struct forwarder *forwarder, const char *why);

/* The inbox was read or written: the outlet no longer waits for it, unless
 * progress cannot be saved. */
void forwarder_inbox_worked(struct forwarder *forwarder);

/* forwarder_begin.c */

/* Loads what is missing from the inbox, and is then WORKING. */
void forwarder_begin(struct forwarder *forwarder);

/* forwarder_ask.c: for outlets that have positions */

/* This queue has, or had, messages up to last_arrival after its position: notes
 * it, unless another host forwards them. False if memory runs out. */
bool forwarder_note_lane(struct forwarder *forwarder, uint64_t queue_id,
                         const char *server, const char *queue,
                         uint64_t last_arrival);

/* To be called after each answer: decides when to ask again. */
void forwarder_ask_later(struct forwarder *forwarder);

/* Asks for lanes if it is due. */
void forwarder_ask(struct forwarder *forwarder);

/* When to call that; HEAP_NEVER: never. */
uint64_t forwarder_ask_ms(const struct forwarder *forwarder);

/* True if something was stored whose lanes are not known yet. */
bool forwarder_has_to_ask(const struct forwarder *forwarder);

/* Discards everything that is not stored. Nothing may be outstanding. */
void forwarder_forget(struct forwarder *forwarder);

/* forwarder_share.c: for outlets that several hosts share */

/* The slot of a server; 0 if the outlet is not shared. */
unsigned forwarder_slot(const struct forwarder *forwarder, const char *server);

/* True if lanes of this slot, or replays, may be forwarded here. */
bool forwarder_owns_slot(const struct forwarder *forwarder, unsigned slot);

/* True if a parcel may begin now. Otherwise, is_held is set. */
bool forwarder_may_begin(struct forwarder *forwarder);

/* Asks the inbox for the lanes that may be forwarded here. Returns as
 * inbox_outlet_lanes() does. */
int forwarder_ask_lanes(struct forwarder *forwarder, inbox_lanes_cb lanes_cb);

/* WORKING: withdraws the lanes of slots that are no longer own. */
void forwarder_withdraw(struct forwarder *forwarder);

/* Calls drained_cb for the slots of which nothing is left. */
void forwarder_tell_drained(struct forwarder *forwarder);

/* forwarder_deliver.c */

/* Opens the outlet if necessary, and passes parcels to it. */
void forwarder_deliver(struct forwarder *forwarder);

/* forwarder_read.c */

/* Starts reads until enough is read ahead. */
void forwarder_read(struct forwarder *forwarder);

/* forwarder_cut.c */

/* Cuts what was read into parcels. Returns the number of messages
 * processed. */
size_t forwarder_page_cut(struct page *page, bool *is_out_of_memory);

/* The lane of a message in a page of backlogs, as an index of page->lanes. */
size_t forwarder_page_lane(const struct page *page, size_t index);

/* One of its users needs the page no longer: the last one frees it. */
void forwarder_page_leave(struct page *page);

/* The size of the parcel that begins at this index; 0: its end is not in what
 * was read. */
size_t forwarder_parcel_count(const struct inbox_read *read, size_t index);

/* The release_cb of dispatch.h. */
void forwarder_release_span(void *data, struct span *span);

/* forwarder_save.c */

/* Starts to store what may be stored now, unless a save is outstanding. True
 * if it has started one. */
bool forwarder_save(struct forwarder *forwarder);

#endif
