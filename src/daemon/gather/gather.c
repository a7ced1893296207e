/*
 * gather.c - creates the objects of a configuration, and closes them.
 *
 *   - All inboxes open at the same time (gather_open).
 *   - When the last one is open, queues get their states from them. The states
 *     of queues that were in another inbox are moved (gather_moves.c).
 *   - Servers and queues are added to the poller (gather_queues.c), and each
 *     outlet gets a forwarder.
 *   - Batches flow into the inboxes (gather_batch.c). Each commit wakes the
 *     outlets of its inbox.
 *   - At the end (gather_close), the poller drains, the outlets finish what is
 *     in flight, the inboxes close, and finally the poller closes, with the
 *     memory of its batches.
 *
 * Other cases:
 *
 *   - Something cannot be opened or added: the cause is logged; once the
 *     others have finished, opened_cb reports it. gather_close closes whatever
 *     is open.
 *   - It is closed while inboxes are opening: they are closed when they have
 *     opened.
 *   - gather_close is called again: nothing is waited for any longer. What the
 *     inboxes have is stored, and recognised when the server sends it again.
 */
#include "daemon/gather/gather.h"

#include <assert.h>
#include <string.h>

#include "base/wall_clock.h"
#include "daemon/gather/gather_batch.h"
#include "daemon/gather/gather_inboxes.h"
#include "daemon/gather/gather_moves.h"
#include "daemon/gather/gather_outlets.h"
#include "daemon/gather/gather_queues.h"
#include "daemon/gather/gather_slots.h"
#include "daemon/observe/observer_feed.h"

static void next_phase(struct gather *gather, enum gather_phase phase)
{
    assert(phase > gather->phase);
    gather->phase = phase;
}

/* Remembers the first error, for opened_cb. */
static void note_error(struct gather *gather, int error)
{
    if (gather->error == 0) {
        gather->error = error;
    }
}

bool gather_is_restricted(const struct gather *gather)
{
    return gather->options.only_outlet != NULL ||
           gather->options.only_inbox != NULL;
}

/* Closing */

static void on_poller_closed(void *data)
{
    struct gather *gather = data;
    gather_queues_free(gather);
    gather_slots_free(gather);
    gather_batch_free_spares(gather);
    gather_outlets_free(gather);
    gather_inboxes_free(gather);
    resends_free(&gather->resends);
    timeline_free(&gather->timeline);
    observer_free(&gather->observer);
    gather->closed_cb(gather);
}

static void close_poller(struct gather *gather)
{
    next_phase(gather, GATHER_CLOSING_POLLER);
    if (gather->options.inboxes_closed_cb != NULL) {
        gather->options.inboxes_closed_cb(gather);
    }
    if (gather->poller != NULL) {
        haplo_poller_close(gather->poller, on_poller_closed);
    } else {
        on_poller_closed(gather);
    }
}

/* Those that are still opening are closed later. */
static void close_inboxes(struct gather *gather)
{
    bool are_counted = gather->phase < GATHER_OPEN;
    next_phase(gather, GATHER_CLOSING_INBOXES);
    gather->pending_count++; /* until all are asked */
    gather_inboxes_close(gather, are_counted);
    gather_answered(gather, 0);
}

/* A second call shortens their deadline. */
static void close_outlets(struct gather *gather)
{
    if (gather->phase < GATHER_CLOSING_OUTLETS) {
        next_phase(gather, GATHER_CLOSING_OUTLETS);
    }
    gather->pending_count++; /* until all are asked */
    gather_outlets_close(gather);
    gather_answered(gather, 0);
}

static void end_draining(struct gather *gather)
{
    if (gather->error == 0 && gather->options.drained_cb != NULL) {
        gather->options.drained_cb(gather);
    }
    close_outlets(gather);
}

static void on_stopped(struct haplo_poller *poller, size_t batches_left)
{
    struct gather *gather = haplo_poller_data(poller);
    if (gather->phase == GATHER_DRAINING) {
        gather->batches_left = batches_left;
        end_draining(gather);
    }
}

void gather_close(struct gather *gather, uint64_t deadline_ms,
                  gather_cb closed_cb)
{
    gather->closed_cb = closed_cb;
    gather->deadline_ms = uv_now(gather->loop) + deadline_ms;
    if (gather->phase < GATHER_OPEN) {
        close_inboxes(gather);
    } else if (gather->phase == GATHER_OPEN) {
        next_phase(gather, GATHER_DRAINING);
        if (gather->poller == NULL) {
            end_draining(gather);
        } else {
            haplo_poller_stop(gather->poller, deadline_ms, on_stopped);
        }
    } else if (gather->phase == GATHER_DRAINING) {
        gather->batches_left = gather_queues_batches_left(gather);
        end_draining(gather);
    } else if (gather->phase == GATHER_CLOSING_OUTLETS) {
        close_outlets(gather);
    }
}

void gather_stirred(struct gather *gather)
{
    if (gather->stirred_cb != NULL) {
        gather->stirred_cb(gather);
    }
}

/* When all have completed */

static void move_states(struct gather *gather)
{
    next_phase(gather, GATHER_MOVING);
    gather->pending_count++; /* released after the loop */
    if (gather->error == 0 && !gather_is_restricted(gather)) {
        note_error(gather, gather_queues_open(gather));
    }
    if (gather->error == 0) {
        gather_moves_start(gather);
    }
    gather_answered(gather, 0);
}

static void start_work(struct gather *gather)
{
    if (gather->error == 0 && !gather_is_restricted(gather)) {
        note_error(gather, gather_queues_add(gather));
    }
    if (gather->error == 0 && gather->options.only_inbox == NULL) {
        note_error(gather, gather_outlets_start(gather));
    }
    next_phase(gather, GATHER_OPEN);
    gather->options.opened_cb(gather, gather->error);
}

void gather_answered(struct gather *gather, int error)
{
    assert(gather->pending_count > 0);
    note_error(gather, error);
    if (--gather->pending_count > 0) {
        return;
    }
    if (gather->phase == GATHER_OPENING) {
        move_states(gather);
    } else if (gather->phase == GATHER_MOVING) {
        start_work(gather);
    } else if (gather->phase == GATHER_CLOSING_OUTLETS) {
        close_inboxes(gather);
    } else {
        assert(gather->phase == GATHER_CLOSING_INBOXES);
        close_poller(gather);
    }
}

/* Public */

struct inbox *gather_find_inbox(const struct gather *gather, const char *name)
{
    const struct gather_inbox *inbox = name_table_find(&gather->inboxes, name);
    return inbox != NULL && inbox->is_open ? inbox->inbox : NULL;
}

void gather_open(struct gather *gather, uv_loop_t *loop,
                 const struct config *config,
                 const struct gather_options *options)
{
    *gather = (struct gather){
        .config = config,
        .loop = loop,
        .options = *options,
    };
    observer_init(&gather->observer, wall_clock_ms());
    gather_inboxes_init(gather);
    gather_queues_init(gather);
    gather_outlets_init(gather);
    gather->pending_count++; /* until all are asked */
    if (options->fleet != NULL) {
        note_error(gather, gather_slots_init(gather, options->fleet));
    }
    note_error(gather, gather_inboxes_open(gather));
    gather_answered(gather, 0);
}
