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
#include "daemon/gather.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/wall_clock.h"
#include "daemon/gather_batch.h"
#include "daemon/gather_moves.h"
#include "daemon/gather_outlets.h"
#include "daemon/gather_queues.h"
#include "daemon/gather_space.h"
#include "daemon/log.h"
#include "daemon/observer_feed.h"

#define PATH_SIZE_MAX 4300        /* a longer one cannot be opened */
#define ARRIVALS_FILE "arrivals." /* in state_dir; one for each inbox */

static const char *inbox_name_of(const void *inbox)
{
    return ((const struct gather_inbox *)inbox)->config->name;
}

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

/* Inboxes */

static void on_inbox_closed(void *data)
{
    struct gather_inbox *inbox = data;
    inbox->inbox = NULL;
    gather_answered(inbox->gather, 0);
}

static void close_inbox(struct gather_inbox *inbox)
{
    inbox->is_open = false;
    inbox_close(inbox->inbox, on_inbox_closed, inbox);
}

static void on_inbox_opened(struct inbox *opened, int error, const char *why,
                            void *data)
{
    struct gather_inbox *inbox = data;
    struct gather *gather = inbox->gather;
    if (error != 0) {
        log_line(LOG_LEVEL_ERROR, "%s:%u:%u: inbox %s: %s",
                 config_place_path(gather->config, inbox->config->place),
                 inbox->config->place.line, inbox->config->place.column,
                 inbox->config->name, why);
        inbox->inbox = NULL;
    } else if (gather->phase == GATHER_CLOSING_INBOXES) {
        close_inbox(inbox);
        return;
    } else {
        inbox->inbox = opened;
        inbox->is_open = true;
        observer_feed_opened(inbox);
        gather_space_listen(inbox);
    }
    gather_answered(gather, error);
}

static void on_inbox_warning(struct inbox *inbox, const char *text, void *data)
{
    (void)inbox;
    observer_feed_inbox_warning(data, text);
    log_line(LOG_LEVEL_WARNING, "%s", text);
}

/* The limit of the poller covers all inboxes. Each gets an equal share, and
 * one share is for fetches in flight, so that an inbox that is down leaves
 * room for the others. */
static size_t share_of_bytes(const struct config *config)
{
    return config->undelivered_bytes_max / (config->inbox_count + 1);
}

static int open_inbox(struct gather *gather, const struct config_inbox *config)
{
    char used_by[PATH_SIZE_MAX];
    char arrivals_path[PATH_SIZE_MAX];
    const char *state_dir = gather->config->state_dir;
    struct inbox_options options = {
        .name = config->name,
        .type = config->type,
        .type_options = config->options,
        .used_by = used_by,
        .arrivals_path = arrivals_path,
        .undelivered_bytes_max = share_of_bytes(gather->config),
        .warning_cb = on_inbox_warning,
    };
    snprintf(used_by, sizeof used_by, "haplo-poll with state_dir %s",
             state_dir);
    snprintf(arrivals_path, sizeof arrivals_path, "%s/" ARRIVALS_FILE "%s",
             state_dir, config->name);
    struct gather_inbox *inbox = calloc(1, sizeof *inbox);
    if (inbox == NULL) {
        return HAPLO_ENOMEM;
    }
    inbox->gather = gather;
    inbox->config = config;
    if (name_table_add(&gather->inboxes, inbox) != 0) {
        free(inbox);
        return HAPLO_ENOMEM;
    }
    observer_feed_add_inbox(inbox);
    options.warning_data = inbox;
    inbox->inbox = inbox_open(gather->loop, &options, on_inbox_opened, inbox);
    if (inbox->inbox == NULL) {
        return HAPLO_ENOMEM;
    }
    gather->pending_count++;
    return 0;
}

static bool is_restricted(const struct gather *gather)
{
    return gather->options.only_outlet != NULL ||
           gather->options.only_inbox != NULL;
}

static bool is_inbox_wanted(const struct gather *gather,
                            const struct config_inbox *inbox)
{
    const struct config_outlet *outlet = gather->options.only_outlet;
    return !is_restricted(gather) || gather->options.only_inbox == inbox ||
           (outlet != NULL && outlet->inbox == inbox);
}

static void open_inboxes(struct gather *gather)
{
    const struct config *config = gather->config;
    for (size_t i = 0; i < config->inbox_count; i++) {
        const struct config_inbox *inbox = &config->inboxes[i];
        if (is_inbox_wanted(gather, inbox) && open_inbox(gather, inbox) != 0) {
            log_line(LOG_LEVEL_ERROR, "inbox %s: out of memory", inbox->name);
            note_error(gather, HAPLO_ENOMEM);
            return;
        }
    }
}

/* Closing */

static void free_outlets(struct name_table *table)
{
    struct gather_outlet *outlet;
    size_t cursor = 0;
    while ((outlet = name_table_next(table, &cursor)) != NULL) {
        observer_feed_remove_outlet(outlet);
        free(outlet);
    }
    name_table_free(table);
}

static void free_inboxes(struct name_table *table)
{
    struct gather_inbox *inbox;
    size_t cursor = 0;
    while ((inbox = name_table_next(table, &cursor)) != NULL) {
        observer_feed_remove_inbox(inbox);
        free(inbox);
    }
    name_table_free(table);
}

static void on_poller_closed(void *data)
{
    struct gather *gather = data;
    gather_queues_free(gather);
    gather_batch_free_spares(gather);
    free_outlets(&gather->outlets);
    free_inboxes(&gather->inboxes);
    resends_free(&gather->resends);
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
    struct gather_inbox *inbox;
    size_t cursor = 0;
    next_phase(gather, GATHER_CLOSING_INBOXES);
    gather->pending_count++; /* released after the loop */
    while ((inbox = name_table_next(&gather->inboxes, &cursor)) != NULL) {
        if (inbox->is_open) {
            gather->pending_count++;
            close_inbox(inbox);
        }
    }
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

/* When all have completed */

static void move_states(struct gather *gather)
{
    next_phase(gather, GATHER_MOVING);
    gather->pending_count++; /* released after the loop */
    if (gather->error == 0 && !is_restricted(gather)) {
        note_error(gather, gather_queues_open(gather));
    }
    if (gather->error == 0) {
        gather_moves_start(gather);
    }
    gather_answered(gather, 0);
}

static void start_work(struct gather *gather)
{
    if (gather->error == 0 && !is_restricted(gather)) {
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
        .inboxes.name_of = inbox_name_of,
    };
    observer_init(&gather->observer, wall_clock_ms());
    gather_queues_init(gather);
    gather_outlets_init(gather);
    gather->pending_count++; /* released after the loop */
    open_inboxes(gather);
    gather_answered(gather, 0);
}
