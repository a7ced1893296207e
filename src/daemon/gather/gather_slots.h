/*
 * gather_slots.h - the servers that this host polls, if it is one of a fleet:
 * those in its own slots (fleet/placement.h). All other servers are known, but
 * not in the poller, and the messages of their queues are not forwarded here.
 *
 *                  gain               all are added
 *   ELSEWHERE ------------> ENTERING ---------------> OWN
 *       ^                     ^  |                     |
 *       |                gain |  | drain, lose         | drain, lose
 *       |                     |  v                     |
 *       +------------------- LEAVING <-----------------+
 *         nothing is left
 *
 *   - ENTERING: the states of its queues are loaded, which another host may
 *     have changed; then servers and queues are added to the poller, some in
 *     each turn of the loop, and polled at once.
 *   - LEAVING after a drain: first the outlets finish what they have of it,
 *     while it is still polled; then its queues leave the poller, as in a
 *     reload.
 *   - LEAVING after a loss: at once. What the queues have fetched may still be
 *     stored, if the stored state shows that nobody else has stored it.
 *
 * A reload may be changing the same objects: this waits for it, and it adds
 * nothing to the poller that is not in a slot of its own.
 */
#ifndef DAEMON_GATHER_SLOTS_H
#define DAEMON_GATHER_SLOTS_H

#include "daemon/gather/gather.h"

#define GATHER_SLOTS_NEVER UINT64_MAX

enum gather_slot_state {
    GATHER_SLOT_ELSEWHERE,
    GATHER_SLOT_ENTERING,
    GATHER_SLOT_OWN,
    GATHER_SLOT_LEAVING
};

/* Callbacks to whoever knows which slots are its own. They fire from the loop,
 * and never inside a call of this header. */
struct gather_slots_calls {
    /* Whether anything may begin just now, by a clock that is read afresh. */
    bool (*may_begin_cb)(void *data);
    /* A slot that was drained is ELSEWHERE: nothing of it is under way. */
    void (*drained_cb)(void *data, unsigned slot);
    /* gather_slots_go_on() has something to do. */
    void (*stirred_cb)(void *data);
    void *data; /* passed to these */
};

/* All slots are ELSEWHERE. Borrows calls. 0 or HAPLO_ENOMEM. To be called
 * before any server is made; without it, all servers are its own. */
int gather_slots_init(struct gather *gather,
                      const struct gather_slots_calls *calls);
void gather_slots_free(struct gather *gather);

/* True if its queues belong in the poller of this host. */
bool gather_slots_own(const struct gather_server *server);

/* True if another host may be polling its queues: nothing that they have in the
 * poller of this one may be marked any more. */
bool gather_slots_have_lost(const struct gather_server *server);

/* The slot of a server; in a fleet only. */
enum gather_slot_state gather_slots_state(const struct gather *gather,
                                          unsigned slot);

/* Begin what the diagram shows, if it is another state than before. */
void gather_slots_gain(struct gather *gather, unsigned slot);
void gather_slots_drain(struct gather *gather, unsigned slot);
void gather_slots_lose(struct gather *gather, unsigned slot);

/* Goes on with whatever is ENTERING or LEAVING. Returns after how many
 * milliseconds to call it again, or GATHER_SLOTS_NEVER: not before it is
 * stirred. */
uint64_t gather_slots_go_on(struct gather *gather);

/* True if this host deletes the old messages of the inbox. */
bool gather_slots_retain(const struct gather_inbox *inbox);

/* For the other parts of the gather: a server comes or goes, a queue has left
 * the poller, an outlet has got its forwarder. */
void gather_slots_add_server(struct gather_server *server);
void gather_slots_remove_server(struct gather_server *server);
void gather_slots_queue_left(struct gather_queue *queue);
void gather_slots_share_outlet(struct gather_outlet *outlet);

#endif
