/*
 * admin_view.h - what stands in an inbox, read on a thread: dead letters and
 * replays. Reading a database may take long, and waits for locks, so no more
 * than a few requests may wait for it.
 */
#ifndef DAEMON_ADMIN_VIEW_H
#define DAEMON_ADMIN_VIEW_H

#include "daemon/admin/admin_request.h"
#include "inbox/inbox_view.h"
#include "inbox/worker.h"

#define ADMIN_VIEW_COUNT_MAX 8 /* requests that wait for it */

/* Embedded in struct admin. */
struct admin_views {
    struct admin *admin;  /* its owner */
    struct worker worker; /* the thread; while is_open */
    bool is_open;         /* it was started */
    bool is_closing;      /* it ends after the last job */
    unsigned count;       /* jobs that have not ended */
};

struct admin_view;
typedef void (*admin_view_cb)(struct admin_view *view);

/* A request that waits for the thread. */
struct admin_view {
    struct worker_job job;               /* reads the inbox */
    struct admin_views *views;           /* borrowed */
    struct admin_request *request;       /* gets the result */
    const struct inbox_type *type;       /* of the inbox */
    void *options;                       /* owned; a copy of its options */
    struct inbox_view view;              /* what to read; data is this */
    char outlet[ADMIN_PARAMETER_SIZE];   /* that the filter names */
    char queue[INBOX_REPLAY_QUEUE_SIZE]; /* pattern in the filter, or "" */
    admin_view_cb done_cb;               /* replies, on the loop; error is 0 */
    int error;                           /* of reading */
    char why[HAPLO_TEXT_SIZE_MAX];       /* if error is not 0 */
    struct json_writer json;             /* owned; what was read */
    uint64_t after;                      /* only arrivals above this */
    uint64_t limit;                      /* rows at most */
    uint64_t count;                      /* rows written */
    uint64_t last;                       /* arrival of the last of them */
    uint64_t first;                      /* of a range: its first arrival */
    bool has_next;                       /* there are more rows */
    bool has_body;                       /* the message is wanted, too */
    bool has_new_ids;                    /* of a replay that follows */
};

void admin_views_init(struct admin_views *views, struct admin *admin);

/* admin_port_closed() follows, from the loop. */
void admin_views_close(struct admin_views *views);

/* A view of the inbox of the outlet that a request names; NULL after replying
 * that this is not possible. */
struct admin_view *admin_view_new(struct admin_request *request,
                                  const char *outlet);

/* Reads, while the request waits; then done_cb fires, or the request gets an
 * error. The view is freed in any case. */
void admin_view_start(struct admin_view *view, admin_view_cb done_cb);

/* For one that is not started. */
void admin_view_free(struct admin_view *view);

#endif
