#include "daemon/gather/gather_outlets.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/gather/gather_slots.h"
#include "daemon/gather/gather_unrouted.h"
#include "daemon/log/log.h"
#include "daemon/observe/observer_feed.h"

#define RESTART_MS 5000 /* for parcels in flight */

static const char *name_of(const void *outlet)
{
    return ((const struct gather_outlet *)outlet)->name;
}

void gather_outlets_init(struct gather *gather)
{
    gather->outlets.name_of = name_of;
}

struct gather_outlet *gather_find_outlet(const struct gather *gather,
                                         const char *name)
{
    return name_table_find(&gather->outlets, name);
}

/* Starting */

static void on_event(struct forwarder *forwarder,
                     const struct forwarder_event *event, void *data)
{
    struct gather_outlet *outlet = data;
    (void)forwarder;
    observer_feed_outlet(outlet, event);
    if (outlet->gather->options.outlet_event_cb != NULL) {
        outlet->gather->options.outlet_event_cb(outlet, event);
    }
}

static void on_stored(struct inbox *inbox, const struct inbox_queue *queue,
                      uint64_t last_arrival, size_t count, void *data)
{
    struct gather_inbox *from = data;
    struct gather_outlet *outlet;
    bool is_routed = from->gather->options.only_outlet != NULL;
    bool has_outlets = false;
    size_t cursor = 0;
    (void)inbox;
    while ((outlet = name_table_next(&from->gather->outlets, &cursor))) {
        if (outlet->inbox != from) {
            continue;
        }
        has_outlets = true;
        observer_feed_stored(outlet, last_arrival, count);
        if (outlet->forwarder == NULL) {
            is_routed = true; /* it starts again, and will read them */
            continue;
        }
        is_routed =
            is_routed || queue == NULL ||
            forwarder_wants(outlet->forwarder, queue->server, queue->name);
        forwarder_wake(outlet->forwarder, queue, last_arrival, count);
    }
    if (!is_routed && has_outlets && queue != NULL) {
        gather_unrouted_count(from, queue->server, queue->name, count);
    }
}

static void outlet_free(struct gather_outlet *outlet)
{
    timeline_free(&outlet->timeline);
    free(outlet->name);
    free(outlet);
}

void gather_outlet_configure(struct gather_outlet *outlet,
                             const struct config_outlet *config)
{
    outlet->config = config;
    outlet->inbox =
        name_table_find(&outlet->gather->inboxes, config->inbox->name);
}

struct gather_outlet *gather_outlet_make(struct gather *gather,
                                         const struct config_outlet *config)
{
    struct gather_outlet *outlet = calloc(1, sizeof *outlet);
    if (outlet == NULL) {
        return NULL;
    }
    outlet->gather = gather;
    gather_outlet_configure(outlet, config);
    outlet->name = strdup(config->forward.name);
    if (outlet->name == NULL || name_table_add(&gather->outlets, outlet) != 0) {
        outlet_free(outlet);
        return NULL;
    }
    observer_feed_add_outlet(outlet);
    return outlet;
}

int gather_outlet_start(struct gather_outlet *outlet)
{
    struct gather *gather = outlet->gather;
    outlet->forwarder =
        forwarder_new(gather->loop, outlet->inbox->inbox,
                      &outlet->config->forward, on_event, outlet);
    if (outlet->forwarder == NULL) {
        return HAPLO_ENOMEM;
    }
    gather_slots_share_outlet(outlet);
    outlet->inbox->user_count++;
    if (gather->options.only_outlet == NULL) {
        forwarder_on_declined(outlet->forwarder, gather_unrouted_declined);
    }
    inbox_listen(outlet->inbox->inbox, on_stored, outlet->inbox);
    return 0;
}

static int start_outlet(struct gather *gather,
                        const struct config_outlet *config)
{
    struct gather_outlet *outlet = gather_outlet_make(gather, config);
    return outlet == NULL ? HAPLO_ENOMEM : gather_outlet_start(outlet);
}

static bool is_wanted(const struct gather *gather,
                      const struct config_outlet *outlet)
{
    return gather->options.only_outlet == NULL ||
           gather->options.only_outlet == outlet;
}

/* Tells the inbox which outlets it must keep messages for. */
static int retain(const struct gather_inbox *inbox)
{
    const struct config *config = inbox->gather->config;
    const char **names = calloc(config->outlet_count + 1, sizeof *names);
    size_t count = 0;
    if (names == NULL) {
        return HAPLO_ENOMEM;
    }
    for (size_t i = 0; i < config->outlet_count; i++) {
        if (strcmp(config->outlets[i].inbox->name, inbox->name) == 0) {
            names[count++] = config->outlets[i].forward.name;
        }
    }
    inbox_pause_retention(inbox->inbox, !gather_slots_retain(inbox));
    inbox_retain(inbox->inbox, names, count);
    free(names);
    return 0;
}

int gather_outlets_retain(const struct gather *gather)
{
    const struct gather_inbox *inbox;
    size_t cursor = 0;
    while ((inbox = name_table_next(&gather->inboxes, &cursor)) != NULL) {
        if (inbox->is_open && !inbox->is_changing && retain(inbox) != 0) {
            log_line(LOG_LEVEL_ERROR, "inbox %s: out of memory", inbox->name);
            return HAPLO_ENOMEM;
        }
    }
    return 0;
}

int gather_outlets_start(struct gather *gather)
{
    const struct config *config = gather->config;
    for (size_t i = 0; i < config->outlet_count; i++) {
        const struct config_outlet *outlet = &config->outlets[i];
        if (is_wanted(gather, outlet) && start_outlet(gather, outlet) != 0) {
            log_line(LOG_LEVEL_ERROR, "outlet %s: out of memory",
                     outlet->forward.name);
            return HAPLO_ENOMEM;
        }
    }
    return gather->options.only_outlet == NULL ? gather_outlets_retain(gather)
                                               : 0;
}

/* Closing */

static void restart(struct gather_outlet *outlet)
{
    if (gather_outlet_start(outlet) != 0) {
        log_line(LOG_LEVEL_ERROR,
                 "outlet %s: out of memory: it forwards nothing until "
                 "haplo-poll is restarted",
                 outlet->name);
    }
}

/* It may have been closed for one reason, and then for another. */
static void on_closed(void *data)
{
    struct gather_outlet *outlet = data;
    bool is_restarting = outlet->is_restarting;
    outlet->forwarder = NULL;
    outlet->is_restarting = false;
    outlet->inbox->user_count--;
    if (outlet->is_closing) {
        gather_answered(outlet->gather, 0);
    } else if (outlet->is_changing) {
        gather_stirred(outlet->gather);
    } else if (is_restarting) {
        observer_feed_reset_outlet(outlet);
        restart(outlet);
    }
}

void gather_outlet_stop(struct gather_outlet *outlet, uint64_t deadline_ms)
{
    if (outlet->forwarder != NULL) {
        observer_feed_lag(outlet);
        forwarder_close(outlet->forwarder, deadline_ms, on_closed, outlet);
    }
}

void gather_outlet_drop(struct gather_outlet *outlet)
{
    struct gather *gather = outlet->gather;
    assert(outlet->forwarder == NULL);
    observer_feed_remove_outlet(outlet);
    name_table_remove(&gather->outlets, outlet);
    outlet_free(outlet);
}

void gather_outlets_restart(struct gather *gather, const struct inbox *inbox)
{
    struct gather_outlet *outlet;
    size_t cursor = 0;
    if (gather->phase != GATHER_OPEN || gather->options.only_outlet != NULL) {
        return;
    }
    while ((outlet = name_table_next(&gather->outlets, &cursor)) != NULL) {
        if (outlet->forwarder != NULL && !outlet->is_restarting &&
            !outlet->is_changing && outlet->inbox->inbox == inbox) {
            outlet->is_restarting = true;
            gather_outlet_stop(outlet, RESTART_MS);
        }
    }
}

void gather_outlets_close(struct gather *gather)
{
    struct gather_outlet *outlet;
    size_t cursor = 0;
    uint64_t now_ms = uv_now(gather->loop);
    uint64_t left_ms =
        gather->deadline_ms > now_ms ? gather->deadline_ms - now_ms : 0;
    while ((outlet = name_table_next(&gather->outlets, &cursor)) != NULL) {
        if (outlet->forwarder != NULL) {
            gather->pending_count += !outlet->is_closing;
            outlet->is_closing = true;
            forwarder_close(outlet->forwarder, left_ms, on_closed, outlet);
        }
    }
}

void gather_outlets_free(struct gather *gather)
{
    struct gather_outlet *outlet;
    size_t cursor = 0;
    while ((outlet = name_table_next(&gather->outlets, &cursor)) != NULL) {
        observer_feed_remove_outlet(outlet);
        outlet_free(outlet);
    }
    name_table_free(&gather->outlets);
}
