/*
 * reload_compare.c - compares one object that is at work with the newest
 * configuration.
 *
 *   - One that is as the configuration says borrows from it from now on, and
 *     notices nothing. A queue reads its API key again if the file of that has
 *     changed.
 *   - Any other gets a change, which begins at once (reload_change.h). So does
 *     one that is held, or that is changing already.
 *   - One that the configuration does not have is to be removed.
 *
 * If memory runs out, the object stays as it is, and so does the configuration
 * that it borrows from; this is logged.
 */
#include "daemon/reload/reload_compare.h"

#include <stdint.h>

#include "config/config_equal.h"
#include "daemon/gather/gather_inboxes.h"
#include "daemon/gather/gather_key.h"
#include "daemon/gather/gather_outlets.h"
#include "daemon/gather/gather_queues.h"
#include "daemon/gather/gather_slots.h"
#include "daemon/log/log.h"
#include "daemon/reload/reload_step.h"

static struct gather *gather_of(const struct reload_pass *pass)
{
    return pass->changes->gather;
}

/* An object whose change could not begin borrows from the old configuration
 * for as long as it exists, so that is never freed. */
void reload_pass_note(struct reload_pass *pass, int error)
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
    reload_pass_note(
        pass, inbox == NULL
                  ? HAPLO_ENOMEM
                  : reload_change_inbox(pass->changes, inbox, config, NULL));
}

void reload_compare_inbox(struct reload_pass *pass,
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
        reload_pass_note(pass, reload_change_inbox(pass->changes, inbox, config,
                                                   pass->from));
    }
}

/* Servers */

static void start_server(struct reload_pass *pass, struct gather_server *server)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    reload_pass_note(pass, reload_server_add(server, why, sizeof why));
}

void reload_compare_server(struct reload_pass *pass,
                           const struct config_server *config)
{
    struct gather_server *server =
        name_table_find(&gather_of(pass)->servers, config->options.name);
    if (server == NULL) {
        int error = gather_server_make(gather_of(pass), config, &server);
        reload_pass_note(pass, error);
        if (error == 0) {
            start_server(pass, server);
        }
    } else if (server->is_changing ||
               !config_server_equals(server->config, config, NULL)) {
        reload_pass_note(pass, reload_change_server(pass->changes, server,
                                                    config, pass->from));
    } else {
        server->config = config;
        if (server->server == NULL) {
            start_server(pass, server); /* it was held */
        }
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
    reload_pass_note(pass, error);
}

/* True if it is in the poller, or another host polls it, and as the
 * configuration says. */
static bool is_as_before(const struct gather_queue *queue,
                         const struct config_queue *config)
{
    const struct gather_inbox *inbox = name_table_find(
        &queue->server->gather->inboxes, config->settings->inbox->name);
    return !queue->is_changing &&
           (queue->queue != NULL) == gather_slots_own(queue->server) &&
           !queue->server->is_changing && inbox != NULL &&
           !inbox->is_changing && queue->stored->inbox == inbox->inbox &&
           config_queue_equals(queue->config, config, NULL);
}

void reload_compare_queue(struct reload_pass *pass,
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
        reload_pass_note(pass, reload_change_queue(pass->changes, queue, config,
                                                   pass->from));
    } else {
        queue->config = config;
        if (queue->queue != NULL && gather_key_look(&pass->look, queue)) {
            gather_key_reread(queue);
        }
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

void reload_look_at_queue(struct reload_pass *pass, struct gather_queue *queue)
{
    const struct config_queue *config = queue->config;
    if (queue->is_changing) {
        config = reload_change_find(pass->changes, CONFIG_PART_QUEUE,
                                    queue->server->name, queue->config->name)
                     ->next;
    }
    if (!is_queue_of(pass->to, config)) {
        reload_pass_note(
            pass, reload_change_queue(pass->changes, queue, NULL, pass->from));
    }
}

void reload_look_at_server(struct reload_pass *pass,
                           struct gather_server *server)
{
    const struct config_server *config = server->config;
    if (server->is_changing) {
        config = reload_change_find(pass->changes, CONFIG_PART_SERVER, NULL,
                                    server->name)
                     ->next;
    }
    if (!is_server_of(pass->to, config)) {
        reload_pass_note(pass, reload_change_server(pass->changes, server, NULL,
                                                    pass->from));
    }
}

/* Outlets */

void reload_compare_outlet(struct reload_pass *pass,
                           const struct config_outlet *config)
{
    struct reload_changes *changes = pass->changes;
    struct gather_outlet *outlet =
        gather_find_outlet(gather_of(pass), config->forward.name);
    if (outlet == NULL) {
        outlet = gather_outlet_make(gather_of(pass), config);
        reload_pass_note(
            pass, outlet == NULL
                      ? HAPLO_ENOMEM
                      : reload_change_outlet(changes, outlet, config, NULL));
    } else if (outlet->is_changing || outlet->forwarder == NULL ||
               outlet->inbox->is_changing ||
               reload_pin_has_new_files(&changes->pins, outlet) ||
               !config_outlet_equals(outlet->config, config, NULL)) {
        reload_pass_note(
            pass, reload_change_outlet(changes, outlet, config, pass->from));
    } else {
        reload_pin_keep(&changes->pins, outlet, pass->from);
        outlet->config = config;
    }
}
