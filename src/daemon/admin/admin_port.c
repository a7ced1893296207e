/*
 * admin_port.c - a listening socket with libmicrohttpd behind it.
 *
 *   - Its epoll descriptor becomes readable when a client connects, sends or
 *     can be sent to: libmicrohttpd runs once, without waiting.
 *   - When the head of a request has arrived, its route is looked up and the
 *     client identified. A request that may not go on is refused at once.
 *   - When its body has arrived, the handler is called, and its response
 *     passed to libmicrohttpd, now or after admin_wait().
 *
 * Failures:
 *
 *   - A client is too slow: its socket is shut down, which libmicrohttpd
 *     notices as if the client had gone.
 *   - Nearly all connections are in use: one that is idle, or does not read its
 *     response, is shut down.
 *   - Memory runs out: the connection is closed.
 */
#include "daemon/admin/admin_port.h"

#include <fcntl.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/container_of.h"
#include "daemon/admin/admin_access.h"
#include "daemon/admin/admin_private.h"

#define SWEEP_MS 1000
#define SPARE_CONNECTION_COUNT 4 /* free ones, for whoever comes next */

/* The loop */

static void on_timer(uv_timer_t *timer);

static void arm_timer(struct admin_port *port)
{
    MHD_UNSIGNED_LONG_LONG timeout;
    if (port->is_run_due) {
        uv_timer_start(&port->timer, on_timer, 0, 0);
    } else if (MHD_get_timeout(port->daemon, &timeout) == MHD_YES) {
        uv_timer_start(&port->timer, on_timer, timeout, 0);
    } else {
        uv_timer_stop(&port->timer);
    }
}

static void run(struct admin_port *port)
{
    if (port->daemon != NULL) {
        port->is_run_due = false;
        (void)MHD_run(port->daemon); /* fails only without epoll */
        arm_timer(port);
    }
}

static void on_timer(uv_timer_t *timer)
{
    run(container_of(timer, struct admin_port, timer));
}

void admin_port_run_soon(struct admin_port *port)
{
    if (port->daemon != NULL) {
        uv_timer_start(&port->timer, on_timer, 0, 0);
    }
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    run(container_of(poll, struct admin_port, poll));
}

/* Clients that are too slow */

static void disconnect(struct admin_connection *connection)
{
    connection->deadline_ms = 0; /* once is enough */
    shutdown(connection->descriptor, SHUT_RDWR);
}

static void on_sweep(uv_timer_t *timer)
{
    struct admin_port *port = container_of(timer, struct admin_port, sweep);
    uint64_t now_ms = uv_now(timer->loop);
    struct admin_connection *connection;
    TAILQ_FOREACH (connection, &port->connections, link) {
        if (connection->deadline_ms != 0 && connection->deadline_ms <= now_ms) {
            disconnect(connection);
        }
    }
    if (port->connection_count == 0) {
        uv_timer_stop(timer);
    }
}

/* Whether one makes room rather than another one (or NULL): first those without
 * a request, then those that do not read their response; of these, the one
 * that has done nothing for longest. */
static bool is_rather(const struct admin_connection *connection,
                      const struct admin_connection *than)
{
    if (than == NULL || connection->is_receiving != than->is_receiving) {
        return than == NULL || connection->is_receiving;
    }
    return connection->deadline_ms < than->deadline_ms;
}

/* One that has no deadline is at work, or being closed. */
static void make_room(struct admin_port *port,
                      const struct admin_connection *newest)
{
    struct admin_connection *connection;
    struct admin_connection *idle = NULL;
    size_t used = 0;
    TAILQ_FOREACH (connection, &port->connections, link) {
        used += connection->deadline_ms != 0 || !connection->is_receiving;
        if (connection != newest && connection->deadline_ms != 0 &&
            is_rather(connection, idle)) {
            idle = connection;
        }
    }
    if (idle != NULL &&
        used > ADMIN_CONNECTION_COUNT_MAX - SPARE_CONNECTION_COUNT) {
        disconnect(idle);
    }
}

/* Waits for a request. */
static void receive(struct admin_connection *connection)
{
    connection->is_receiving = true;
    connection->deadline_ms =
        uv_now(connection->port->timer.loop) + ADMIN_RECEIVE_TIMEOUT_MS;
}

/* Connections */

static void connection_add(struct admin_port *port, struct MHD_Connection *mhd,
                           void **context)
{
    struct admin_connection *connection = calloc(1, sizeof *connection);
    *context = connection;
    if (connection == NULL) {
        return; /* refused with its first request */
    }
    connection->port = port;
    connection->descriptor =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)
            ->connect_fd;
    receive(connection);
    TAILQ_INSERT_TAIL(&port->connections, connection, link);
    if (port->connection_count++ == 0) {
        uv_timer_start(&port->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
    }
    make_room(port, connection);
}

static void connection_end(struct admin_port *port, void **context)
{
    struct admin_connection *connection = *context;
    if (connection != NULL) {
        TAILQ_REMOVE(&port->connections, connection, link);
        port->connection_count--;
        free(connection);
        *context = NULL;
    }
    /* If all places were in use, it listens again only when it runs. */
    port->is_run_due = true;
}

static void on_connection(void *data, struct MHD_Connection *mhd,
                          void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        connection_add(data, mhd, context);
    } else {
        connection_end(data, context);
    }
}

/* Requests */

static struct admin_request *request_new(struct admin_port *port,
                                         struct MHD_Connection *mhd)
{
    struct admin_connection *client =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)
            ->socket_context;
    struct admin_request *request =
        client == NULL ? NULL : calloc(1, sizeof *request);
    if (request != NULL) {
        request->admin = port->admin;
        request->connection = mhd;
        request->client = client;
    }
    return request;
}

/* Routes a request whose head has arrived; replies if it may not go on. */
static void route(struct admin_request *request, const char *method,
                  const char *path)
{
    const char *size = admin_header(request, MHD_HTTP_HEADER_CONTENT_LENGTH);
    admin_route_find(admin_routes, admin_route_count, method, path,
                     &request->match);
    if (!admin_allows(request, method, request->client->port->is_local)) {
        return;
    }
    if (request->match.route == NULL) {
        admin_reply_error(request, request->match.is_path_known ? 405 : 404,
                          request->match.is_path_known
                              ? "this path does not support the method: see "
                                "docs/openapi.yaml"
                              : "there is nothing at this path: see "
                                "docs/openapi.yaml");
    } else if (size != NULL && strtoull(size, NULL, 10) > ADMIN_BODY_SIZE_MAX) {
        admin_reply_error(request, 413,
                          "the body of a request may have %d bytes",
                          ADMIN_BODY_SIZE_MAX);
    }
}

static enum MHD_Result body_add(struct admin_request *request, const char *data,
                                size_t size)
{
    if (request->body_size + size > ADMIN_BODY_SIZE_MAX) {
        request->is_too_large = true;
        return MHD_YES; /* no response is possible before its end */
    }
    char *body = realloc(request->body, request->body_size + size + 1);
    if (body == NULL) {
        return MHD_NO;
    }
    memcpy(body + request->body_size, data, size);
    request->body = body;
    request->body_size += size;
    body[request->body_size] = '\0';
    return MHD_YES;
}

static void handle(struct admin_request *request)
{
    const struct admin_route *found = request->match.route;
    request->is_handled = true;
    request->client->is_receiving = false;
    request->client->deadline_ms = 0;
    if (request->is_too_large) {
        admin_reply_error(request, 413,
                          "the body of a request may have %d bytes",
                          ADMIN_BODY_SIZE_MAX);
    } else if (!found->is_always && !admin_is_readable(request->admin)) {
        admin_reply_error(request, 503,
                          "the process is starting or stopping: try again");
    } else {
        found->handle_cb(request);
    }
}

static enum MHD_Result respond(struct admin_request *request)
{
    struct admin_connection *client = request->client;
    client->is_receiving = false;
    client->deadline_ms =
        request->stream != NULL
            ? 0
            : uv_now(request->admin->loop) + ADMIN_SEND_TIMEOUT_MS;
    return MHD_queue_response(request->connection, request->status,
                              request->response);
}

static enum MHD_Result on_request(void *data, struct MHD_Connection *mhd,
                                  const char *path, const char *method,
                                  const char *version, const char *upload,
                                  size_t *upload_size, void **context)
{
    struct admin_request *request = *context;
    (void)version;
    if (request == NULL) {
        request = request_new(data, mhd);
        *context = request;
        if (request == NULL) {
            return MHD_NO;
        }
        route(request, method, path);
        return request->response != NULL ? respond(request) : MHD_YES;
    }
    if (*upload_size > 0) {
        size_t size = *upload_size;
        *upload_size = 0;
        return body_add(request, upload, size);
    }
    if (!request->is_handled) {
        handle(request);
    }
    if (request->response != NULL) {
        return respond(request);
    }
    return request->is_waiting ? MHD_YES : MHD_NO;
}

static void on_completed(void *data, struct MHD_Connection *mhd, void **context,
                         enum MHD_RequestTerminationCode code)
{
    struct admin_request *request = *context;
    (void)data;
    (void)mhd;
    (void)code;
    if (request != NULL) {
        receive(request->client); /* the next one */
        admin_request_free(request);
        *context = NULL;
    }
}

/* Opening and closing */

static struct MHD_Daemon *daemon_new(struct admin_port *port, int descriptor)
{
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request,
        port, MHD_OPTION_LISTEN_SOCKET, descriptor,
        MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)ADMIN_CONNECTION_COUNT_MAX,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)ADMIN_CONNECTION_MEMORY,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, port, MHD_OPTION_NOTIFY_COMPLETED, on_completed, port,
        MHD_OPTION_END);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct admin_port *port = handle->data;
    if (--port->open_handles == 0) {
        admin_port_closed(port->admin);
    }
}

static void close_handle(struct admin_port *port, uv_handle_t *handle)
{
    handle->data = port;
    uv_close(handle, on_handle_closed);
}

int admin_port_open(struct admin_port *port, struct admin *admin,
                    int descriptor, bool is_local)
{
    *port = (struct admin_port){.admin = admin, .is_local = is_local};
    TAILQ_INIT(&port->connections);
    TAILQ_INIT(&port->suspended);
    port->daemon = daemon_new(port, descriptor);
    if (port->daemon == NULL) {
        /* It has closed the descriptor or not, depending on what failed. */
        if (fcntl(descriptor, F_GETFD) != -1) {
            close(descriptor);
        }
        return HAPLO_ENOMEM;
    }
    int epoll =
        MHD_get_daemon_info(port->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    if (uv_poll_init(admin->loop, &port->poll, epoll) != 0) {
        MHD_stop_daemon(port->daemon);
        port->daemon = NULL;
        return HAPLO_ENOMEM;
    }
    uv_timer_init(admin->loop, &port->timer); /* these cannot fail */
    uv_timer_init(admin->loop, &port->sweep);
    port->open_handles = 3;
    if (uv_poll_start(&port->poll, UV_READABLE, on_poll) != 0) {
        admin->open_ports++; /* until its handles are closed */
        admin_port_close(port);
        return HAPLO_ENOMEM;
    }
    return 0;
}

void admin_port_close(struct admin_port *port)
{
    struct MHD_Daemon *daemon = port->daemon;
    struct admin_request *request;
    if (daemon == NULL) {
        return;
    }
    port->daemon = NULL;
    uv_poll_stop(&port->poll);
    while ((request = TAILQ_FIRST(&port->suspended)) != NULL) {
        admin_request_resume(request); /* it cannot stop with one of these */
    }
    MHD_stop_daemon(daemon);
    close_handle(port, (uv_handle_t *)&port->poll);
    close_handle(port, (uv_handle_t *)&port->timer);
    close_handle(port, (uv_handle_t *)&port->sweep);
}
