/*
 * pg_retention.h - deletes messages that are older than the retention period
 * and that every outlet has passed, some per statement; see pg_retention.c.
 */
#ifndef INBOX_POSTGRES_PG_RETENTION_H
#define INBOX_POSTGRES_PG_RETENTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "inbox/postgres/pg_array.h"
#include "inbox/postgres/pg_connection.h"

struct pg_store;
struct pg_retention;
typedef void (*pg_retention_closed_cb)(struct pg_retention *retention);

#define PG_RETENTION_STATEMENTS 3

struct pg_retention {
    struct pg_store *store; /* its owner */
    uv_loop_t *loop;        /* borrowed */
    uint64_t keep_ms;       /* retention period; 0: none */
    bool keeps_latest;      /* the newest message of each object stays */
    char *sql[PG_RETENTION_STATEMENTS]; /* owned */
    struct pg_array names;              /* outlets that are configured */
    struct pg_array newer;              /* to replace them, if has_newer */
    bool has_newer;                     /* since the step that is running */
    uv_timer_t timer;                   /* when the next step is due */
    struct pg_request request;          /* one step */
    struct pg_statement statements[PG_RETENTION_STATEMENTS]; /* of request */
    int64_t after;                    /* up to it, all was examined */
    uint64_t began_ms;                /* the step, in loop time */
    uint64_t pass_ms;                 /* the pass, in loop time */
    bool is_open;                     /* the timer is initialised */
    bool is_running;                  /* the request is outstanding */
    bool is_paused;                   /* another process deletes */
    bool is_at_end;                   /* what follows is too new */
    bool has_failed;                  /* the last step, which was logged */
    bool is_told;                     /* of removed outlets */
    pg_retention_closed_cb closed_cb; /* not NULL: closing */
};

/* Starts; does nothing without a retention period. */
void pg_retention_start(struct pg_retention *retention,
                        const char *const *outlets, size_t outlet_count);

/* Begins no step while it is paused. */
void pg_retention_pause(struct pg_retention *retention, bool is_paused);

/* closed_cb fires once no request is outstanding, perhaps inside the call. */
void pg_retention_close(struct pg_retention *retention,
                        pg_retention_closed_cb closed_cb);

/* Frees what it owns, at the end. */
void pg_retention_free(struct pg_retention *retention);

#endif
