/*
 * failed_logins.h - the failed logins in a row of each server, kept in the
 * state directory: a server counts them over all processes of its clients, so
 * that `once` from cron must not begin with a budget of its own each time.
 *
 * The file is a hint. Where it is lost, damaged or cannot be written, a line
 * tells so, and the count begins anew with this process. It is written when
 * the count changes, which is with a refused key and with the first login that
 * works after one; never while all is well.
 *
 * It also has the queues whose keys were refused last. A key of another queue
 * that has worked is no guess: it need not wait, as in one process.
 */
#ifndef DAEMON_FAILED_LOGINS_H
#define DAEMON_FAILED_LOGINS_H

#include "daemon/gather.h"

#define FAILED_LOGINS_FILE "failed_logins" /* in the state directory */

/* Fills `logins` of the servers and `key_refused` of the queues, before they
 * are added to the poller. */
void failed_logins_load(struct gather *gather);

/* Tells the library what an earlier process has counted. */
void failed_logins_server_options(const struct gather_server *server,
                                  struct haplo_server_options *options);

/* The library has the server now, and may have forgotten what is too old. True
 * if keys that have not worked yet are held back. */
bool failed_logins_added(struct gather_server *server);

/* Each event of the poller: keeps the count up to date. */
void failed_logins_note(struct gather *gather, const struct haplo_event *event);

#endif
