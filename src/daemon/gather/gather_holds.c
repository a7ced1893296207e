/*
 * gather_holds.c - holds queues, and lets them go.
 *
 *   - A queue that cannot be added to the poller is held, with the reason.
 *   - From time to time (file_watch.c) those whose files may have been
 *     corrected are tried again (gather_holds_retry): first the server, if it
 *     was not added either, then the queue.
 *   - A queue that has been added is polled immediately.
 *
 * If memory runs out while a queue is tried again, it remains held and is
 * tried later.
 */
#include "daemon/gather/gather_holds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/command_hint.h"
#include "config/catalogue.h"
#include "daemon/gather/gather_key.h"
#include "daemon/gather/gather_queues.h"
#include "daemon/log/log.h"
#include "daemon/observe/observer_feed.h"

#define TOLD_MAX 20 /* lines; as many as `check` prints */

void gather_holds_init(struct gather *gather)
{
    TAILQ_INIT(&gather->holds);
    gather->hold_count = 0;
}

/* Adds a copy of the hold; takes own_why. */
static int add(struct gather *gather, const struct gather_hold *from)
{
    struct gather_hold *hold = malloc(sizeof *hold);
    if (hold == NULL) {
        free(from->own_why);
        return HAPLO_ENOMEM;
    }
    *hold = *from;
    TAILQ_INSERT_TAIL(&gather->holds, hold, link);
    gather->hold_count++;
    if (gather->options.held_cb != NULL) {
        gather->options.held_cb(gather);
    }
    return 0;
}

static void end(struct gather *gather, struct gather_hold *hold)
{
    TAILQ_REMOVE(&gather->holds, hold, link);
    gather->hold_count--;
    free(hold->own_why);
    free(hold);
}

int gather_holds_take(struct gather *gather)
{
    const struct config *config = gather->config;
    int error = 0;
    for (size_t i = 0; error == 0 && i < config->held_count; i++) {
        const struct config_held *held = &config->held[i];
        error = add(gather, &(struct gather_hold){
                                .server = held->server,
                                .name = held->queue,
                                .state = HAPLO_QUEUE_BLOCKED,
                                .place = held->problem->place,
                                .why = held->problem->text,
                            });
    }
    return error;
}

/* "queue example/student: WHY" */
static char *text_make(const char *kind, const char *name, const char *why)
{
    size_t size = strlen(kind) + strlen(name) + strlen(why) + sizeof " : ";
    char *text = malloc(size);
    if (text != NULL) {
        snprintf(text, size, "%s %s: %s", kind, name, why);
    }
    return text;
}

static int hold_queue(struct gather_queue *queue, enum haplo_queue_state state,
                      bool is_expected, const char *why)
{
    char name[GATHER_NAME_SIZE];
    char *text = text_make("queue", gather_queue_name(queue, name), why);
    if (text == NULL) {
        return HAPLO_ENOMEM;
    }
    observer_feed_held(queue, text);
    return add(
        queue->server->gather,
        &(struct gather_hold){
            .server = queue->server->name,
            .name = queue->config->name,
            .queue = queue,
            .state = state,
            .is_watched = state == HAPLO_QUEUE_REFUSED &&
                          (queue->config->key->path != NULL ||
                           queue->config->key->kind == CONFIG_KEY_COMMAND),
            .is_expected = is_expected,
            .place = queue->config->place,
            .why = text,
            .own_why = text,
        });
}

int gather_hold_queue(struct gather_queue *queue, enum haplo_queue_state state,
                      const char *why)
{
    return hold_queue(queue, state, false, why);
}

int gather_hold_until_key(struct gather_queue *queue, const char *why)
{
    return hold_queue(queue, HAPLO_QUEUE_REFUSED, true, why);
}

int gather_hold_with_server(struct gather_queue *queue)
{
    const struct gather_server *server = queue->server;
    observer_feed_held(queue, NULL); /* the server tells why */
    return add(server->gather, &(struct gather_hold){
                                   .server = server->name,
                                   .name = queue->config->name,
                                   .queue = queue,
                                   .state = HAPLO_QUEUE_BLOCKED,
                                   .is_watched = true,
                                   .place = server->config->place,
                                   .why = server->why,
                               });
}

int gather_server_blame(struct gather_server *server, const char *why)
{
    free(server->why);
    server->why = text_make("server", server->name, why);
    return server->why == NULL ? HAPLO_ENOMEM : 0;
}

int gather_hold_server(struct gather_server *server, const char *why)
{
    const struct config_server *config = server->config;
    int error = gather_server_blame(server, why);
    if (error == 0) {
        observer_feed_server_held(server, server->why);
    }
    for (size_t i = 0; error == 0 && i < config->queue_count; i++) {
        error = gather_hold_with_server(
            name_table_find(&server->queues, config->queues[i].name));
    }
    return error;
}

void gather_holds_end(struct gather_server *server)
{
    struct gather *gather = server->gather;
    struct gather_hold *next;
    for (struct gather_hold *hold = TAILQ_FIRST(&gather->holds); hold != NULL;
         hold = next) {
        next = TAILQ_NEXT(hold, link);
        if (hold->queue != NULL && hold->queue->server == server) {
            end(gather, hold);
        }
    }
    free(server->why);
    server->why = NULL;
}

/* Trying again */

/* Remembers why a server is still held, and tells if that is another reason
 * than before. */
static void server_explain(struct gather_server *server, const char *why)
{
    struct gather *gather = server->gather;
    struct gather_hold *hold;
    char *text = text_make("server", server->name, why);
    if (text == NULL || strcmp(text, server->why) == 0) {
        free(text);
        return;
    }
    log_line(LOG_LEVEL_WARNING, "%s", text);
    TAILQ_FOREACH (hold, &gather->holds, link) {
        if (hold->why == server->why) {
            hold->why = text;
        }
    }
    free(server->why);
    server->why = text;
}

/* Adds the server of a hold, unless that has just failed for another of its
 * queues. */
static bool server_is_added(struct gather_server *server,
                            const struct gather_server **failed)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    if (server->server != NULL) {
        return true;
    }
    if (server == *failed) {
        return false;
    }
    if (gather_queues_add_server(server, why, sizeof why) != 0) {
        server_explain(server, why);
        *failed = server;
        return false;
    }
    observer_feed_server_unheld(server);
    log_line(LOG_LEVEL_INFO,
             "%s: its TLS files can be read now: polling its queues",
             server->name);
    return true;
}

/* The queue is in the poller now, or held by another hold, the newest. */
static bool retried(struct gather *gather, const struct gather_hold *hold)
{
    char name[GATHER_NAME_SIZE];
    if (hold->queue->queue == NULL) {
        const struct gather_hold *newest =
            TAILQ_LAST(&gather->holds, gather_hold_list);
        log_line(LOG_LEVEL_WARNING, "%s", newest->why);
        return newest->is_watched;
    }
    observer_feed_unheld(hold->queue);
    if (hold->is_expected) {
        return false; /* due within its interval, like the others */
    }
    if (hold->state == HAPLO_QUEUE_REFUSED) {
        log_line(LOG_LEVEL_INFO, "%s: its API key can be read now: trying it",
                 gather_queue_name(hold->queue, name));
    }
    haplo_queue_poll_now(hold->queue->queue);
    return false;
}

/* True if the queue is still held, and may be corrected later. */
static bool retry(struct gather *gather, struct gather_hold *hold,
                  const struct gather_server **failed)
{
    bool is_by_key = hold->state == HAPLO_QUEUE_REFUSED;
    if (!server_is_added(hold->queue->server, failed) ||
        (is_by_key && !gather_key_has_changed(hold->queue)) ||
        gather_queues_add_queue(hold->queue, false) != 0) {
        return true;
    }
    bool is_held = retried(gather, hold);
    end(gather, hold);
    return is_held;
}

bool gather_holds_retry(struct gather *gather)
{
    const struct gather_server *failed = NULL;
    struct gather_hold *hold;
    struct gather_hold *next;
    bool is_any_left = false;
    if (gather->phase != GATHER_OPEN) {
        return false;
    }
    for (hold = TAILQ_FIRST(&gather->holds); hold != NULL; hold = next) {
        next = TAILQ_NEXT(hold, link);
        if (hold->is_watched && retry(gather, hold, &failed)) {
            is_any_left = true;
        }
    }
    return is_any_left;
}

/* Telling */

/* Counts the lines, and logs the first ones. */
static void tell(const struct gather *gather, size_t *count,
                 enum diagnostic_code code, struct config_place place,
                 const char *why)
{
    char text[CODE_TEXT_SIZE];
    if (++*count <= TOLD_MAX) {
        log_line(LOG_LEVEL_ERROR,
                 code != HP_NONE ? "%s:%u:%u: %s [%s]" : "%s:%u:%u: %s",
                 config_place_path(gather->config, place), place.line,
                 place.column, why, code_format(code, text));
    }
}

/* First the problems of the configuration, some of which hold no queue. */
void gather_holds_tell(const struct gather *gather)
{
    const struct config *config = gather->config;
    const struct gather_hold *hold;
    const char *told = NULL;
    char hint[COMMAND_HINT_SIZE];
    size_t count = 0;
    for (size_t i = 0; i < config->problem_count; i++) {
        tell(gather, &count, config->problems[i].code,
             config->problems[i].place, config->problems[i].text);
    }
    TAILQ_FOREACH (hold, &gather->holds, link) {
        if (hold->queue != NULL && hold->why != told && !hold->is_expected) {
            tell(gather, &count, HP_NONE, hold->place, hold->why);
            told = hold->why;
        }
        log_line(LOG_LEVEL_TRACE, "%s/%s: held: %s", hold->server, hold->name,
                 haplo_queue_state_name(hold->state));
    }
    if (count > TOLD_MAX) {
        log_line(LOG_LEVEL_ERROR,
                 "%s: and %zu more problems: correct these first, then run "
                 "`%s`",
                 config->path, count - TOLD_MAX,
                 command_hint(hint, "check", NULL));
    }
}

void gather_holds_tell_newest(const struct gather *gather, size_t *told_count)
{
    const struct gather_hold *hold =
        TAILQ_LAST(&gather->holds, gather_hold_list);
    if (hold->own_why != NULL && !hold->is_expected &&
        (*told_count)++ < TOLD_MAX) {
        log_line(LOG_LEVEL_ERROR, "%s:%u:%u: %s",
                 config_place_path(gather->config, hold->place),
                 hold->place.line, hold->place.column, hold->why);
    }
}

void gather_holds_free(struct gather *gather)
{
    struct gather_hold *next;
    for (struct gather_hold *hold = TAILQ_FIRST(&gather->holds); hold != NULL;
         hold = next) {
        next = TAILQ_NEXT(hold, link);
        free(hold->own_why);
        free(hold);
    }
    gather_holds_init(gather);
}
