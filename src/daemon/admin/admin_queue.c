/*
 * admin_queue.c - one queue as JSON: its state, why, and what happens next.
 */
#include <stdio.h>
#include <string.h>

#include "base/command_hint.h"
#include "base/wall_clock.h"
#include "config/api_key.h"
#include "daemon/admin/admin_object.h"
#include "daemon/admin/admin_private.h"
#include "daemon/admin/admin_queue.h"
#include "daemon/gather/pauses.h"
#include "daemon/observe/observer_fleet.h"
#include "daemon/reload/reload_step.h"

/* What is known about a queue, from everybody who knows something. */
struct known {
    const struct gather_queue *queue;       /* see there */
    struct haplo_queue_stats stats;         /* all 0 if it is held */
    struct haplo_server_stats server_stats; /* likewise */
    const struct pause *pause;              /* of an operator; or NULL */
    enum admin_health health;               /* at a glance */
};

static void know(struct known *known, const struct gather_queue *queue)
{
    *known = (struct known){
        .queue = queue,
        .stats = {.struct_size = sizeof known->stats, .unread_count = -1},
        .server_stats = {.struct_size = sizeof known->server_stats},
        .health = admin_health_of_queue(queue),
        .pause = pauses_find(queue->server->gather->options.pauses,
                             queue->server->config->options.name,
                             queue->config->name),
    };
    known->stats.state = HAPLO_QUEUE_BLOCKED;
    if (queue->queue != NULL) {
        haplo_queue_get_stats(queue->queue, &known->stats);
        haplo_server_get_stats(queue->server->server, &known->server_stats);
    }
}

/* What happens next */

/* What a reload does with it now: its batch is finished first. */
static const char *change_of(const struct gather_queue *queue)
{
    const struct gather *gather = queue->server->gather;
    const struct reload_change *change =
        queue->is_changing && gather->changes != NULL
            ? reload_change_find(gather->changes, CONFIG_PART_QUEUE,
                                 queue->server->name, queue->config->name)
            : NULL;
    return change == NULL ? NULL : change->next == NULL ? "removed" : "changed";
}

/* What follows, if its batch is the last one. */
static const char *then_text(const struct known *known)
{
    const char *change = change_of(known->queue);
    if (known->queue->queue == NULL ||
        known->stats.state < HAPLO_QUEUE_LAST_DELIVERING) {
        return "";
    }
    return change == NULL ? "; then it is paused"
           : strcmp(change, "removed") == 0
               ? "; then it is removed"
               : "; then its new configuration applies";
}

static bool waits_for_server(const struct known *known)
{
    enum haplo_queue_state state = known->stats.state;
    return known->queue->queue != NULL &&
           known->server_stats.state != HAPLO_SERVER_UP &&
           (state == HAPLO_QUEUE_IDLE || state == HAPLO_QUEUE_READY ||
            state == HAPLO_QUEUE_BACKOFF || state == HAPLO_QUEUE_MARK_READY ||
            state == HAPLO_QUEUE_MARK_WAIT);
}

static const char *next_while_paused(const struct known *known)
{
    return known->pause != NULL
               ? "nothing until it is resumed"
               : "nothing until the disk of its inbox has room again";
}

static const char *next_text(const struct known *known)
{
    static const char *const texts[] = {
        [HAPLO_QUEUE_IDLE] = "it is fetched",
        [HAPLO_QUEUE_READY] = "it is fetched when it is its turn on the server",
        [HAPLO_QUEUE_FETCHING] = "the response of the server",
        [HAPLO_QUEUE_DELIVERING] = "its inbox stores the batch",
        [HAPLO_QUEUE_DELIVER_WAIT] = "its inbox gets the batch again",
        [HAPLO_QUEUE_MARK_READY] =
            "the batch is marked when it is its turn on the server",
        [HAPLO_QUEUE_MARKING] = "the confirmation of the mark",
        [HAPLO_QUEUE_MARK_WAIT] = "the batch is marked again",
        [HAPLO_QUEUE_BACKOFF] = "it is fetched again",
        [HAPLO_QUEUE_REFUSED] =
            ("it is fetched again, or as soon as the file of its API key "
             "changes"),
        [HAPLO_QUEUE_BLOCKED] = "nothing until somebody asks for poll-now",
        [HAPLO_QUEUE_LAST_DELIVERING] = "its inbox stores the batch",
        [HAPLO_QUEUE_LAST_MARK_READY] = "the batch is marked",
        [HAPLO_QUEUE_LAST_MARKING] = "the confirmation of the mark",
        [HAPLO_QUEUE_LAST_MARK_WAIT] = "the batch is marked again",
    };
    if (known->health == ADMIN_HEALTH_ELSEWHERE) {
        return "another host polls it";
    }
    if (known->queue->queue == NULL) {
        return "it is polled when what is wrong has been corrected";
    }
    if (known->stats.state == HAPLO_QUEUE_PAUSED) {
        return next_while_paused(known);
    }
    if (waits_for_server(known)) {
        return known->server_stats.state == HAPLO_SERVER_SILENT
                   ? "it is fetched when the silence of its server is over"
                   : "it is fetched when its server works again, which one "
                     "request at a time finds out";
    }
    return texts[known->stats.state];
}

static uint64_t next_wait_ms(const struct known *known)
{
    uint64_t wait_ms = known->stats.wait_ms;
    return waits_for_server(known) && known->server_stats.wait_ms > wait_ms
               ? known->server_stats.wait_ms
               : wait_ms;
}

/* Its parts */

static void write_names(struct json_writer *json, const char *server,
                        const char *queue, const char *inbox)
{
    char name[GATHER_NAME_SIZE];
    snprintf(name, sizeof name, "%s/%s", server, queue);
    json_text(json, "name", name);
    json_text(json, "server", server);
    json_text(json, "queue", queue);
    json_text(json, "inbox", inbox);
}

/* Why the inbox of a queue takes no more messages, or NULL. */
static const char *inbox_trouble(const struct gather_queue *queue)
{
    const struct gather_inbox *inbox = name_table_find(
        &queue->server->gather->inboxes, queue->config->settings->inbox->name);
    return inbox == NULL ? NULL : inbox->seen.text;
}

static const char *cause_of(const struct known *known)
{
    const struct observer_trouble *trouble = known->queue->seen.trouble;
    if (known->health == ADMIN_HEALTH_OK ||
        known->health == ADMIN_HEALTH_ELSEWHERE) {
        return NULL;
    }
    if (known->queue->queue == NULL && known->queue->server->server == NULL) {
        return known->queue->server->why;
    }
    if (known->health == ADMIN_HEALTH_PAUSED && known->pause == NULL) {
        return inbox_trouble(known->queue);
    }
    if (known->health == ADMIN_HEALTH_NOT_TRIED) {
        return known->queue->server->seen.text;
    }
    return trouble == NULL || trouble->text == NULL || trouble->text[0] == '\0'
               ? NULL
               : trouble->text;
}

static void write_state(struct json_writer *json, const struct known *known)
{
    const struct observer_queue *seen = &known->queue->seen;
    int error = known->stats.error;
    char next[128];
    bool is_elsewhere = known->health == ADMIN_HEALTH_ELSEWHERE;
    json_text(json, "state",
              is_elsewhere ? "ELSEWHERE"
                           : haplo_queue_state_name(known->stats.state));
    json_text(json, "state_text",
              is_elsewhere ? "another host polls it"
              : known->queue->queue == NULL
                  ? "held: not polled because of its configuration"
                  : haplo_queue_state_text(known->stats.state));
    json_text(json, "health", admin_health_name(known->health));
    json_text(json, "polled_by",
              observer_fleet_owner(&known->queue->server->gather->observer,
                                   known->queue->server->name));
    json_time(json, "since", seen->since_ms);
    json_text(json, "cause", cause_of(known));
    json_text(json, "error", error == 0 ? NULL : haplo_error_name(error));
    json_count(json, "failures", known->stats.failures);
    json_time(json, "last_success_at", seen->success_ms);
    snprintf(next, sizeof next, "%s%s", next_text(known), then_text(known));
    json_text(json, "next", next);
    admin_write_time_at(json, "next_at", next_wait_ms(known));
}

static void write_pause(struct json_writer *json, const struct pause *pause)
{
    if (pause == NULL) {
        json_null(json, "pause");
        return;
    }
    json_object(json, "pause");
    json_time(json, "at", pause->at_ms);
    json_text(json, "by", pause->by);
    json_text(json, "reason", pause->reason[0] == '\0' ? NULL : pause->reason);
    json_object_end(json);
}

static void write_totals(struct json_writer *json,
                         const struct haplo_queue_stats *stats, uint64_t stored,
                         uint64_t repeats)
{
    json_count(json, "fetches_total", stats->fetch_count);
    json_count(json, "batches_total", stats->batch_count);
    json_count(json, "messages_total", stats->message_count);
    json_count(json, "stored_messages_total", stored);
    json_count(json, "repeats_total", repeats);
    json_count(json, "marked_batches_total", stats->marked_batch_count);
    json_count(json, "marked_messages_total", stats->marked_message_count);
    json_count(json, "failures_total", stats->failure_count);
    json_count(json, "deliver_retries_total", stats->deliver_retry_count);
    json_count(json, "foreign_marks_total", stats->foreign_mark_count);
    json_count(json, "body_bytes_total", stats->body_bytes);
}

static void write_unread(struct json_writer *json, int64_t unread_count)
{
    if (unread_count < 0) {
        json_null(json, "unread");
    } else {
        json_count(json, "unread", (uint64_t)unread_count);
    }
}

void admin_write_queue(struct json_writer *json, const char *name,
                       const struct gather_queue *queue)
{
    struct known known;
    know(&known, queue);
    json_object(json, name);
    write_names(json, queue->server->config->options.name, queue->config->name,
                queue->config->settings->inbox->name);
    write_state(json, &known);
    write_unread(json, known.stats.unread_count);
    json_count(json, "unconfirmed", known.stats.unconfirmed_count);
    write_pause(json, known.pause);
    write_totals(json, &known.stats, queue->stored_count, queue->repeat_count);
    json_object_end(json);
}

/* One that is not valid in the configuration, so that nothing exists of it. */
void admin_write_held(struct json_writer *json, const char *name,
                      const struct gather *gather,
                      const struct config_held *held)
{
    const struct haplo_queue_stats none = {0};
    json_object(json, name);
    write_names(json, held->server, held->queue, NULL);
    json_text(json, "state", haplo_queue_state_name(HAPLO_QUEUE_BLOCKED));
    json_text(json, "state_text",
              "held: not polled because of its configuration");
    json_text(json, "health", admin_health_name(ADMIN_HEALTH_HELD));
    json_null(json, "polled_by");
    json_time(json, "since", gather->observer.reloaded_ms);
    json_text(json, "cause", held->problem->text);
    json_null(json, "error");
    json_count(json, "failures", 0);
    json_null(json, "last_success_at");
    json_text(json, "next",
              "it is polled when the configuration has been corrected and "
              "loaded again");
    json_null(json, "next_at");
    json_null(json, "unread");
    json_count(json, "unconfirmed", 0);
    json_null(json, "pause");
    write_totals(json, &none, 0, 0);
    json_object_end(json);
}

/* QueueDetail */

/* As `check` shows it. */
static const char *key_name(const struct config_key *key)
{
    const char *shown = api_key_shown(key);
    return shown == key->name && key->kind == CONFIG_KEY_FILE ? key->path
                                                              : shown;
}

static void write_key(struct json_writer *json, const struct config_key *key)
{
    static const char *const kinds[] = {
        [CONFIG_KEY_FILE] = "file",
        [CONFIG_KEY_ENV] = "environment",
        [CONFIG_KEY_CREDENTIAL] = "credential",
        [CONFIG_KEY_COMMAND] = "command",
    };
    json_object(json, "api_key");
    json_text(json, "from", kinds[key->kind]);
    json_text(json, "name", key_name(key));
    json_object_end(json);
}

static void write_place(struct json_writer *json, const struct gather *gather,
                        struct config_place place)
{
    json_object(json, "place");
    json_text(json, "path", config_place_path(gather->config, place));
    json_count(json, "line", place.line);
    json_count(json, "column", place.column);
    json_object_end(json);
}

static void write_outlets(struct json_writer *json,
                          const struct gather_queue *queue)
{
    const struct gather_outlet *outlet;
    size_t cursor = 0;
    json_array(json, "outlets");
    while ((outlet = name_table_next(&queue->server->gather->outlets,
                                     &cursor)) != NULL) {
        if (outlet->config->inbox == queue->config->settings->inbox &&
            forwarder_options_want(&outlet->config->forward,
                                   queue->server->config->options.name,
                                   queue->config->name)) {
            json_text(json, NULL, outlet->config->forward.name);
        }
    }
    json_array_end(json);
}

static uint64_t interval_max_ms(const struct haplo_queue_options *options)
{
    return options->interval_max_ms > options->interval_ms
               ? options->interval_max_ms
               : options->interval_ms;
}

static void write_detail(struct json_writer *json,
                         const struct gather_queue *queue)
{
    const struct haplo_queue_options *options =
        &queue->config->settings->options;
    const struct observer_trouble *trouble = queue->seen.trouble;
    const struct gather *gather = queue->server->gather;
    json_object(json, NULL);
    admin_write_queue(json, "queue", queue);
    json_text(json, "change", change_of(queue));
    json_seconds(json, "interval_seconds", options->interval_ms);
    json_seconds(json, "interval_max_seconds", interval_max_ms(options));
    write_key(json, queue->config->key);
    write_place(json, gather, queue->config->place);
    write_outlets(json, queue);
    admin_write_transitions(json, gather,
                            trouble == NULL ? 0 : trouble->newest_id);
    json_object_end(json);
}

static void write_held_detail(struct json_writer *json,
                              const struct gather *gather,
                              const struct config_held *held)
{
    json_object(json, NULL);
    admin_write_held(json, "queue", gather, held);
    json_null(json, "change");
    json_null(json, "interval_seconds");
    json_null(json, "interval_max_seconds");
    json_null(json, "api_key");
    write_place(json, gather, held->problem->place);
    json_array(json, "outlets");
    json_array_end(json);
    admin_write_transitions(json, gather, 0);
    json_object_end(json);
}

struct gather_queue *admin_find_queue(struct admin_request *request)
{
    struct gather_queue *queue = gather_find_queue(
        request->admin->gather, admin_parameter(request, "server"),
        admin_parameter(request, "queue"));
    char hint[COMMAND_HINT_SIZE];
    if (queue == NULL) {
        admin_reply_error(request, 404, "there is no queue %s/%s: see `%s`",
                          admin_parameter(request, "server"),
                          admin_parameter(request, "queue"),
                          command_hint(hint, "status --all", NULL));
    }
    return queue;
}

void admin_get_queue(struct admin_request *request)
{
    struct json_writer json = {0};
    char name[GATHER_NAME_SIZE];
    const struct gather *gather = request->admin->gather;
    snprintf(name, sizeof name, "%s/%s", admin_parameter(request, "server"),
             admin_parameter(request, "queue"));
    const struct config_held *held = config_held_find(gather->config, name);
    if (held != NULL) {
        write_held_detail(&json, gather, held);
        admin_reply_json(request, 200, &json);
        return;
    }
    const struct gather_queue *queue = admin_find_queue(request);
    if (queue != NULL) {
        write_detail(&json, queue);
        admin_reply_json(request, 200, &json);
    }
}
