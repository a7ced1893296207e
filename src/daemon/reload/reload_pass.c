/*
 * reload_pass.c - walks through a new configuration and what is at work, object
 * by object.
 *
 *   - Inboxes first, then servers, queues, and outlets: each finds what it
 *     refers to.
 *   - Each is compared (reload_compare.c), and what is not as it should be
 *     begins to change.
 *   - What the configuration does not have any more is removed.
 *
 * There may be 100,000 queues, so this happens in slices, one in each turn of
 * the loop. Meanwhile no object comes or goes.
 */
#include "daemon/reload/reload_pass.h"

#include <string.h>

#include "daemon/gather/gather_holds.h"
#include "daemon/gather/gather_inboxes.h"
#include "daemon/gather/gather_outlets.h"
#include "daemon/reload/reload_compare.h"
#include "daemon/reload/reload_step.h"

static struct gather *gather_of(const struct reload_pass *pass)
{
    return pass->changes->gather;
}

static void pass_inboxes(struct reload_pass *pass)
{
    struct gather_inbox *inbox;
    size_t cursor = 0;
    for (size_t i = 0; i < pass->to->inbox_count; i++) {
        reload_compare_inbox(pass, &pass->to->inboxes[i]);
    }
    while ((inbox = name_table_next(&gather_of(pass)->inboxes, &cursor))) {
        if (config_inbox_find(pass->to, inbox->name) == NULL) {
            reload_pass_note(pass, reload_change_inbox(pass->changes, inbox,
                                                       NULL, pass->from));
        }
    }
    pass->stage = RELOAD_PASS_SERVERS;
}

static void pass_servers(struct reload_pass *pass)
{
    size_t count = 0;
    while (pass->index < pass->to->server_count && count < RELOAD_SLICE_COUNT) {
        reload_compare_server(pass, &pass->to->servers[pass->index++]);
        count++;
    }
    if (pass->index == pass->to->server_count) {
        pass->stage = RELOAD_PASS_QUEUES;
        pass->index = 0;
    }
}

static void pass_queues(struct reload_pass *pass)
{
    size_t count = 0;
    pass->look = (struct gather_key_look){.key = NULL};
    while (pass->index < pass->to->queue_count && count < RELOAD_SLICE_COUNT) {
        reload_compare_queue(pass, &pass->to->queues[pass->index++]);
        count++;
    }
    if (pass->index == pass->to->queue_count) {
        pass->stage = RELOAD_PASS_REMOVED;
        pass->cursor = 0;
        pass->server = NULL;
    }
}

static void pass_removed(struct reload_pass *pass)
{
    size_t count = 0;
    struct gather_queue *queue;
    while (count < RELOAD_SLICE_COUNT) {
        if (pass->server == NULL) {
            pass->server =
                name_table_next(&gather_of(pass)->servers, &pass->cursor);
            pass->queue_cursor = 0;
            if (pass->server == NULL) {
                pass->stage = RELOAD_PASS_OUTLETS;
                break;
            }
            reload_look_at_server(pass, pass->server);
        }
        queue = name_table_next(&pass->server->queues, &pass->queue_cursor);
        if (queue != NULL) {
            reload_look_at_queue(pass, queue);
        } else {
            pass->server = NULL;
        }
        count++;
    }
}

static bool has_outlet(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->outlet_count; i++) {
        if (strcmp(config->outlets[i].forward.name, name) == 0) {
            return true;
        }
    }
    return false;
}

static void pass_outlets(struct reload_pass *pass)
{
    struct gather_outlet *outlet;
    size_t cursor = 0;
    for (size_t i = 0; i < pass->to->outlet_count; i++) {
        reload_compare_outlet(pass, &pass->to->outlets[i]);
    }
    while ((outlet = name_table_next(&gather_of(pass)->outlets, &cursor))) {
        if (!has_outlet(pass->to, outlet->name)) {
            reload_pass_note(pass, reload_change_outlet(pass->changes, outlet,
                                                        NULL, pass->from));
        }
    }
}

/* All of it */

static void end(struct reload_pass *pass)
{
    struct gather *gather = gather_of(pass);
    struct config *from = pass->from;
    pass->stage = RELOAD_PASS_IDLE;
    pass->from = NULL;
    uv_idle_stop(&pass->slices);
    gather_inboxes_share(gather);
    (void)gather_outlets_retain(gather); /* logs its error */
    haplo_poller_set_limits(gather->poller, gather->config->in_flight_max,
                            gather->config->undelivered_bytes_max);
    config_free(from);
    reload_changes_let_go(pass->changes);
    pass->passed_cb(gather);
}

static void on_slice(uv_idle_t *idle)
{
    struct reload_pass *pass = idle->data;
    switch (pass->stage) {
    case RELOAD_PASS_INBOXES:
        pass_inboxes(pass);
        break;
    case RELOAD_PASS_SERVERS:
        pass_servers(pass);
        break;
    case RELOAD_PASS_QUEUES:
        pass_queues(pass);
        break;
    case RELOAD_PASS_REMOVED:
        pass_removed(pass);
        break;
    case RELOAD_PASS_OUTLETS:
        pass_outlets(pass);
        end(pass);
        break;
    case RELOAD_PASS_IDLE:
        break;
    }
}

void reload_pass_init(struct reload_pass *pass, uv_loop_t *loop,
                      struct reload_changes *changes, gather_cb passed_cb)
{
    *pass = (struct reload_pass){.changes = changes, .passed_cb = passed_cb};
    uv_idle_init(loop, &pass->slices); /* cannot fail */
    pass->slices.data = pass;
}

void reload_pass_start(struct reload_pass *pass, struct config *from,
                       struct config *to)
{
    struct gather *gather = gather_of(pass);
    reload_changes_hold_back(pass->changes);
    pass->from = from;
    pass->to = to;
    pass->stage = RELOAD_PASS_INBOXES;
    pass->index = 0;
    pass->has_lost = false;
    gather_holds_free(gather);
    gather->config = to;
    gather->generation++;
    uv_idle_start(&pass->slices, on_slice); /* cannot fail */
}

void reload_pass_close(struct reload_pass *pass)
{
    uv_close((uv_handle_t *)&pass->slices, NULL);
}

void reload_pass_free(struct reload_pass *pass)
{
    config_free(pass->from);
    pass->from = NULL;
}
