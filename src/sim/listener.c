#include "sim/listener.h"

#include <stdlib.h>

#include "sim/http.h"
#include "sim/memory.h"
#include "sim/server.h"

#define BACKLOG 4096                  /* demos open thousands at once */
#define CONTROL_KEEP_ALIVE_MS 3600000 /* tests keep theirs open */

static void close_cb(uv_handle_t *handle)
{
    free(handle);
}

static void connection_cb(uv_stream_t *stream, int status)
{
    struct sim_listener *listener = stream->data;
    if (status == 0) {
        sim_listener_clock(listener);
        sim_connection_open(listener);
    }
}

static void socket_close(struct sim_listener *listener)
{
    uv_close((uv_handle_t *)listener->tcp, close_cb);
    listener->tcp = NULL;
}

/* Binds a new socket to listener->address. */
static int socket_bind(struct sim_listener *listener)
{
    int size = sizeof listener->address;
    listener->tcp = sim_new(sizeof *listener->tcp);
    listener->tcp->data = listener;
    int error = uv_tcp_init(listener->server->loop, listener->tcp);
    if (error != 0) {
        free(listener->tcp);
        listener->tcp = NULL;
        return error;
    }
    error = uv_tcp_bind(listener->tcp,
                        (const struct sockaddr *)&listener->address, 0);
    if (error == 0) {
        error = uv_tcp_getsockname(
            listener->tcp, (struct sockaddr *)&listener->address, &size);
    }
    if (error != 0) {
        socket_close(listener);
    }
    return error;
}

static int socket_listen(struct sim_listener *listener)
{
    int error = uv_listen((uv_stream_t *)listener->tcp, BACKLOG, connection_cb);
    if (error != 0) {
        socket_close(listener);
    }
    return error;
}

int sim_listener_open(struct sim_listener *listener, const char *address,
                      unsigned int port)
{
    struct sockaddr_in *to = (struct sockaddr_in *)&listener->address;
    int error = uv_ip4_addr(address, (int)port, to);
    error = error == 0 ? socket_bind(listener) : error;
    error = error == 0 ? socket_listen(listener) : error;
    if (error == 0) {
        listener->port = ntohs(to->sin_port);
    }
    return error;
}

/* While the listener refuses, a socket that is bound but does not listen
 * reserves the port, so that no other process takes it. */
int sim_listener_refuse(struct sim_listener *listener, bool refuse)
{
    if (listener->refusing == refuse) {
        return 0;
    }
    listener->refusing = refuse;
    if (!refuse && listener->tcp != NULL) {
        return socket_listen(listener);
    }
    if (listener->tcp != NULL) {
        socket_close(listener);
    }
    int error = socket_bind(listener);
    return error == 0 && !refuse ? socket_listen(listener) : error;
}

void sim_listener_drop(struct sim_listener *listener)
{
    struct sim_connection *next;
    for (struct sim_connection *it = listener->connections; it; it = next) {
        next = it->next;
        sim_connection_reset(it);
    }
}

uint64_t sim_listener_gone_count(const struct sim_listener *listener)
{
    uint64_t count = 0;
    for (const struct sim_connection *it = listener->connections; it;
         it = it->next) {
        count += it->held && it->state == SIM_CONNECTION_CLOSED;
    }
    return count;
}

void sim_listener_close(struct sim_listener *listener)
{
    struct sim_connection *next;
    for (struct sim_connection *it = listener->connections; it; it = next) {
        next = it->next;
        sim_connection_abandon(it);
    }
    if (listener->tcp != NULL) {
        socket_close(listener);
    }
    SSL_CTX_free(listener->tls);
    listener->tls = NULL;
}

void sim_listener_clock(struct sim_listener *listener)
{
    sim_server_clock(listener->server);
}

int64_t sim_listener_keep_alive_ms(const struct sim_listener *listener)
{
    return listener->app == NULL ? CONTROL_KEEP_ALIVE_MS
                                 : listener->app->settings.keep_alive_ms;
}

uint64_t sim_listener_next_id(struct sim_listener *listener)
{
    return ++listener->server->connection_id_last;
}

bool sim_listener_refuses(struct sim_listener *listener)
{
    struct sim_world *world = &listener->server->world;
    if (listener->app == NULL) {
        return false;
    }
    const struct sim_fault *fault =
        sim_faults_strike_accept(&world->faults, listener->app->name);
    if (fault == NULL) {
        return false;
    }
    sim_eventlog_add(
        &world->log,
        (struct sim_event){.time_ms = world->now_ms,
                           .app = listener->app->name,
                           .verb = "accept",
                           .connection = listener->server->connection_id_last,
                           .fault = sim_fault_name(fault->kind)},
        NULL, 0);
    return true;
}
