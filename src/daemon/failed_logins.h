/*
 * failed_logins.h - keeps the number of consecutive failed logins on each
 * server in the state directory. A server counts them over all processes of
 * its clients, so `once` from cron must not start with a full budget each
 * time.
 *
 * The file is a hint. If it is lost, damaged or cannot be written, this is
 * logged, and the count starts again with this process. It is written only
 * when the count changes: when a key is refused, and at the first successful
 * login after that.
 *
 * It also lists the queues whose keys were last refused. A key that has worked
 * and is not listed need not wait.
 */
#ifndef DAEMON_FAILED_LOGINS_H
#define DAEMON_FAILED_LOGINS_H

#include <stdbool.h>
#include <stdint.h>

#include "haplopoll.h"

#define FAILED_LOGINS_FILE "failed_logins" /* in the state directory */

struct gather;
struct gather_server;

/* The count of one server. */
struct failed_logins_count {
    unsigned count;     /* consecutive, over all runs */
    uint64_t newest_ms; /* wall clock time of the last one */
};

struct failed_logins {
    struct gather *gather; /* its servers and queues are counted */
    bool is_unwritable;    /* writing failed, and this was logged */
};

void failed_logins_init(struct failed_logins *failed, struct gather *gather);

/* To be called before servers and queues are added to the poller: sets
 * `logins` of the servers and `key_refused` of the queues. */
void failed_logins_load(struct failed_logins *failed);

/* Sets the count of earlier processes in the options of a server. */
void failed_logins_server_options(const struct gather_server *server,
                                  struct haplo_server_options *options);

/* To be called when a server has been added to the poller, which may have
 * dropped a count that is too old. True if unproven keys have to wait. */
bool failed_logins_added(struct gather_server *server);

/* To be called for each event of the poller: updates the count. */
void failed_logins_note(struct failed_logins *failed,
                        const struct haplo_event *event);

#endif
