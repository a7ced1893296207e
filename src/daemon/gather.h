/*
 * gather.h - a configuration at work: its sinks, the poller with its servers
 * and queues, and the way of each batch from the poller to its sink.
 */
#ifndef DAEMON_GATHER_H
#define DAEMON_GATHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/stat.h>
#include <uv.h>

#include "config/config.h"
#include "haplopoll.h"
#include "sinks/sink.h"

struct gather;

/* See failed_logins.h. */
struct gather_logins {
    unsigned failed_count; /* in a row, of this run and earlier ones */
    uint64_t failed_at_ms; /* the newest; wall clock */
};

/* The data of a haplo_server. */
struct gather_server {
    const struct config_server *config; /* borrowed */
    struct haplo_server *server;        /* */
    struct gather_queue *queues;        /* its part of the gather's */
    size_t queue_count;                 /* */
    uint64_t last_event_ms;             /* the loop's time */
    struct gather_logins logins;        /* that have failed */
    bool has_answered;                  /* `once`: since it was DOWN last */
};

/* The data of a haplo_queue. */
struct gather_queue {
    struct gather *gather;             /* */
    const struct config_queue *config; /* borrowed */
    struct gather_server *server;      /* */
    struct haplo_queue *queue;         /* */
    struct sink_queue *sink_queue;     /* */
    struct haplo_batch *batch;         /* with the sink, or NULL */
    struct sink_delivery delivery;     /* of that batch */
    uint64_t stored_count;             /* messages new to the sink */
    uint64_t repeat_count;             /* messages the sink had already */
    struct stat key_stat;              /* of the key's file, as last read */
    bool key_refused;                  /* when it was tried last */
    uint64_t failures;                 /* `run`: since the last success */
    bool is_settled;                   /* `once`: drained, or given up */
    struct gather_queue *next_settled; /* `once`: to be paused */
};

typedef void (*gather_cb)(struct gather *gather);

struct gather {
    const struct config *config;   /* borrowed */
    uv_loop_t *loop;               /* borrowed */
    struct haplo_poller *poller;   /* */
    struct sink **sinks;           /* in the configuration's order */
    size_t open_sink_count;        /* of them */
    struct gather_server *servers; /* in the configuration's order */
    struct gather_queue *queues;   /* the same */
    size_t queue_count;            /* */
    uint64_t started_ms;           /* the loop's time */
    bool is_closing;               /* no answer goes to the poller now */
    size_t batches_left;           /* not confirmed when it stopped */
    bool cannot_keep_logins;       /* failed ones; that is told already */
    haplo_event_cb event_cb;       /* for `run` and `once` */
    gather_cb drained_cb;          /* or NULL; see gather_close() */
    gather_cb closed_cb;           /* */
    void *data;                    /* the owner's */
};

/*
 * Opens the sinks and adds all servers and queues. Borrows all it is given.
 * 0, or HAPLO_E* with one line in why; then nothing is left to be freed but
 * what gather_close() has to close: call it, and run the loop.
 */
int gather_open(struct gather *gather, uv_loop_t *loop,
                const struct config *config, haplo_event_cb event_cb,
                void *data, char *why, size_t why_size);

/* Drains for at most deadline_ms; then drained_cb of the gather fires, while
 * all can still be read; then closes all; closed_cb fires last, from the loop.
 * A second call does not wait for the drain. */
void gather_close(struct gather *gather, uint64_t deadline_ms,
                  gather_cb closed_cb);

/* True if the key's file is not as it was when the key was read last. */
bool gather_key_has_changed(const struct gather_queue *queue);

/* Reads the key of a queue again and, if it is a good one, uses it. */
void gather_reread_key(struct gather_queue *queue);

/* "example/student" */
#define GATHER_NAME_SIZE (2 * HAPLO_NAME_SIZE_MAX + 2)
const char *gather_queue_name(const struct gather_queue *queue,
                              char text[GATHER_NAME_SIZE]);

#endif
