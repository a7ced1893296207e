/*
 * forwarder_private.h - what the parts of a forwarder share.
 */
#ifndef OUTLETS_FORWARDER_PRIVATE_H
#define OUTLETS_FORWARDER_PRIVATE_H

#include "core/dispatch.h"
#include "outlets/forwarder.h"

/* Messages of a parcel. A huge batch is cut there, counted from its start, so
 * that it is cut the same whenever it is delivered. */
#define FORWARDER_PARCEL_COUNT_MAX 1000

/* Messages of a read: more than one parcel, or none would ever be complete. */
#define FORWARDER_READ_COUNT_MAX 2048

#define FORWARDER_RETRY_MS 5000 /* after the inbox did not answer well */

/* What one read has brought, for as long as a parcel uses it. */
struct page {
    struct inbox_read read;      /* owns the messages */
    struct forwarder *forwarder; /* whose */
    struct lane *lane;           /* whose backlog; NULL: onward */
    size_t bytes;                /* of memory; counted */
    size_t user_count;           /* parcels, and the one who cuts them */
};

/* Messages to be handed to the outlet at once. */
struct parcel {
    struct span span;                     /* what is not done of it */
    struct page *page;                    /* holds its messages */
    const struct inbox_message *messages; /* the first has arrival `first` */
    uint64_t first;                       /* arrival */
};

/* A parcel that the outlet has. There are in_flight_max of them. */
struct flight {
    struct outlet_parcel out;    /* as the outlet sees it */
    struct forwarder *forwarder; /* whose */
    struct parcel *parcel;       /* NULL: free */
};

enum forwarder_phase {
    FORWARDER_OPENING, /* reads its progress */
    FORWARDER_WORKING, /* the usual */
    FORWARDER_ENDING, /* parcels in flight may be answered until the deadline */
    FORWARDER_CLOSING, /* the outlet is being closed */
    FORWARDER_SAVING,  /* what is done is stored for the last time */
    FORWARDER_CLOSED   /* the timer's handle is being closed */
};

struct forwarder {
    uv_loop_t *loop;                         /* it runs on */
    struct inbox *inbox;                     /* it reads from */
    const struct forwarder_options *options; /* borrowed */
    forwarder_event_cb event_cb;             /* may be NULL */
    void *data;                              /* for event_cb */
    struct dispatch_policy policy; /* the options, with their defaults */
    struct dispatch dispatch;      /* decides; from WORKING on */
    bool has_dispatch;             /* it is set up */
    enum forwarder_phase phase;    /* see above */
    uv_timer_t timer;              /* when something is due */
    struct inbox_outlet *progress; /* as the inbox keeps it; NULL at first */
    bool is_asking;                /* the inbox, for progress or lanes */
    struct outlet *outlet;         /* NULL: not open */
    struct flight *flights;        /* owned; policy.in_flight_max */
    size_t bytes_held;             /* of pages */
    size_t read_bytes_max;         /* of the next read onward */
    struct page *spare;            /* owned; for the next read, or NULL */
    unsigned reads;                /* under way */
    uint64_t retry_at_ms;          /* the inbox is not asked before */
    bool has_warned;               /* that the inbox does not answer well */
    struct inbox_progress save;    /* on its way */
    struct inbox_place *places;    /* owned; of save */
    struct inbox_dead_letter *letters; /* owned; of save */
    bool is_at_rest;                   /* as told last */
    bool is_quiet;                     /* no event fires now */
    uint64_t filtered_count;           /* messages */
    struct reason why;                 /* the newest failure */
    uint64_t deadline_ms;              /* of closing */
    void (*closed_cb)(void *data);     /* of closing */
    void *closed_data;                 /* for closed_cb */
};

/* -- forwarder.c ----------------------------------------------------------- */

/* Does whatever can be done now. Called at the end of each callback. */
void forwarder_pump(struct forwarder *forwarder);

/* -- forwarder_options.c --------------------------------------------------- */

/* True if a pattern of the options matches, or there are none. */
bool forwarder_wants(const struct forwarder *forwarder, const char *server,
                     const char *queue);

/* -- forwarder_event.c ----------------------------------------------------- */

/* What the dispatch tells. */
extern const struct dispatch_calls forwarder_calls;

/* Calls event_cb; lane is NULL for the outlet's own. */
void forwarder_tell(struct forwarder *forwarder, const struct lane *lane,
                    const char *state, const char *why, uint64_t arrival,
                    uint64_t due_ms);

/* The inbox did not answer well: later. */
void forwarder_inbox_failed(struct forwarder *forwarder, const char *why);

/* -- forwarder_begin.c ----------------------------------------------------- */

/* Asks the inbox for what is not known yet; it is WORKING when all is. */
void forwarder_begin(struct forwarder *forwarder);

/* Forgets all but what is stored. Nothing may be under way. */
void forwarder_forget(struct forwarder *forwarder);

/* -- forwarder_deliver.c --------------------------------------------------- */

/* Opens the outlet if need be, and hands it what it may have. */
void forwarder_deliver(struct forwarder *forwarder);

/* -- forwarder_read.c ------------------------------------------------------ */

/* Starts reads until there is enough. */
void forwarder_read(struct forwarder *forwarder);

/* dispatch.h, release_cb. */
void forwarder_release_span(void *data, struct span *span);

/* -- forwarder_save.c ------------------------------------------------------ */

/* Stores what may be stored now, if nothing is being stored. True if it has
 * begun to. */
bool forwarder_save(struct forwarder *forwarder);

#endif
