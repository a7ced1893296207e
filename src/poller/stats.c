/*
 * stats.c - the statistics of the objects. Counters are updated where things
 * happen; the other values are derived here, on request.
 */
#include <string.h>

#include "poller/event.h"
#include "poller/poller.h"

/* Fills as much as fits into the application's struct, which may be older. */
#define STATS_COPY(to, from)                                                 \
    do {                                                                     \
        size_t size = (to)->struct_size < sizeof *(from) ? (to)->struct_size \
                                                         : sizeof *(from);   \
        (from)->struct_size = (to)->struct_size;                             \
        memcpy((to), (from), size);                                          \
    } while (0)

static uint64_t wait_ms(const struct haplo_poller *poller,
                        const struct heap_entry *entry)
{
    uint64_t due_ms = heap_due_ms(&poller->scheduler.waits, entry);
    uint64_t now_ms = uv_now(poller->loop);
    return due_ms == HEAP_NEVER || due_ms < now_ms ? 0 : due_ms - now_ms;
}

/* Until the count of failed logins expires. */
static uint64_t logins_wait_ms(const struct haplo_server *server)
{
    return event_ms_until(server->core.group->expires_ms,
                          uv_now(server->poller->loop));
}

void haplo_poller_get_stats(const struct haplo_poller *poller,
                            struct haplo_poller_stats *stats)
{
    struct haplo_poller_stats now = {
        .in_flight = poller->scheduler.in_flight,
        .undelivered_bytes = poller->scheduler.held_bytes,
        .server_count = poller->server_count,
        .queue_count = poller->queue_count,
        .connection_count = poller->http != NULL
                                ? http_client_connection_count(poller->http)
                                : poller->connection_count,
    };
    STATS_COPY(stats, &now);
}

void haplo_server_get_stats(const struct haplo_server *server,
                            struct haplo_server_stats *stats)
{
    struct haplo_server_stats now = server->stats;
    now.state = server->core.state;
    now.in_flight = server->core.in_flight;
    now.failures = server->core.failures;
    now.failed_logins = server->core.group->failed;
    now.logins_held = login_group_is_held(server->core.group);
    now.wait_ms = wait_ms(server->poller, &server->core.wait);
    if (now.wait_ms == 0 && now.logins_held) {
        now.wait_ms = logins_wait_ms(server);
    }
    now.error = server->core.error;
    now.error_text = server->core.error == 0 ? "" : server->error_text.text;
    now.queue_count = server->queues.count;
    if (server->endpoint != NULL) {
        now.certificate_expires_ms =
            endpoint_certificate_expires_ms(server->endpoint);
        now.ca_certificate_expires_ms =
            endpoint_ca_certificate_expires_ms(server->endpoint);
        now.client_certificate_expires_ms =
            endpoint_client_certificate_expires_ms(server->endpoint);
    }
    STATS_COPY(stats, &now);
}

/* True if its key has to wait for the end of the count of failed logins. */
static bool is_login_held(const struct haplo_queue *queue)
{
    const struct server *server = &server_of(queue)->core;
    return login_group_is_held(server->group) &&
           !server_may_log_in(server, queue->core.key_proven);
}

void haplo_queue_get_stats(const struct haplo_queue *queue,
                           struct haplo_queue_stats *stats)
{
    const struct queue_counters *counters = &queue->counters;
    struct haplo_queue_stats now = {
        .fetch_count = counters->fetch_count,
        .batch_count = counters->batch_count,
        .message_count = counters->message_count,
        .marked_batch_count = counters->marked_batch_count,
        .marked_message_count = counters->marked_message_count,
        .failure_count = queue->mishaps.failure_count,
        .deliver_retry_count = queue->mishaps.deliver_retry_count,
        .foreign_mark_count = queue->mishaps.foreign_mark_count,
        .body_bytes = counters->body_bytes,
    };
    now.state = queue->core.state;
    now.generation = queue->core.delivery.generation;
    now.unconfirmed_count =
        delivery_state_count(&queue->core.delivery, queue->batch);
    now.unread_count = queue->core.unread_count;
    now.key_proven = queue->core.key_proven;
    now.wait_ms = wait_ms(server_of(queue)->poller, &queue->core.wait);
    if (now.state == HAPLO_QUEUE_READY && is_login_held(queue)) {
        now.wait_ms = logins_wait_ms(server_of(queue));
    }
    now.failures = queue->core.failures;
    now.error = queue->core.error;
    now.error_text = now.error == 0              ? ""
                     : queue->error_text == NULL ? haplo_error_text(now.error)
                                                 : queue->error_text;
    STATS_COPY(stats, &now);
}
