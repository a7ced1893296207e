/*
 * failed_logins.h - keeps the number of consecutive failed logins on each
 * server in the state directory. A server counts them over all processes of
 * its clients, so `once` from cron must not start with a full budget each
 * time. They are kept by the server's addresses, or by its login_group, so that
 * a changed configuration changes nothing. Processes with separate state
 * directories know nothing of each other's, unless they are hosts of a fleet:
 * these tell each other instead of keeping a file (telling.h).
 *
 * The file is a hint. If it is lost, damaged or cannot be written, this is
 * logged, and the count starts again with this process. It is written only
 * when the count changes: when a key is refused, and at the first successful
 * login after that.
 *
 * It also lists the queues whose keys were last refused, also while they are
 * not in the configuration. A key that has worked and is not listed need not
 * wait.
 */
#ifndef DAEMON_FAILED_LOGINS_H
#define DAEMON_FAILED_LOGINS_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/gather/refused_keys.h"
#include "haplopoll.h"

struct gather;
struct gather_queue;
struct gather_server;

struct failed_logins {
    struct gather *gather; /* its servers and queues are counted */
    bool is_unwritable;    /* writing failed, and this was logged */
    bool has_counts;       /* there are failed logins, as far as is known */
    uint64_t loaded_ms;    /* wall clock, when the file was read */
    struct refused_keys absent; /* of queues that are not configured */
};

void failed_logins_init(struct failed_logins *failed, struct gather *gather);
void failed_logins_free(struct failed_logins *failed);

/* To be called before servers and queues are added to the poller: recalls the
 * counts there, and sets `key_refused` of the queues. True if there are counts
 * that have not expired. */
bool failed_logins_load(struct failed_logins *failed);

/* To be called when the poller has recalled what other hosts have counted. */
void failed_logins_recalled(struct failed_logins *failed);

/* The same for the keys that were refused: first none, then each. The server or
 * queue need not be in the configuration. */
void failed_logins_forget_keys(struct failed_logins *failed);
void failed_logins_recall_key(struct failed_logins *failed, const char *server,
                              const char *queue);

/* To be called when a queue has come into the configuration: sets
 * `key_refused`; and before it is freed because it has been removed. */
void failed_logins_enter(struct gather_queue *queue);
void failed_logins_leave(const struct gather_queue *queue);

/* To be called when a server has been added to the poller. */
void failed_logins_added(struct gather_server *server);

/* To be called for each event of the poller: updates the count. */
void failed_logins_note(struct failed_logins *failed,
                        const struct haplo_event *event);

#endif
