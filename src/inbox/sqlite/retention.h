/*
 * retention.h - decides when the writer's thread deletes old messages; see
 * retention.c.
 */
#ifndef INBOX_SQLITE_RETENTION_H
#define INBOX_SQLITE_RETENTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "inbox/sqlite/retention_step.h"
#include "inbox/sqlite/writer_jobs.h"

struct retention;
typedef void (*retention_closed_cb)(struct retention *retention);

struct retention {
    struct inbox *inbox;           /* gets the warnings */
    uv_loop_t *loop;               /* for its timer and clock */
    struct writer_jobs *jobs;      /* runs the steps */
    struct retention_step step;    /* the writer's, while is_running */
    struct writer_job job;         /* runs one step */
    uv_timer_t timer;              /* when the next one is due */
    uint64_t began_ms;             /* the step, in loop time */
    uint64_t group_count;          /* groups that were written, as seen last */
    uint64_t busy_ms;              /* when that changed, in loop time */
    uint64_t pass_ms;              /* when the pass began */
    char **outlets;                /* owned; see inbox_retain() */
    size_t outlet_count;           /* length of outlets */
    char **newer;                  /* owned; to replace them; NULL: none */
    size_t newer_count;            /* length of newer */
    bool is_started;               /* retention_start() was called */
    bool is_running;               /* the job was submitted */
    bool has_failed;               /* so did the last step, which was logged */
    bool is_told;                  /* of removed outlets */
    retention_closed_cb closed_cb; /* not NULL: closing */
};

/* inbox, loop, jobs, and the writer and keep_ms of step must have been set, the
 * rest be zero. */
void retention_open(struct retention *retention);

/* Starts to delete, if there is a retention period; or goes on with other
 * names, once no step is running. Copies the names. */
void retention_start(struct retention *retention, const char *const *outlets,
                     size_t outlet_count);

/* closed_cb fires once no step is running. */
void retention_close(struct retention *retention,
                     retention_closed_cb closed_cb);

#endif
