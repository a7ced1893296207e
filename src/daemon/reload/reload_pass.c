/*
 * reload_pass.c - compares what is at work with a new configuration, object by
 * object.
 *
 *   - Inboxes first, then servers, queues, and outlets: each finds what it
 *     refers to.
 *   - An object that is as the configuration says borrows from it from now on,
 *     and notices nothing. Any other gets a change, which begins at once.
 *   - What the configuration does not have any more is removed.
 *   - API keys are read again if their file has changed; queues that are held
 *     are tried again.
 *
 * There may be 100,000 queues, so this happens in slices, one in each turn of
 * the loop. Meanwhile no object comes or goes.
 *
 * If memory runs out, the objects concerned stay as they are, and so does the
 * configuration that they borrow from; this is logged.
 */
#include "daemon/reload/reload_pass.h"

#include <stdint.h>
#include <string.h>

#include "daemon/gather/gather_holds.h"
#include "daemon/gather/gather_inboxes.h"
#include "daemon/gather/gather_key.h"
#include "daemon/gather/gather_outlets.h"
#include "daemon/gather/gather_queues.h"
#include "daemon/log/log.h"
#include "daemon/reload/reload_step.h"

static struct gather *gather_of(const struct reload_pass *pass)
{
    return pass->changes->gather;
}

/* An object whose change could not begin borrows from the old configuration
 * for as long as it exists, so that is never freed. */
static void note_error(struct reload_pass *pass, int error)
{
    if (error != 0 && !pass->has_lost) {
        pass->has_lost = true;
        (void)config_keep(pass->from);
        log_line(LOG_LEVEL_ERROR, "reload: %s: try again",
                 haplo_error_text(error));
    }
}

/* Inboxes */

static void add_inbox(struct reload_pass *pass,
                      const struct config_inbox *config)
{
    struct gather_inbox *inbox = gather_inbox_make(gather_of(pass), config);
    note_error(pass, inbox == NULL ? HAPLO_ENOMEM
                                   : reload_change_inbox(pass->changes, inbox,
                                                         config, NULL));
}

static void compare_inbox(struct reload_pass *pass,
                          const struct config_inbox *config)
{
    struct gather_inbox *inbox =
        name_table_find(&gather_of(pass)->inboxes, config->name);
    if (inbox == NULL) {
        add_inbox(pass, config);
    } else if (!inbox->is_changing &&
               config_inbox_equals(inbox->config, config, NULL)) {
        inbox->config = config;
    } else {
        note_error(pass, reload_change_inbox(pass->changes, inbox, config,
                                             pass->from));
    }
}

static void pass_inboxes(struct reload_pass *pass)
{
    struct gather_inbox *inbox;
    size_t cursor = 0;
    for (size_t i = 0; i < pass->to->inbox_count; i++) {
        compare_inbox(pass, &pass->to->inboxes[i]);
    }
    while ((inbox = name_table_next(&gather_of(pass)->inboxes, &cursor))) {
        if (config_inbox_find(pass->to, inbox->name) == NULL) {
            note_error(pass, reload_change_inbox(pass->changes, inbox, NULL,
                                                 pass->from));
        }
    }
    pass->stage = RELOAD_PASS_SERVERS;
}

/* Servers */

static void start_server(struct reload_pass *pass, struct gather_server *server)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    note_error(pass, reload_server_add(server, why, sizeof why));
}

static void compare_server(struct reload_pass *pass,
                           const struct config_server *config)
{
    struct gather_server *server =
        name_table_find(&gather_of(pass)->servers, config->options.name);
    if (server == NULL) {
        int error = gather_server_make(gather_of(pass), config, &server);
        note_error(pass, error);
        if (error == 0) {
            start_server(pass, server);
        }
    } else if (server->is_changing ||
               !config_server_equals(server->config, config, NULL)) {
        note_error(pass, reload_change_server(pass->changes, server, config,
                                              pass->from));
    } else {
        server->config = config;
        if (server->server == NULL) {
            start_server(pass, server); /* it was held */
        }
    }
}

static void pass_servers(struct reload_pass *pass)
{
    size_t count = 0;
    while (pass->index < pass->to->server_count && count < RELOAD_SLICE_COUNT) {
        compare_server(pass, &pass->to->servers[pass->index++]);
        count++;
    }
    if (pass->index == pass->to->server_count) {
        pass->stage = RELOAD_PASS_QUEUES;
        pass->index = 0;
    }
}

/* Queues */

static void add_queue(struct reload_pass *pass, struct gather_server *server,
                      const struct config_queue *config)
{
    struct gather_queue *queue;
    int error = gather_queue_make(server, config, &queue);
    if (error == 0) {
        error = reload_change_queue(pass->changes, queue, config, NULL);
    }
    note_error(pass, error);
}

/* True if it is in the poller, and as the configuration says. */
static bool is_as_before(const struct gather_queue *queue,
                         const struct config_queue *config)
{
    const struct gather_inbox *inbox = name_table_find(
        &queue->server->gather->inboxes, config->settings->inbox->name);
    return !queue->is_changing && queue->queue != NULL &&
           !queue->server->is_changing && inbox != NULL &&
           !inbox->is_changing && queue->stored->inbox == inbox->inbox &&
           config_queue_equals(queue->config, config, NULL);
}

static void compare_queue(struct reload_pass *pass,
                          const struct config_queue *config)
{
    struct gather_server *server = name_table_find(
        &gather_of(pass)->servers, config->server->options.name);
    struct gather_queue *queue =
        server == NULL ? NULL : name_table_find(&server->queues, config->name);
    if (server == NULL) {
        return; /* no memory for it */
    }
    if (queue == NULL) {
        add_queue(pass, server, config);
    } else if (!is_as_before(queue, config)) {
        note_error(pass, reload_change_queue(pass->changes, queue, config,
                                             pass->from));
    } else {
        queue->config = config;
        if (gather_key_has_changed(queue)) {
            gather_key_reread(queue);
        }
    }
}

static void pass_queues(struct reload_pass *pass)
{
    size_t count = 0;
    while (pass->index < pass->to->queue_count && count < RELOAD_SLICE_COUNT) {
        compare_queue(pass, &pass->to->queues[pass->index++]);
        count++;
    }
    if (pass->index == pass->to->queue_count) {
        pass->stage = RELOAD_PASS_REMOVED;
        pass->cursor = 0;
        pass->server = NULL;
    }
}

/* What is gone */

/* The queues of a configuration are one array. */
static bool is_queue_of(const struct config *config,
                        const struct config_queue *queue)
{
    uintptr_t first = (uintptr_t)config->queues;
    uintptr_t at = (uintptr_t)queue;
    return at >= first && at < first + config->queue_count * sizeof *queue;
}

static bool is_server_of(const struct config *config,
                         const struct config_server *server)
{
    uintptr_t first = (uintptr_t)config->servers;
    uintptr_t at = (uintptr_t)server;
    return at >= first && at < first + config->server_count * sizeof *server;
}

static void look_at_queue(struct reload_pass *pass, struct gather_queue *queue)
{
    const struct config_queue *config = queue->config;
    if (queue->is_changing) {
        config = reload_change_find(pass->changes, CONFIG_PART_QUEUE,
                                    queue->server->name, queue->config->name)
                     ->next;
    }
    if (!is_queue_of(pass->to, config)) {
        note_error(pass,
                   reload_change_queue(pass->changes, queue, NULL, pass->from));
    }
}

static void look_at_server(struct reload_pass *pass,
                           struct gather_server *server)
{
    const struct config_server *config = server->config;
    if (server->is_changing) {
        config = reload_change_find(pass->changes, CONFIG_PART_SERVER, NULL,
                                    server->name)
                     ->next;
    }
    if (!is_server_of(pass->to, config)) {
        note_error(pass, reload_change_server(pass->changes, server, NULL,
                                              pass->from));
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
            look_at_server(pass, pass->server);
        }
        queue = name_table_next(&pass->server->queues, &pass->queue_cursor);
        if (queue != NULL) {
            look_at_queue(pass, queue);
        } else {
            pass->server = NULL;
        }
        count++;
    }
}

/* Outlets */

static void compare_outlet(struct reload_pass *pass,
                           const struct config_outlet *config)
{
    struct reload_changes *changes = pass->changes;
    struct gather_outlet *outlet =
        gather_find_outlet(gather_of(pass), config->forward.name);
    if (outlet == NULL) {
        outlet = gather_outlet_make(gather_of(pass), config);
        note_error(pass, outlet == NULL ? HAPLO_ENOMEM
                                        : reload_change_outlet(changes, outlet,
                                                               config, NULL));
    } else if (outlet->is_changing || outlet->forwarder == NULL ||
               outlet->inbox->is_changing ||
               reload_pin_has_new_files(&changes->pins, outlet) ||
               !config_outlet_equals(outlet->config, config, NULL)) {
        note_error(pass,
                   reload_change_outlet(changes, outlet, config, pass->from));
    } else {
        reload_pin_keep(&changes->pins, outlet, pass->from);
        outlet->config = config;
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
        compare_outlet(pass, &pass->to->outlets[i]);
    }
    while ((outlet = name_table_next(&gather_of(pass)->outlets, &cursor))) {
        if (!has_outlet(pass->to, outlet->name)) {
            note_error(pass, reload_change_outlet(pass->changes, outlet, NULL,
                                                  pass->from));
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
