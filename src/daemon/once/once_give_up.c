/*
 * once_give_up.c - decides when `once` gives up on a queue:
 *
 *   - immediately, if its failure is permanent (a refused key, a wrong URL),
 *     or the server asks for a wait of more than ONCE_WAIT_MAX_MS;
 *   - for any other failure, after ONCE_ATTEMPTS_MAX consecutive ones;
 *   - if its server is throttled, or fails twice without a response in
 *     between, together with all other queues of that server;
 *   - if unproven keys of its server must wait, because of failed logins of
 *     this or earlier runs, and no outstanding request can change this; one to
 *     another server could, as it may be the same actual server.
 */
#include <stdio.h>
#include <string.h>

#include "base/wall_clock.h"
#include "daemon/once/once.h"

/* Queues */

static bool is_final(const struct haplo_event *event)
{
    struct haplo_queue_stats stats = {.struct_size = sizeof stats};
    if (!haplo_error_is_transient(event->error) ||
        event->error == HAPLO_ETHROTTLED ||
        event->delay_ms > ONCE_WAIT_MAX_MS) {
        return true;
    }
    haplo_queue_get_stats(event->queue, &stats);
    return event->to == HAPLO_QUEUE_DELIVER_WAIT
               ? stats.deliver_retry_count >= ONCE_ATTEMPTS_MAX
               : stats.failures >= ONCE_ATTEMPTS_MAX;
}

static void note_queue(struct once *once, const struct haplo_event *event)
{
    struct gather_queue *queue = haplo_queue_data(event->queue);
    char text[HAPLO_TEXT_SIZE_MAX + 64];
    if (event->to != HAPLO_QUEUE_BACKOFF && event->to != HAPLO_QUEUE_REFUSED &&
        event->to != HAPLO_QUEUE_BLOCKED &&
        event->to != HAPLO_QUEUE_DELIVER_WAIT) {
        return;
    }
    if (!is_final(event)) {
        return;
    }
    if (event->delay_ms > ONCE_WAIT_MAX_MS &&
        haplo_error_is_transient(event->error)) {
        snprintf(text, sizeof text, "%s; the next try would be in %.0f s",
                 event->text, (double)event->delay_ms / 1000);
        once_give_up(once, queue->command, text);
    } else {
        once_give_up(once, queue->command, event->text);
    }
}

/* Servers */

/* True if the cause is a request of this queue: "fetch NAME: ...". */
static bool is_own_cause(const char *cause, const char *name)
{
    const char *at = strchr(cause, ' ');
    size_t size = strlen(name);
    return at != NULL && strncmp(at + 1, name, size) == 0 &&
           at[1 + size] == ':';
}

static void give_up_server(struct once *once, struct once_server *server,
                           const char *cause)
{
    for (size_t i = 0; i < server->queue_count; i++) {
        struct once_queue *queue = &server->queues[i];
        char name[GATHER_NAME_SIZE];
        char text[HAPLO_TEXT_SIZE_MAX + GATHER_NAME_SIZE];
        if (is_own_cause(cause, gather_queue_name(queue->queue, name))) {
            once_give_up(once, queue, cause);
        } else {
            snprintf(text, sizeof text, "%s: not drained: %s", name, cause);
            once_give_up(once, queue, text);
        }
    }
}

static void note_server(struct once *once, const struct haplo_event *event)
{
    struct gather_server *gather_server = haplo_server_data(event->server);
    struct once_server *server = gather_server->command;
    if (event->to == HAPLO_SERVER_SILENT) {
        give_up_server(once, server, event->text);
    } else if (event->to == HAPLO_SERVER_DOWN) {
        if (!server->has_answered) {
            give_up_server(once, server, event->text);
        }
        server->has_answered = false;
    }
}

void once_note_failure(struct once *once, const struct haplo_event *event)
{
    if (event->queue != NULL) {
        note_queue(once, event);
    } else {
        note_server(once, event);
    }
}

/* Keys */

/* True if queues of the server have to wait because of their keys, and no
 * outstanding request can change this. Sets *until_ms to the wall clock time
 * when it ends. */
static bool is_held_back(const struct once_server *server, uint64_t *until_ms)
{
    struct haplo_server_stats stats = {.struct_size = sizeof stats};
    struct haplo_poller_stats poller = {.struct_size = sizeof poller};
    if (server->server->server == NULL) {
        return false; /* all its queues are held, and settled */
    }
    haplo_server_get_stats(server->server->server, &stats);
    haplo_poller_get_stats(server->server->gather->poller, &poller);
    if (!stats.logins_held || poller.in_flight > 0) {
        return false;
    }
    *until_ms = 0;
    for (size_t i = 0; i < server->queue_count; i++) {
        struct haplo_queue_stats queue = {.struct_size = sizeof queue};
        if (server->queues[i].is_settled) {
            continue;
        }
        haplo_queue_get_stats(server->queues[i].queue->queue, &queue);
        if (queue.state != HAPLO_QUEUE_READY || queue.wait_ms == 0) {
            return false;
        }
        *until_ms = wall_clock_ms() + queue.wait_ms;
    }
    return *until_ms != 0;
}

static void give_up_keys(struct once *once, const struct once_server *server,
                         uint64_t until_ms)
{
    struct haplo_server_stats stats = {.struct_size = sizeof stats};
    char until[WALL_CLOCK_TEXT_SIZE];
    haplo_server_get_stats(server->server->server, &stats);
    wall_clock_text(until_ms, until);
    for (size_t i = 0; i < server->queue_count; i++) {
        struct once_queue *queue = &server->queues[i];
        char name[GATHER_NAME_SIZE];
        char text[HAPLO_TEXT_SIZE_MAX + GATHER_NAME_SIZE];
        snprintf(text, sizeof text,
                 queue->queue->key_refused
                     ? "%s: not drained: its API key was refused before, and "
                       "waits until %s after %u failed logins in a row on "
                       "this server: correct it, or if that is done, remove "
                       "failed_logins in state_dir to try it now"
                     : "%s: not drained: its API key was not tried, because "
                       "too many logins on this server have failed: correct "
                       "the keys that were refused; it waits until %s after "
                       "%u failed logins in a row",
                 gather_queue_name(queue->queue, name), until,
                 stats.failed_logins);
        once_give_up(once, queue, text);
    }
}

void once_give_up_held_back(struct once *once)
{
    for (size_t i = 0; i < once->server_count; i++) {
        uint64_t until_ms;
        if (is_held_back(&once->servers[i], &until_ms)) {
            give_up_keys(once, &once->servers[i], until_ms);
        }
    }
}
