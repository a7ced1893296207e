/*
 * pg_resolve.h - looks up the names of hosts, without blocking.
 */
#ifndef INBOX_POSTGRES_PG_RESOLVE_H
#define INBOX_POSTGRES_PG_RESOLVE_H

#include <uv.h>

#include "inbox/postgres/pg_hosts.h"

struct pg_resolve;

/* hosts has one entry for each address, in the order given; names that could
 * not be found are missing, and why says why. Take what is needed. error is 0
 * or HAPLO_ENOMEM. */
typedef void (*pg_resolved_cb)(void *data, struct pg_hosts *hosts, int error,
                               const struct reason *why);

/* Takes the hosts. Sets *resolve until resolved_cb fires, once: from the loop,
 * or inside this call if there is nothing to look up. Returns 0, or
 * HAPLO_ENOMEM, and it does not fire. */
int pg_resolve_start(struct pg_resolve **resolve, uv_loop_t *loop,
                     struct pg_hosts *hosts, pg_resolved_cb resolved_cb,
                     void *data);

/* resolved_cb will not fire. Does nothing if *resolve is NULL. A look-up cannot
 * be cancelled: it goes on, and its result is ignored. */
void pg_resolve_cancel(struct pg_resolve **resolve);

#endif
