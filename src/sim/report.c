#include "sim/report.h"

#include <string.h>
#include <xxhash.h>

static const char *const revision_names[] = {"2019", "mid-2020", "2020-07"};
static const char *const key_status_names[] = {"good", "blocked", "unpermitted",
                                               "revoked"};

static void pair_number(struct sim_buffer *to, const char *name, uint64_t value)
{
    sim_buffer_format(to, ",\"%s\":%llu", name, (unsigned long long)value);
}

static bool is_wanted(const char *wanted, const char *name)
{
    return wanted == NULL || strcmp(wanted, name) == 0;
}

static void ready_app(const struct sim_app *app, struct sim_buffer *to)
{
    sim_buffer_text(to, "{");
    sim_buffer_json_pair(to, "name", app->name);
    sim_buffer_text(to, ",");
    sim_buffer_json_pair(to, "url", app->url);
    if (app->http_url[0] != '\0') {
        sim_buffer_text(to, ",");
        sim_buffer_json_pair(to, "http_url", app->http_url);
    }
    sim_buffer_format(to, ",\"port\":%u,\"revision\":\"%s\",\"queues\":[",
                      app->listener == NULL ? 0 : app->listener->port,
                      revision_names[app->settings.revision]);
    for (size_t i = 0; i < app->queue_count; i++) {
        sim_buffer_text(to, i > 0 ? "," : "");
        sim_buffer_json(to, app->queues[i]->name, strlen(app->queues[i]->name));
    }
    sim_buffer_text(to, "]}");
}

void sim_report_ready(const struct sim_server *server, struct sim_buffer *to)
{
    sim_buffer_format(to, "{\"control\":\"http://127.0.0.1:%u\",\"apps\":[",
                      server->control->port);
    for (size_t i = 0; i < server->world.app_count; i++) {
        sim_buffer_text(to, i > 0 ? "," : "");
        ready_app(server->world.apps[i], to);
    }
    sim_buffer_text(to, "]}\n");
}

static void stats_queue(const struct sim_queue *queue, struct sim_buffer *to)
{
    sim_buffer_text(to, "{");
    sim_buffer_json_pair(to, "name", queue->name);
    pair_number(to, "messages", queue->message_count);
    pair_number(to, "unread", queue->unread_count);
    pair_number(to, "requests", queue->request_count);
    pair_number(to, "fetches", queue->fetch_count);
    pair_number(to, "fetches_with_messages", queue->fetch_nonempty_count);
    pair_number(to, "returned", queue->returned_count);
    pair_number(to, "marks", queue->mark_count);
    pair_number(to, "marks_empty_token", queue->mark_empty_count);
    pair_number(to, "marked", queue->marked_count);
    sim_buffer_format(to, ",\"key_status\":\"%s\"}",
                      key_status_names[queue->key->status]);
}

static void stats_throttle(const struct sim_server *server,
                           const struct sim_app *app, struct sim_buffer *to)
{
    const struct sim_throttle *throttle = &app->server->throttle;
    sim_buffer_text(to, ",\"throttle\":[");
    for (size_t i = 0; i < throttle->count; i++) {
        const struct sim_login_failures *failures = &throttle->list[i];
        bool on = sim_throttle_is_on(failures, &app->server->settings,
                                     server->world.now_ms);
        int64_t left = app->server->settings.throttle_ms -
                       (server->world.now_ms - failures->last_ms);
        sim_buffer_text(to, i > 0 ? ",{" : "{");
        sim_buffer_json_pair(to, "address", failures->address);
        pair_number(to, "failures", failures->count);
        sim_buffer_format(to, ",\"throttled\":%s,\"remaining_ms\":%lld}",
                          on ? "true" : "false", on ? (long long)left : 0LL);
    }
    sim_buffer_text(to, "]");
}

static void stats_listener(const struct sim_listener *listener,
                           struct sim_buffer *to)
{
    pair_number(to, "connections", listener->connection_count);
    pair_number(to, "accepted", listener->accepted_count);
    pair_number(to, "gone", sim_listener_gone_count(listener));
    sim_buffer_format(to, ",\"refusing\":%s",
                      listener->refusing ? "true" : "false");
}

static void stats_app(const struct sim_server *server,
                      const struct sim_app *app,
                      const struct sim_report_filter *filter,
                      struct sim_buffer *to)
{
    size_t unread = 0;
    for (size_t i = 0; i < app->queue_count; i++) {
        unread += app->queues[i]->unread_count;
    }
    sim_buffer_text(to, "{");
    sim_buffer_json_pair(to, "name", app->name);
    sim_buffer_text(to, ",");
    sim_buffer_json_pair(to, "url", app->url);
    pair_number(to, "messages", app->message_count);
    pair_number(to, "unread", unread);
    pair_number(to, "requests", app->request_count);
    pair_number(to, "running", app->running_count);
    pair_number(to, "running_peak", app->running_peak);
    pair_number(to, "waiting", app->waiting_count);
    pair_number(to, "waiting_peak", app->waiting_peak);
    if (app->listener != NULL) {
        stats_listener(app->listener, to);
    }
    pair_number(to, "failed_logins", app->login_failed_count);
    pair_number(to, "throttled", app->throttled_count);
    pair_number(to, "sessions", app->session_count);
    stats_throttle(server, app, to);
    sim_buffer_text(to, ",\"queues\":[");
    bool first = true;
    for (size_t i = 0; i < app->queue_count; i++) {
        if (is_wanted(filter->queue, app->queues[i]->name)) {
            sim_buffer_text(to, first ? "\n" : ",\n");
            stats_queue(app->queues[i], to);
            first = false;
        }
    }
    sim_buffer_text(to, "]}");
}

void sim_report_stats(const struct sim_server *server,
                      const struct sim_report_filter *filter,
                      struct sim_buffer *to)
{
    const struct sim_world *world = &server->world;
    size_t unread = 0;
    for (size_t i = 0; i < world->app_count; i++) {
        for (size_t j = 0; j < world->apps[i]->queue_count; j++) {
            unread += world->apps[i]->queues[j]->unread_count;
        }
    }
    sim_buffer_format(to, "{\"now_ms\":%lld,\"unread\":%zu,\"events\":%llu,",
                      (long long)world->now_ms, unread,
                      (unsigned long long)world->log.count);
    sim_buffer_text(to, "\"apps\":[");
    bool first = true;
    for (size_t i = 0; i < world->app_count; i++) {
        if (is_wanted(filter->app, world->apps[i]->name)) {
            sim_buffer_text(to, first ? "\n" : ",\n");
            stats_app(server, world->apps[i], filter, to);
            first = false;
        }
    }
    sim_buffer_text(to, "]}\n");
}

static void message_write(const struct sim_message *message, bool bytes,
                          struct sim_buffer *to)
{
    char date[SIM_DATE_SIZE];
    XXH128_hash_t hash = XXH3_128bits(message->bytes, message->size);
    sim_date_format(message->date_s, date);
    sim_buffer_format(to, "{\"id\":%llu,\"datetime\":\"%s\",\"sent\":%s",
                      (unsigned long long)message->id, date,
                      message->sent ? "true" : "false");
    pair_number(to, "returned", message->returned_count);
    pair_number(to, "marked", message->marked_count);
    pair_number(to, "unsent", message->unsent_count);
    pair_number(to, "returned_first_ms", (uint64_t)message->returned_first_ms);
    pair_number(to, "returned_last_ms", (uint64_t)message->returned_last_ms);
    pair_number(to, "marked_first_ms", (uint64_t)message->marked_first_ms);
    pair_number(to, "marked_last_ms", (uint64_t)message->marked_last_ms);
    sim_buffer_format(to, ",\"hash\":\"%016llx%016llx\"",
                      (unsigned long long)hash.high64,
                      (unsigned long long)hash.low64);
    if (bytes) {
        sim_buffer_text(to, ",\"bytes\":");
        sim_buffer_json(to, message->bytes, message->size);
    }
    sim_buffer_text(to, "}");
}

static void messages_queue(const struct sim_queue *queue, bool bytes,
                           struct sim_buffer *to)
{
    sim_buffer_text(to, "{");
    sim_buffer_json_pair(to, "name", queue->name);
    sim_buffer_text(to, ",\"messages\":[");
    for (size_t i = 0; i < queue->message_count; i++) {
        sim_buffer_text(to, i > 0 ? ",\n" : "\n");
        message_write(queue->messages[i], bytes, to);
    }
    sim_buffer_text(to, "]}");
}

static void messages_app(const struct sim_app *app,
                         const struct sim_report_filter *filter,
                         struct sim_buffer *to)
{
    bool first = true;
    sim_buffer_text(to, "{");
    sim_buffer_json_pair(to, "name", app->name);
    sim_buffer_text(to, ",\"queues\":[");
    for (size_t i = 0; i < app->queue_count; i++) {
        if (is_wanted(filter->queue, app->queues[i]->name)) {
            sim_buffer_text(to, first ? "\n" : ",\n");
            messages_queue(app->queues[i], filter->bytes, to);
            first = false;
        }
    }
    sim_buffer_text(to, "]}");
}

void sim_report_messages(const struct sim_server *server,
                         const struct sim_report_filter *filter,
                         struct sim_buffer *to)
{
    bool first = true;
    sim_buffer_text(to, "{\"apps\":[");
    for (size_t i = 0; i < server->world.app_count; i++) {
        if (is_wanted(filter->app, server->world.apps[i]->name)) {
            sim_buffer_text(to, first ? "\n" : ",\n");
            messages_app(server->world.apps[i], filter, to);
            first = false;
        }
    }
    sim_buffer_text(to, "]}\n");
}

void sim_report_faults(const struct sim_server *server, struct sim_buffer *to)
{
    const struct sim_faults *faults = &server->world.faults;
    sim_buffer_text(to, "{\"faults\":[");
    for (size_t i = 0; i < faults->count; i++) {
        const struct sim_fault *fault = &faults->list[i];
        sim_buffer_format(to, "%s{\"id\":%llu,\"do\":\"%s\",",
                          i > 0 ? ",\n" : "\n", (unsigned long long)fault->id,
                          sim_fault_name(fault->kind));
        sim_buffer_json_pair(to, "app", fault->app);
        sim_buffer_text(to, ",");
        sim_buffer_json_pair(to, "queue", fault->queue);
        pair_number(to, "times", fault->times);
        pair_number(to, "seen", fault->seen_count);
        pair_number(to, "hits", fault->hit_count);
        sim_buffer_text(to, "}");
    }
    sim_buffer_text(to, "]}\n");
}
