/*
 * failed_logins.h - the failed logins in a row of each server, kept in the
 * state directory: a server counts them over all processes of its clients, so
 * `once` from cron must not start with a full budget each time.
 *
 * The file is a hint. Where it is lost, damaged or cannot be written, a line
 * says so, and the count starts again with this process. It is written when
 * the count changes, which is with a refused key and with the first login that
 * works after one; never while all is well.
 *
 * It also lists the queues whose keys were refused last. A key that has worked
 * and is not listed is no guess: it need not wait.
 */
#ifndef DAEMON_FAILED_LOGINS_H
#define DAEMON_FAILED_LOGINS_H

#include <stdbool.h>
#include <stdint.h>

#include "haplopoll.h"

#define FAILED_LOGINS_FILE "failed_logins" /* in the state directory */

struct gather;
struct gather_server;

/* Of one server. */
struct failed_logins_count {
    unsigned count;     /* in a row, of this run and earlier ones */
    uint64_t newest_ms; /* wall clock */
};

struct failed_logins {
    struct gather *gather; /* whose servers and queues are counted */
    bool is_unwritable;    /* the file; that is logged already */
};

void failed_logins_init(struct failed_logins *failed, struct gather *gather);

/* Fills `logins` of the servers and `key_refused` of the queues, before they
 * are added to the poller. */
void failed_logins_load(struct failed_logins *failed);

/* Tells the library what an earlier process has counted. */
void failed_logins_server_options(const struct gather_server *server,
                                  struct haplo_server_options *options);

/* The server was added to the poller, which may have dropped a count that is
 * too old. True if keys that have not worked yet are held back. */
bool failed_logins_added(struct gather_server *server);

/* Each event of the poller: keeps the count up to date. */
void failed_logins_note(struct failed_logins *failed,
                        const struct haplo_event *event);

#endif
