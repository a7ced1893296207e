/*
 * reload.h - replaces the configuration of a running process by what is in its
 * file now.
 *
 *   - Anybody asks for it (reload_request): a signal, a command, the API.
 *   - A thread reads the file, checks it, and compares it with what is at work.
 *   - If it is valid, the difference is applied, in slices (reload_pass.h).
 * What has to finish something first goes on by itself (reload_change.h).
 *   - Those who have asked are told what has changed, and what still waits; the
 * log has both.
 *
 * Other cases:
 *
 *   - The file is not valid, or needs what only a restart can change: nothing
 *     changes, and the reasons are told.
 *   - It is asked for while a file is being read or applied: exactly one more
 *     reload follows, however often, and reads the newest file.
 *   - Memory or the disk fails while the file is read: the same as an invalid
 *     file.
 */
#ifndef DAEMON_RELOAD_H
#define DAEMON_RELOAD_H

#include <stdbool.h>
#include <sys/queue.h>

#include <uv.h>

#include "config/config_digest.h"
#include "daemon/reload/reload_pass.h"
#include "daemon/reload/reload_result.h"
#include "inbox/worker.h"

/* For what has to finish, before it is told. */
#define RELOAD_PATIENCE_MS 10000

struct reload;

/* result is borrowed and valid only during the call. NULL: the process is
 * exiting, and nothing was done. */
typedef void (*reload_done_cb)(void *data, const struct reload_result *result);

enum reload_phase {
    RELOAD_IDLE,
    RELOAD_LOADING,  /* a thread reads the file */
    RELOAD_APPLYING, /* a pass is at work */
    RELOAD_SETTLING  /* the rest finishes; those who have asked wait for it */
};

struct reload_waiter; /* reload.c */
STAILQ_HEAD(reload_waiters, reload_waiter);

/* Each time it begins and ends; result is NULL when it begins. */
typedef void (*reload_event_cb)(struct reload *reload,
                                const struct reload_result *result);

/* Between reload_open() and reload_free(). */
struct reload {
    struct gather *gather;         /* borrowed */
    uv_loop_t *loop;               /* borrowed */
    struct config **config;        /* borrowed: where the owner has its own */
    reload_event_cb event_cb;      /* or NULL */
    enum reload_phase phase;       /* see above */
    bool is_again;                 /* another one follows */
    bool is_open;                  /* opened and not closed */
    bool is_late;                  /* what has not finished was logged */
    struct reload_waiters asking;  /* told at the end of this one */
    struct reload_waiters later;   /* told at the end of the next one */
    struct reload_changes changes; /* what has to finish */
    struct reload_pass pass;       /* applies the difference */
    uv_timer_t patience;           /* runs while it is settling */
    struct worker worker;          /* the thread; while LOADING */
    struct worker_job job;         /* of the thread */
    /* Made by the thread: */
    int load_result;                 /* of config_load() */
    struct config *loaded;           /* NULL: it could not be loaded */
    struct config_errors errors;     /* found in it */
    struct config_diff diff;         /* from what is at work */
    char digest[CONFIG_DIGEST_SIZE]; /* of it */
    struct reload_result result;     /* what will be told */
};

/* The gather is open, with the configuration in *config, which the reload
 * replaces; the owner frees what is there at the end. event_cb may be NULL. */
void reload_open(struct reload *reload, uv_loop_t *loop, struct gather *gather,
                 struct config **config, reload_event_cb event_cb);

/* Reloads. done_cb (may be NULL) fires once, from the loop. 0 or HAPLO_ENOMEM:
 * nothing happens. */
int reload_request(struct reload *reload, reload_done_cb done_cb, void *data);

/* Before the gather is closed: everything stays where it is. Does nothing if it
 * is not open. */
void reload_close(struct reload *reload);

/* When the loop has ended. */
void reload_free(struct reload *reload);

#endif
