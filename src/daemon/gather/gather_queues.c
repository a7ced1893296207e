/*
 * gather_queues.c - creates servers and queues.
 *
 *   - Each server and queue of the configuration becomes an object that can be
 *     found by name, and each queue is opened in its inbox.
 *   - The failed logins of earlier runs are added.
 *   - Each server is added to the poller, and each of its queues with its API
 *     key and the state that its inbox has stored.
 *
 * Failures:
 *
 *   - A key or a TLS file cannot be read, or the library refuses a queue (its
 *     stored state is damaged): the queue, or all queues of the server, are
 *     held (gather_holds.c); the others are added.
 *   - Memory runs out: this is logged, and the rest is skipped, since nothing
 *     will run.
 */
#include "daemon/gather/gather_queues.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/api_key.h"
#include "daemon/gather/gather_batch.h"
#include "daemon/gather/gather_holds.h"
#include "daemon/gather/gather_key.h"
#include "daemon/gather/gather_pause.h"
#include "daemon/gather/gather_slots.h"
#include "daemon/log/log.h"
#include "daemon/observe/observer_feed.h"

static const char *server_name_of(const void *server)
{
    return ((const struct gather_server *)server)->name;
}

static const char *queue_name_of(const void *queue)
{
    return ((const struct gather_queue *)queue)->config->name;
}

void gather_queues_init(struct gather *gather)
{
    gather->servers.name_of = server_name_of;
    gather_holds_init(gather);
    failed_logins_init(&gather->failed_logins, gather);
}

/* Objects */

struct gather_inbox *gather_queue_inbox(const struct gather_queue *queue)
{
    return name_table_find(&queue->server->gather->inboxes,
                           queue->config->settings->inbox->name);
}

int gather_queue_store_in(struct gather_queue *queue,
                          struct gather_inbox *inbox)
{
    int error = inbox_queue_open(inbox->inbox, queue->server->name,
                                 queue->config->name, &queue->stored);
    inbox->user_count += error == 0;
    return error;
}

void gather_queue_leave_inbox(struct gather_queue *queue)
{
    struct gather_inbox *inbox = inbox_data(queue->stored->inbox);
    inbox_queue_close(queue->stored);
    queue->stored = NULL;
    inbox->user_count--;
}

int gather_queue_make(struct gather_server *server,
                      const struct config_queue *config,
                      struct gather_queue **out)
{
    struct gather_queue *queue = calloc(1, sizeof *queue);
    if (queue == NULL) {
        return HAPLO_ENOMEM;
    }
    queue->config = config;
    queue->server = server;
    int error = name_table_add(&server->queues, queue);
    if (error != 0) {
        free(queue);
        return error;
    }
    server->gather->queue_count++;
    failed_logins_enter(queue);
    observer_feed_add_queue(queue);
    *out = queue;
    return 0;
}

void gather_queue_drop(struct gather_queue *queue)
{
    struct gather *gather = queue->server->gather;
    assert(queue->queue == NULL);
    if (queue->stored != NULL) {
        gather_queue_leave_inbox(queue);
    }
    failed_logins_leave(queue);
    observer_feed_remove_queue(queue);
    name_table_remove(&queue->server->queues, queue);
    gather->queue_count--;
    free(queue);
}

static void server_free(struct gather_server *server)
{
    free(server->name);
    free(server->why);
    free(server);
}

int gather_server_make(struct gather *gather,
                       const struct config_server *config,
                       struct gather_server **out)
{
    struct gather_server *server = calloc(1, sizeof *server);
    if (server == NULL) {
        return HAPLO_ENOMEM;
    }
    server->gather = gather;
    server->config = config;
    server->queues.name_of = queue_name_of;
    server->name = strdup(config->options.name);
    if (server->name == NULL || name_table_add(&gather->servers, server) != 0) {
        server_free(server);
        return HAPLO_ENOMEM;
    }
    gather_slots_add_server(server);
    observer_feed_add_server(server);
    observer_feed_server_move(server, !gather_slots_own(server));
    *out = server;
    return 0;
}

void gather_server_drop(struct gather_server *server)
{
    struct gather *gather = server->gather;
    assert(server->server == NULL && server->queues.count == 0);
    gather_slots_remove_server(server);
    observer_feed_remove_server(server);
    name_table_remove(&gather->servers, server);
    name_table_free(&server->queues);
    server_free(server);
}

static int make_queue(struct gather_server *server,
                      const struct config_queue *config)
{
    struct gather_queue *queue;
    int error = gather_queue_make(server, config, &queue);
    return error != 0 ? error
                      : gather_queue_store_in(queue, gather_queue_inbox(queue));
}

static int make_server(struct gather *gather,
                       const struct config_server *config)
{
    struct gather_server *server;
    int error = gather_server_make(gather, config, &server);
    if (error == 0) {
        error = name_table_reserve(&server->queues, config->queue_count);
    }
    for (size_t i = 0; error == 0 && i < config->queue_count; i++) {
        error = make_queue(server, &config->queues[i]);
    }
    return error;
}

int gather_queues_open(struct gather *gather)
{
    const struct config *config = gather->config;
    int error = 0;
    for (size_t i = 0; error == 0 && i < config->server_count; i++) {
        error = make_server(gather, &config->servers[i]);
    }
    if (error != 0) {
        log_line(LOG_LEVEL_ERROR, "%s", haplo_error_text(error));
    }
    return error;
}

/* The poller */

static void on_event(struct haplo_poller *poller,
                     const struct haplo_event *event)
{
    struct gather *gather = haplo_poller_data(poller);
    failed_logins_note(&gather->failed_logins, event);
    if (gather->phase > GATHER_DRAINING) {
        return;
    }
    gather_batch_on_event(event);
    observer_feed_event(event);
    if (gather->options.event_cb != NULL) {
        gather->options.event_cb(poller, event);
    }
}

static int make_poller(struct gather *gather, char *why, size_t why_size)
{
    struct haplo_poller_options options = {.struct_size = sizeof options};
    config_poller_options(gather->config, &options);
    options.event_cb = on_event;
    options.data = gather;
    return haplo_poller_new(gather->loop, &options, &gather->poller, why,
                            why_size);
}

/* Shared by the steps that add servers and queues. */
struct adding {
    struct gather_key_reader keys; /* reads shared files only once */
    const struct config_queue_settings *settings; /* of the newest queue */
    struct haplo_queue_options options;           /* what these settings say */
    size_t told_count;                            /* of queues that are held */
    bool has_failed_logins;        /* that still count, but not of these keys */
    char why[HAPLO_TEXT_SIZE_MAX]; /* one line */
};

/* Most queues have the settings of the one before. */
static struct haplo_queue_options options_of(const struct config_queue *config,
                                             struct adding *adding)
{
    if (config->settings != adding->settings) {
        config_queue_options(config, &adding->options);
        adding->settings = config->settings;
    }
    adding->options.name = config->name;
    return adding->options;
}

static int add_to_poller(struct gather_queue *queue, struct adding *adding)
{
    struct haplo_queue_options options = options_of(queue->config, adding);
    options.state = queue->stored->state;
    options.key_proven = adding->has_failed_logins && options.state.size > 0 &&
                         !queue->key_refused;
    options.api_key = adding->keys.key.revealed;
    options.deliver_cb = gather_batch_on_deliver;
    options.marked_cb = gather_batch_on_marked;
    options.data = queue;
    int error = haplo_queue_add(queue->server->server, &options, &queue->queue,
                                adding->why, sizeof adding->why);
    if (error == 0) {
        gather_pause_apply(queue);
    }
    return error;
}

/* Adds or holds it. 0 or HAPLO_ENOMEM. */
static int add_queue(struct gather_queue *queue, struct adding *adding)
{
    int error =
        gather_key_read(&adding->keys, queue, adding->why, sizeof adding->why);
    if (error == HAPLO_EBUSY) {
        return gather_hold_until_key(queue, adding->why);
    }
    if (error != 0) {
        return gather_hold_queue(queue, HAPLO_QUEUE_REFUSED, adding->why);
    }
    error = add_to_poller(queue, adding);
    return error == 0 || error == HAPLO_ENOMEM
               ? error
               : gather_hold_queue(queue, HAPLO_QUEUE_BLOCKED, adding->why);
}

int gather_queues_add_queue(struct gather_queue *queue, bool has_proven_key)
{
    struct adding adding = {.has_failed_logins = has_proven_key};
    int error = add_queue(queue, &adding);
    gather_key_reader_wipe(&adding.keys);
    return error;
}

/* In the order of the configuration, where equal keys are often adjacent. */
static int add_queues(struct gather_server *server, struct adding *adding)
{
    const struct config_server *config = server->config;
    int error = 0;
    for (size_t i = 0; error == 0 && i < config->queue_count; i++) {
        error = add_queue(
            name_table_find(&server->queues, config->queues[i].name), adding);
    }
    return error;
}

int gather_queues_add_server(struct gather_server *server, char *why,
                             size_t why_size)
{
    struct haplo_server_options options = {.struct_size = sizeof options};
    int error = config_server_files(server->config, why, why_size);
    if (error != 0) {
        return error;
    }
    config_server_options(server->config, &options);
    options.data = server;
    error = haplo_server_add(server->gather->poller, &options, &server->server,
                             why, why_size);
    if (error == 0) {
        failed_logins_added(server);
    }
    return error;
}

/* Adds or holds it. 0 or HAPLO_ENOMEM. */
static int add_server(struct gather_server *server, struct adding *adding)
{
    int error =
        gather_queues_add_server(server, adding->why, sizeof adding->why);
    if (error != 0) {
        return error == HAPLO_ENOMEM ? error
                                     : gather_hold_server(server, adding->why);
    }
    return add_queues(server, adding);
}

/* Other hosts poll its queues. */
static void leave_to_others(const struct gather_server *server)
{
    struct gather_queue *queue;
    size_t cursor = 0;
    while ((queue = name_table_next(&server->queues, &cursor)) != NULL) {
        observer_feed_elsewhere(queue);
    }
}

static int add_servers(struct gather *gather, bool has_failed_logins)
{
    const struct config *config = gather->config;
    struct adding adding = {.has_failed_logins = has_failed_logins};
    int error = 0;
    for (size_t i = 0; error == 0 && i < config->server_count; i++) {
        struct gather_server *server =
            name_table_find(&gather->servers, config->servers[i].options.name);
        if (gather_slots_own(server)) {
            error = add_server(server, &adding);
        } else {
            leave_to_others(server);
        }
    }
    gather_key_reader_wipe(&adding.keys);
    return error;
}

static int enter_queue(struct gather_queue *queue, struct adding *adding)
{
    observer_feed_restarted(queue);
    int error = add_queue(queue, adding);
    if (error == 0 && queue->queue == NULL) {
        gather_holds_tell_newest(queue->server->gather, &adding->told_count);
    } else if (error == 0) {
        haplo_queue_poll_now(queue->queue);
    }
    return error;
}

int gather_queues_enter(struct gather_server *server)
{
    struct adding adding = {.has_failed_logins =
                                server->gather->failed_logins.has_counts};
    struct gather_queue *queue;
    size_t cursor = 0;
    /* It may not have left the poller since the slot was lost. */
    int error =
        server->server == NULL
            ? gather_queues_add_server(server, adding.why, sizeof adding.why)
            : 0;
    if (error != 0 && error != HAPLO_ENOMEM) {
        log_line(LOG_LEVEL_ERROR, "server %s: %s", server->name, adding.why);
        return gather_hold_server(server, adding.why);
    }
    while (error == 0 &&
           (queue = name_table_next(&server->queues, &cursor)) != NULL) {
        error = enter_queue(queue, &adding);
    }
    gather_key_reader_wipe(&adding.keys);
    return error;
}

static void on_left(struct haplo_queue *left)
{
    struct gather_queue *queue = haplo_queue_data(left);
    const struct gather *gather = queue->server->gather;
    struct haplo_queue_stats stats = {.struct_size = sizeof stats};
    haplo_queue_get_stats(left, &stats);
    queue->queue = NULL;
    if (queue->is_changing) {
        gather->left_cb(queue, stats.key_proven);
    }
    gather_slots_queue_left(queue);
}

void gather_queue_leave_poller(struct gather_queue *queue)
{
    (void)haplo_queue_remove(queue->queue, on_left); /* or it is on its way */
}

int gather_queues_add(struct gather *gather)
{
    bool has_failed_logins = false;
    char why[HAPLO_TEXT_SIZE_MAX] = "";
    int error = make_poller(gather, why, sizeof why);
    if (error == 0) {
        has_failed_logins = failed_logins_load(&gather->failed_logins);
        error = gather_holds_take(gather);
    }
    if (error == 0) {
        error = add_servers(gather, has_failed_logins);
    }
    if (error != 0) {
        log_line(LOG_LEVEL_ERROR, "%s",
                 why[0] != '\0' ? why : haplo_error_text(error));
    }
    return error;
}

/* The end */

static bool has_batch(const struct gather_queue *queue)
{
    struct haplo_queue_stats stats = {.struct_size = sizeof stats};
    if (queue->queue == NULL) {
        return false; /* held */
    }
    haplo_queue_get_stats(queue->queue, &stats);
    return stats.state == HAPLO_QUEUE_LAST_DELIVERING ||
           stats.state == HAPLO_QUEUE_LAST_MARK_READY ||
           stats.state == HAPLO_QUEUE_LAST_MARKING ||
           stats.state == HAPLO_QUEUE_LAST_MARK_WAIT;
}

size_t gather_queues_batches_left(const struct gather *gather)
{
    const struct gather_server *server;
    size_t cursor = 0;
    size_t count = 0;
    while ((server = name_table_next(&gather->servers, &cursor)) != NULL) {
        const struct gather_queue *queue;
        size_t queue_cursor = 0;
        while ((queue = name_table_next(&server->queues, &queue_cursor))) {
            count += has_batch(queue);
        }
    }
    return count;
}

static void free_queues(struct gather_server *server)
{
    struct gather_queue *queue;
    size_t cursor = 0;
    while ((queue = name_table_next(&server->queues, &cursor)) != NULL) {
        observer_feed_remove_queue(queue);
        free(queue);
    }
    name_table_free(&server->queues);
}

void gather_queues_free(struct gather *gather)
{
    struct gather_server *server;
    size_t cursor = 0;
    gather_holds_free(gather);
    failed_logins_free(&gather->failed_logins);
    while ((server = name_table_next(&gather->servers, &cursor)) != NULL) {
        free_queues(server);
        observer_feed_remove_server(server);
        server_free(server);
    }
    name_table_free(&gather->servers);
}

/* Names */

struct gather_queue *gather_find_queue(const struct gather *gather,
                                       const char *server, const char *queue)
{
    const struct gather_server *found =
        name_table_find(&gather->servers, server);
    return found == NULL ? NULL : name_table_find(&found->queues, queue);
}

const char *gather_queue_name(const struct gather_queue *queue,
                              char text[GATHER_NAME_SIZE])
{
    snprintf(text, GATHER_NAME_SIZE, "%s/%s", queue->server->name,
             queue->config->name);
    return text;
}
