/*
 * metrics_server.c - metrics of the process and of servers.
 */
#include "daemon/admin/metrics.h"
#include "daemon/observe/observer.h"

#define WRITE(name) \
    static void name(struct metric_writer *w, const void *object)

/* The process */

static struct haplo_poller_stats poller_stats(const struct gather *gather)
{
    struct haplo_poller_stats stats = {.struct_size = sizeof stats};
    if (gather->poller != NULL) {
        haplo_poller_get_stats(gather->poller, &stats);
    }
    return stats;
}

WRITE(build_info)
{
    (void)object;
    metric_put_label(w, "version", haplo_version(), 1);
}

WRITE(start_time)
{
    metric_put_time(w, ((const struct gather *)object)->observer.started_ms);
}

WRITE(config_generation)
{
    metric_put_count(w, ((const struct gather *)object)->observer.generation);
}

WRITE(config_reload_time)
{
    metric_put_time(w, ((const struct gather *)object)->observer.reloaded_ms);
}

WRITE(config_reload_successful)
{
    metric_put(w, !((const struct gather *)object)->observer.is_reload_failing);
}

WRITE(config_rejected)
{
    metric_put_count(w, ((const struct gather *)object)->observer.reject_count);
}

WRITE(config_invalid_queues)
{
    metric_put_count(w, ((const struct gather *)object)->config->held_count);
}

WRITE(requests_in_flight)
{
    metric_put(w, poller_stats(object).in_flight);
}

WRITE(undelivered_bytes)
{
    metric_put_count(w, poller_stats(object).undelivered_bytes);
}

WRITE(connections_opened)
{
    metric_put_count(w, poller_stats(object).connection_count);
}

/* Servers */

#define SEEN (((const struct gather_server *)object)->seen)
#define SUMS (SEEN.sums)

static struct haplo_server_stats server_stats(const void *object)
{
    const struct gather_server *server = object;
    struct haplo_server_stats stats = {.struct_size = sizeof stats};
    if (server->server != NULL) {
        haplo_server_get_stats(server->server, &stats);
    }
    return stats;
}

WRITE(server_up)
{
    metric_put(w, SEEN.state == OBSERVER_SERVER_UP);
}

WRITE(server_state)
{
    for (int i = 0; i < OBSERVER_SERVER_STATE_COUNT; i++) {
        metric_put_label(w, "state",
                         observer_server_label((enum observer_server_state)i),
                         (int)SEEN.state == i);
    }
}

WRITE(server_state_time)
{
    metric_put_time(w, SEEN.since_ms);
}

WRITE(server_success_time)
{
    metric_put_time(w, SEEN.success_ms);
}

WRITE(server_wait)
{
    metric_put(w, (double)server_stats(object).wait_ms / 1000);
}

WRITE(server_in_flight)
{
    metric_put(w, server_stats(object).in_flight);
}

WRITE(server_requests)
{
    metric_put_count(w, server_stats(object).request_count);
}

WRITE(server_login_failures)
{
    metric_put(w, server_stats(object).failed_logins);
}

WRITE(server_logins_held)
{
    metric_put(w, server_stats(object).logins_held);
}

WRITE(server_failed_logins)
{
    metric_put_count(w, server_stats(object).failed_login_count);
}

WRITE(server_throttles)
{
    metric_put_count(w, server_stats(object).throttle_count);
}

WRITE(server_certificate)
{
    metric_put_time(w, server_stats(object).certificate_expires_ms);
}

WRITE(server_ca_certificate)
{
    metric_put_time(w, server_stats(object).ca_certificate_expires_ms);
}

WRITE(server_client_certificate)
{
    metric_put_time(w, server_stats(object).client_certificate_expires_ms);
}

WRITE(server_queues)
{
    for (int i = 0; i < OBSERVER_QUEUE_STATE_COUNT; i++) {
        metric_put_label(w, "state",
                         observer_queue_label((enum observer_queue_state)i),
                         (double)SUMS.queue_counts[i]);
    }
}

WRITE(server_unread)
{
    metric_put_count(w, SUMS.unread_count);
}

WRITE(server_batches)
{
    metric_put_count(w, SUMS.batch_count);
}

WRITE(server_messages)
{
    metric_put_count(w, SUMS.message_count);
}

WRITE(server_stored)
{
    metric_put_count(w, SUMS.stored_count);
}

WRITE(server_repeats)
{
    metric_put_count(w, SUMS.repeat_count);
}

WRITE(server_resends)
{
    metric_put_count(w, SUMS.resend_count);
}

WRITE(server_marked_batches)
{
    metric_put_count(w, SUMS.marked_batch_count);
}

WRITE(server_marked_messages)
{
    metric_put_count(w, SUMS.marked_message_count);
}

WRITE(server_failures)
{
    for (int i = 0; i < FAILURE_CLASS_COUNT; i++) {
        metric_put_label(w, "class", failure_class_label((enum failure_class)i),
                         (double)SUMS.failures[i]);
    }
}

#undef SUMS
#undef SEEN

#define G METRIC_GAUGE
#define C METRIC_COUNTER
#define PROCESS METRIC_PROCESS, ""
#define SERVER METRIC_SERVER, "server"

const struct metric metrics_of_servers[] = {
    {"build_info", G, METRIC_PROCESS, "version",
     "Always 1; the version of haplo-poll", build_info},
    {"start_time_seconds", G, PROCESS, "When the process started, Unix time",
     start_time},
    {"config_generation", G, PROCESS,
     "Configurations in use so far, with the one it started with",
     config_generation},
    {"config_last_reload_success_timestamp_seconds", G, PROCESS,
     "When the configuration in use was loaded, Unix time", config_reload_time},
    {"config_last_reload_successful", G, PROCESS,
     "1 unless the last reload was rejected", config_reload_successful},
    {"config_rejected_reloads", C, PROCESS, "Reloads that were rejected",
     config_rejected},
    {"config_invalid_queues", G, PROCESS,
     "Queues of the configuration that are not valid in it",
     config_invalid_queues},
    {"requests_in_flight", G, PROCESS, "Requests to all servers just now",
     requests_in_flight},
    {"undelivered_bytes", G, PROCESS,
     "Messages that are fetched and not stored yet", undelivered_bytes},
    {"connections_opened", C, PROCESS, "Connections to servers",
     connections_opened},

    {"server_up", G, SERVER, "1 if requests are sent to it", server_up},
    {"server_state", G, METRIC_SERVER, "server state",
     "1 for the state it is in, otherwise 0", server_state},
    {"server_state_timestamp_seconds", G, SERVER,
     "When it entered this state, Unix time", server_state_time},
    {"server_last_success_timestamp_seconds", G, SERVER,
     "When one of its queues was last drained or marked, Unix time",
     server_success_time},
    {"server_wait_seconds", G, SERVER, "Until it is tried again, or 0",
     server_wait},
    {"server_requests_in_flight", G, SERVER, "Requests to it just now",
     server_in_flight},
    {"server_requests", C, SERVER, "Requests to it", server_requests},
    {"server_consecutive_failed_logins", G, SERVER,
     "Failed logins in a row, of all servers that share the budget",
     server_login_failures},
    {"server_logins_held", G, SERVER,
     "1 while API keys that have not worked yet must wait", server_logins_held},
    {"server_failed_logins", C, SERVER, "Logins that it refused",
     server_failed_logins},
    {"server_throttles", C, SERVER,
     "Responses that refuse all logins from this address", server_throttles},
    {"server_certificate_expiry_timestamp_seconds", G, SERVER,
     "When the first of its certificates expires, Unix time",
     server_certificate},
    {"server_ca_certificate_expiry_timestamp_seconds", G, SERVER,
     "When the CA certificate with which it is verified expires, Unix time",
     server_ca_certificate},
    {"server_client_certificate_expiry_timestamp_seconds", G, SERVER,
     "When the certificate that it is presented expires, Unix time",
     server_client_certificate},
    {"server_queues", G, METRIC_SERVER, "server state",
     "Its queues, by their state", server_queues},
    {"server_unread_messages", G, SERVER,
     "Messages left on it after the last mark of each queue", server_unread},
    {"server_batches", C, SERVER, "Batches with messages that were fetched",
     server_batches},
    {"server_messages", C, SERVER, "Messages in these batches",
     server_messages},
    {"server_stored_messages", C, SERVER, "Messages that were stored",
     server_stored},
    {"server_repeats", C, SERVER,
     "Messages that came again before they were confirmed, and were not stored "
     "again",
     server_repeats},
    {"server_resends", C, SERVER,
     "Messages that were stored again, as they had been confirmed before; of "
     "the newest ones",
     server_resends},
    {"server_marked_batches", C, SERVER, "Batches whose mark was confirmed",
     server_marked_batches},
    {"server_marked_messages", C, SERVER, "Messages in these batches",
     server_marked_messages},
    {"server_failures", C, METRIC_SERVER, "server class",
     "Fetches, deliveries and marks that failed, by class", server_failures},
};

const size_t metrics_of_servers_count =
    sizeof metrics_of_servers / sizeof metrics_of_servers[0];
