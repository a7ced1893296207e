/*
 * gather.h - a configuration at work: its inboxes, the outlets that forward
 * from them, and the poller with its servers and queues, all found by name.
 *
 * What a command keeps for a server, queue or outlet, it hangs on that object's
 * `command`.
 */
#ifndef DAEMON_GATHER_H
#define DAEMON_GATHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "base/name_table.h"
#include "config/config.h"
#include "daemon/failed_logins.h"
#include "haplopoll.h"
#include "inbox/inbox.h"
#include "outlets/forwarder.h"

struct gather;
struct gather_delivery; /* a batch on its way into an inbox */

struct gather_inbox {
    struct gather *gather;             /* its owner */
    const struct config_inbox *config; /* borrowed */
    struct inbox *inbox;               /* NULL: it could not be opened */
    bool is_open;                      /* it has answered that it is */
};

struct gather_outlet {
    struct gather *gather;              /* its owner */
    const struct config_outlet *config; /* borrowed */
    struct gather_inbox *inbox;         /* that it forwards from */
    struct forwarder *forwarder;        /* NULL: closed */
};

/* The data of a haplo_server. */
struct gather_server {
    struct gather *gather;              /* its owner */
    const struct config_server *config; /* borrowed */
    struct haplo_server *server;        /* NULL: not added */
    struct name_table queues;           /* struct gather_queue; owned */
    struct failed_logins_count logins;  /* that have failed */
    void *command;                      /* the command's own, or NULL */
};

/* The data of a haplo_queue. There may be a million: it fits 56 bytes. */
struct gather_queue {
    const struct config_queue *config; /* borrowed */
    struct gather_server *server;      /* that it belongs to */
    struct haplo_queue *queue;         /* NULL: not added */
    struct inbox_queue *stored;        /* its part of an inbox */
    void *command;                     /* the command's own, or NULL */
    uint64_t stored_count;             /* messages stored since the start */
    uint32_t repeat_count;             /* messages that were stored already */
    uint32_t key_stamp : 31;           /* of the key's file, as last read */
    uint32_t key_refused : 1;          /* when it was tried last */
};

typedef void (*gather_cb)(struct gather *gather);

/* error: 0, or HAPLO_E*, and all causes are logged. */
typedef void (*gather_opened_cb)(struct gather *gather, int error);

typedef void (*gather_outlet_event_cb)(struct gather_outlet *outlet,
                                       const struct forwarder_event *event);

/* What the owner wants, and what it is told. */
struct gather_options {
    const struct config_outlet *only_outlet; /* poll nothing, and forward by
                                                this one; NULL: all at work */
    gather_opened_cb opened_cb;              /* see gather_open() */
    haplo_event_cb event_cb;                 /* of servers and queues */
    gather_outlet_event_cb outlet_event_cb;  /* of outlets */
    gather_cb drained_cb;                    /* see gather_close() */
    void *data;                              /* the owner's */
};

enum gather_phase {
    GATHER_OPENING,         /* the inboxes open */
    GATHER_MOVING,          /* states move between them */
    GATHER_OPEN,            /* at work, or failed to start: opened_cb knows */
    GATHER_DRAINING,        /* no new fetch; batches are finished */
    GATHER_CLOSING_OUTLETS, /* these finish what is in flight */
    GATHER_CLOSING_INBOXES, /* the poller's batches are still readable */
    GATHER_CLOSING_POLLER   /* and then nothing is left */
};

struct gather {
    const struct config *config;             /* borrowed */
    uv_loop_t *loop;                         /* borrowed */
    struct gather_options options;           /* callbacks of the owner */
    enum gather_phase phase;                 /* how far it has come */
    int error;                               /* the first one of opening */
    size_t pending_count;                    /* answers the phase waits for */
    struct haplo_poller *poller;             /* NULL: nothing is polled */
    struct name_table inboxes;               /* struct gather_inbox; owned */
    struct name_table outlets;               /* struct gather_outlet; owned */
    struct name_table servers;               /* struct gather_server; owned */
    size_t queue_count;                      /* of all servers */
    struct failed_logins failed_logins;      /* over all runs */
    struct gather_delivery *free_deliveries; /* kept for the next batch */
    size_t batches_left;                     /* not confirmed when it stopped */
    uint64_t deadline_ms;                    /* of closing; the loop's time */
    gather_cb closed_cb;                     /* of gather_close() */
};

/* Opens the inboxes, and then puts all to work. Borrows loop and config, copies
 * options. opened_cb fires once, unless gather_close() comes first; inside this
 * call only where there is no memory. gather_close() must follow in any case.
 */
void gather_open(struct gather *gather, uv_loop_t *loop,
                 const struct config *config,
                 const struct gather_options *options);

/* Drains for at most deadline_ms; then drained_cb fires (if it was opened),
 * while all can still be read; then the outlets finish what is in flight, by
 * the same deadline; then all is closed, and closed_cb fires last, from the
 * loop. A second call does not wait. */
void gather_close(struct gather *gather, uint64_t deadline_ms,
                  gather_cb closed_cb);

/* For its parts: one of the answers that pending_count counts has come; error:
 * 0, or HAPLO_E* with the cause logged. */
void gather_answered(struct gather *gather, int error);

/* NULL if there is none of that name. */
struct gather_outlet *gather_find_outlet(const struct gather *gather,
                                         const char *name);
struct gather_queue *gather_find_queue(const struct gather *gather,
                                       const char *server, const char *queue);

/* "example/student" */
#define GATHER_NAME_SIZE (2 * HAPLO_NAME_SIZE_MAX + 2)
const char *gather_queue_name(const struct gather_queue *queue,
                              char text[GATHER_NAME_SIZE]);

#endif
