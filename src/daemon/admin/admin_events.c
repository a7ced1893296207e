/*
 * admin_events.c - server-sent events.
 *
 *   - A client begins at the end of the history, or behind the event that it
 *     has got last, if its browser says so (Last-Event-ID).
 *   - First it gets a status. Then each transition wakes all clients, and each
 *     gets the object that the transition is about, as it is now.
 *   - A timer sends a status every few seconds, which also shows that the
 *     connection is alive, and the queue that the client watches, if anything
 *     about it has changed.
 */
#include "daemon/admin/admin_events.h"

#include <inttypes.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container_of.h"
#include "daemon/admin/admin_object.h"
#include "daemon/admin/admin_private.h"
#include "daemon/admin/admin_status.h"

#define TICK_MS 1000
#define STATUS_TICKS 5     /* between two of them */
#define EVENT_COUNT_MAX 64 /* in one piece */
#define RETRY "retry: 2000\n\n"

struct admin_event_client {
    LIST_ENTRY(admin_event_client) link; /* among all clients */
    struct admin_stream stream;          /* its response */
    struct admin_events *events;         /* borrowed */
    enum admin_role role;                /* of whoever listens */
    uint64_t last_id;                    /* transitions up to this are sent */
    bool is_new;                         /* nothing was sent yet */
    bool has_missed;                     /* it must load everything again */
    bool is_status_due;                  /* a status is to be sent */
    char *server;      /* owned; of the queue that it watches; or NULL */
    char *queue;       /* points into server */
    uint64_t watched;  /* fingerprint of what was last sent of it */
    bool is_watch_due; /* look at it */
};

/* One event */

static void event_begin(struct json_writer *out, const char *type)
{
    char line[64];
    int size = snprintf(line, sizeof line, "event: %s\ndata: ", type);
    json_raw(out, line, (size_t)size);
}

/* The id names the process as well, so that one that was sent by another run
 * is not taken for one of this. */
static void event_end(struct json_writer *out,
                      const struct admin_event_client *client)
{
    char line[96];
    int size = snprintf(line, sizeof line, "\nid: %" PRIu64 "-%" PRIu64 "\n",
                        client->events->admin->started_at_ms, client->last_id);
    json_raw(out, line, (size_t)size);
    json_end_line(out);
}

static void send_gap(struct admin_event_client *client, struct json_writer *out)
{
    client->has_missed = false;
    event_begin(out, "gap");
    json_raw(out, "{}", 2);
    event_end(out, client);
}

static void send_status(struct admin_event_client *client,
                        struct json_writer *out)
{
    client->is_status_due = false;
    event_begin(out, "status");
    admin_write_status(out, client->events->admin, client->role);
    event_end(out, client);
}

static void send_queue(struct admin_event_client *client,
                       struct json_writer *out, const char *server,
                       const char *name)
{
    const struct gather_queue *queue =
        gather_find_queue(client->events->admin->gather, server, name);
    if (queue != NULL) {
        event_begin(out, "queue");
        admin_write_queue(out, NULL, queue);
        event_end(out, client);
    }
}

static void send_server(struct admin_event_client *client,
                        struct json_writer *out, const char *name)
{
    const struct gather_server *server =
        name_table_find(&client->events->admin->gather->servers, name);
    if (server != NULL) {
        event_begin(out, "server");
        admin_write_server(out, NULL, server);
        event_end(out, client);
    }
}

static void send_outlet(struct admin_event_client *client,
                        struct json_writer *out, const char *name)
{
    struct gather_outlet *outlet =
        gather_find_outlet(client->events->admin->gather, name);
    if (outlet != NULL) {
        event_begin(out, "outlet");
        admin_write_outlet(out, NULL, outlet);
        event_end(out, client);
    }
}

static void send_inbox(struct admin_event_client *client,
                       struct json_writer *out, const char *name)
{
    const struct gather_inbox *inbox =
        name_table_find(&client->events->admin->gather->inboxes, name);
    if (inbox != NULL) {
        event_begin(out, "inbox");
        admin_write_inbox(out, NULL, inbox);
        event_end(out, client);
    }
}

/* What a transition is about. */
static void send_transition(struct admin_event_client *client,
                            struct json_writer *out,
                            const struct transition *transition)
{
    switch (transition->kind) {
    case TRANSITION_QUEUE:
        send_queue(client, out, transition->server, transition->name);
        break;
    case TRANSITION_SERVER:
        send_server(client, out,
                    transition->server[0] != '\0' ? transition->server
                                                  : transition->name);
        break;
    case TRANSITION_OUTLET:
        send_outlet(client, out, transition->name);
        break;
    case TRANSITION_LANE:
        send_outlet(client, out, transition->outlet);
        break;
    case TRANSITION_INBOX:
        send_inbox(client, out, transition->name);
        client->is_status_due = true;
        break;
    case TRANSITION_CONFIG:
        client->has_missed = true;
        break;
    case TRANSITION_FLEET:
        client->is_status_due = true;
        break;
    }
}

/* The queue that is watched */

static uint64_t fingerprint(const struct gather_queue *queue)
{
    struct haplo_queue_stats stats = {.struct_size = sizeof stats};
    if (queue->queue == NULL) {
        return 1;
    }
    haplo_queue_get_stats(queue->queue, &stats);
    const uint64_t parts[] = {
        stats.state,
        stats.fetch_count,
        stats.message_count,
        stats.failure_count,
        stats.failures,
        stats.marked_batch_count,
        stats.unconfirmed_count,
    };
    uint64_t sum = 2;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        sum = (sum ^ parts[i]) * UINT64_C(0x100000001b3);
    }
    return sum;
}

static void send_watched(struct admin_event_client *client,
                         struct json_writer *out)
{
    client->is_watch_due = false;
    if (client->server == NULL) {
        return;
    }
    const struct gather_queue *queue = gather_find_queue(
        client->events->admin->gather, client->server, client->queue);
    uint64_t now = queue == NULL ? 0 : fingerprint(queue);
    if (now != client->watched) {
        client->watched = now;
        send_queue(client, out, client->server, client->queue);
    }
}

/* What is sent next */

static void send_transitions(struct admin_event_client *client,
                             struct json_writer *out, uint64_t end_ns)
{
    const struct history *history =
        &client->events->admin->gather->observer.history;
    if (client->last_id + 1 < history_oldest_id(history) &&
        client->last_id < history->newest_id) {
        client->has_missed = true;
        client->last_id = history->newest_id;
    }
    for (int i = 0;
         i < EVENT_COUNT_MAX && client->last_id < history->newest_id &&
         uv_hrtime() < end_ns;
         i++) {
        const struct transition *transition =
            history_find(history, ++client->last_id);
        if (transition != NULL) {
            send_transition(client, out, transition);
        }
    }
}

static bool has_more(const struct admin_event_client *client)
{
    return client->has_missed || client->is_status_due ||
           client->is_watch_due ||
           client->last_id <
               client->events->admin->gather->observer.history.newest_id;
}

static enum admin_more more(struct admin_stream *stream,
                            struct json_writer *out, uint64_t budget_ns)
{
    struct admin_event_client *client =
        container_of(stream, struct admin_event_client, stream);
    uint64_t end_ns = uv_hrtime() + budget_ns;
    if (!admin_is_readable(stream->admin)) {
        return ADMIN_MORE_END;
    }
    if (client->is_new) {
        client->is_new = false;
        json_raw(out, RETRY, sizeof RETRY - 1);
    }
    send_transitions(client, out, end_ns);
    if (client->has_missed) {
        send_gap(client, out);
    }
    if (client->is_status_due) {
        send_status(client, out);
    }
    if (client->is_watch_due) {
        send_watched(client, out);
    }
    return has_more(client) ? ADMIN_MORE_NOW : ADMIN_MORE_LATER;
}

/* Clients */

static void on_transition(struct observer_listener *listener,
                          const struct transition *transition)
{
    struct admin_events *events =
        container_of(listener, struct admin_events, listener);
    struct admin_event_client *client;
    (void)transition;
    LIST_FOREACH (client, &events->clients, link) {
        admin_stream_wake(&client->stream);
    }
}

static void on_tick(uv_timer_t *timer)
{
    struct admin_events *events =
        container_of(timer, struct admin_events, timer);
    struct admin_event_client *client;
    bool is_status_due = ++events->tick % STATUS_TICKS == 0;
    LIST_FOREACH (client, &events->clients, link) {
        client->is_status_due |= is_status_due;
        client->is_watch_due |= client->server != NULL;
        if (client->is_status_due || client->is_watch_due) {
            admin_stream_wake(&client->stream);
        }
    }
}

static void client_add(struct admin_events *events,
                       struct admin_event_client *client)
{
    if (events->client_count++ == 0) {
        events->listener.transition_cb = on_transition;
        observer_listen(&events->admin->gather->observer, &events->listener);
        uv_timer_start(&events->timer, on_tick, TICK_MS, TICK_MS);
    }
    LIST_INSERT_HEAD(&events->clients, client, link);
}

static void client_free(struct admin_stream *stream)
{
    struct admin_event_client *client =
        container_of(stream, struct admin_event_client, stream);
    struct admin_events *events = client->events;
    LIST_REMOVE(client, link);
    if (--events->client_count == 0) {
        observer_unlisten(&events->listener);
        uv_timer_stop(&events->timer);
    }
    free(client->server);
    free(client);
}

/* Where the client is in the history; what it has got from another run counts
 * as missed. */
static void find_position(struct admin_event_client *client, const char *text)
{
    const struct admin *admin = client->events->admin;
    uint64_t newest_id = admin->gather->observer.history.newest_id;
    char *rest;
    client->last_id = newest_id;
    if (text == NULL) {
        return;
    }
    uint64_t started_at_ms = strtoull(text, &rest, 10);
    uint64_t id = *rest == '-' ? strtoull(rest + 1, NULL, 10) : UINT64_MAX;
    if (started_at_ms == admin->started_at_ms && id <= newest_id) {
        client->last_id = id;
    } else {
        client->has_missed = true;
    }
}

/* Returns 0, HAPLO_EINVAL or HAPLO_ENOMEM. */
static int watch(struct admin_event_client *client, const char *name)
{
    if (name == NULL) {
        return 0;
    }
    client->server = strdup(name);
    if (client->server == NULL) {
        return HAPLO_ENOMEM;
    }
    client->queue = strchr(client->server, '/');
    if (client->queue == NULL) {
        return HAPLO_EINVAL;
    }
    *client->queue++ = '\0';
    client->is_watch_due = true;
    return 0;
}

void admin_get_events(struct admin_request *request)
{
    struct admin_events *events = &request->admin->events;
    struct admin_event_client *client;
    if (events->client_count == ADMIN_EVENT_CLIENT_COUNT_MAX) {
        admin_reply_error(request, 429,
                          "%d clients are listening to events already",
                          ADMIN_EVENT_CLIENT_COUNT_MAX);
        return;
    }
    client = calloc(1, sizeof *client);
    if (client == NULL) {
        admin_reply_error(request, 500, "out of memory");
        return;
    }
    *client = (struct admin_event_client){
        .stream = {.more_cb = more, .free_cb = client_free},
        .events = events,
        .role = request->role,
        .is_new = true,
        .is_status_due = true,
    };
    find_position(client, admin_header(request, "Last-Event-ID"));
    int error = watch(client, admin_query(request, "queue"));
    client_add(events, client);
    if (error != 0) {
        client_free(&client->stream);
        admin_reply_error(request, error == HAPLO_EINVAL ? 400 : 500,
                          error == HAPLO_EINVAL ? "queue: give SERVER/QUEUE"
                                                : "out of memory");
        return;
    }
    admin_reply_stream(request, "text/event-stream", &client->stream);
}

/* The owner */

void admin_events_init(struct admin_events *events, struct admin *admin)
{
    *events = (struct admin_events){.admin = admin};
    LIST_INIT(&events->clients);
    uv_timer_init(admin->loop, &events->timer); /* cannot fail */
}

static void on_closed(uv_handle_t *handle)
{
    struct admin_events *events =
        container_of(handle, struct admin_events, timer);
    admin_port_closed(events->admin);
}

void admin_events_close(struct admin_events *events)
{
    uv_close((uv_handle_t *)&events->timer, on_closed);
}
