/*
 * A client connection, from accept to close:
 *   - It is accepted and waits for a request, at most for its idle limit.
 *   - Bytes are decrypted and parsed up to the end of one request. Anything
 *     that follows stays in `input`.
 *   - The owner of the listener gets the request and answers it, at once or
 *     later.
 *   - The response is sent as its delivery says: whole, in small pieces, or in
 *     part.
 *   - After the last byte the connection reads the next request, or closes.
 *
 * If the client disconnects while its request is in progress, the request is
 * completed all the same: the mark takes effect though nobody learns of it.
 */
#include "sim/http.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sim/listener.h"
#include "sim/memory.h"

#define READ_BYTES 65536        /* one read from the network */
#define INPUT_BYTES_MAX 8388608 /* unparsed; beyond it, close */

struct write {
    uv_write_t request;
    struct sim_connection *connection;
    char *bytes; /* owned */
};

static void connection_read(struct sim_connection *connection);

static void connection_free(struct sim_connection *connection)
{
    if (!connection->tcp_closed || !connection->timer_closed) {
        return;
    }
    sim_tls_free(&connection->tls);
    sim_buffer_free(&connection->input);
    sim_buffer_free(&connection->output);
    sim_request_free(&connection->request);
    free(connection);
}

static void timer_close_cb(uv_handle_t *handle)
{
    struct sim_connection *connection = handle->data;
    connection->timer_closed = true;
    connection_free(connection);
}

/* Unlinks and frees it, once nothing refers to the memory. */
static void connection_release(struct sim_connection *connection)
{
    if (!connection->tcp_closed || connection->held ||
        uv_is_closing((uv_handle_t *)&connection->timer)) {
        return;
    }
    *connection->link = connection->next;
    if (connection->next != NULL) {
        connection->next->link = connection->link;
    }
    uv_close((uv_handle_t *)&connection->timer, timer_close_cb);
}

static void tcp_close_cb(uv_handle_t *handle)
{
    struct sim_connection *connection = handle->data;
    connection->tcp_closed = true;
    connection_release(connection);
}

/* False if it is closed already. */
static bool connection_end(struct sim_connection *connection)
{
    if (connection->state == SIM_CONNECTION_CLOSED) {
        return false;
    }
    connection->held = connection->state == SIM_CONNECTION_BUSY;
    connection->state = SIM_CONNECTION_CLOSED;
    connection->listener->connection_count--;
    if (!connection->held) {
        uv_timer_stop(&connection->timer);
    }
    return true;
}

void sim_connection_close(struct sim_connection *connection)
{
    if (connection_end(connection)) {
        uv_close((uv_handle_t *)&connection->tcp, tcp_close_cb);
    }
}

void sim_connection_reset(struct sim_connection *connection)
{
    if (connection_end(connection) &&
        uv_tcp_close_reset(&connection->tcp, tcp_close_cb) != 0) {
        uv_close((uv_handle_t *)&connection->tcp, tcp_close_cb);
    }
}

void sim_connection_abandon(struct sim_connection *connection)
{
    sim_connection_close(connection);
    connection->held = false;
    uv_timer_stop(&connection->timer);
    connection_release(connection);
}

static void timer_cb(uv_timer_t *timer)
{
    struct sim_connection *connection = timer->data;
    sim_listener_clock(connection->listener);
    connection->timer_run(connection);
}

static void timer_set(struct sim_connection *connection, int64_t wait_ms,
                      void (*run)(struct sim_connection *))
{
    connection->timer_run = run;
    uv_timer_start(&connection->timer, timer_cb, (uint64_t)wait_ms, 0);
}

void sim_connection_wait(struct sim_connection *connection, int64_t wait_ms,
                         void (*run)(struct sim_connection *))
{
    timer_set(connection, wait_ms, run);
}

static void idle_start(struct sim_connection *connection)
{
    timer_set(connection, sim_listener_keep_alive_ms(connection->listener),
              sim_connection_close);
}

static void shutdown_cb(uv_shutdown_t *request, int status)
{
    struct sim_connection *connection = request->handle->data;
    (void)status;
    free(request);
    sim_connection_close(connection);
}

/* Sends FIN after everything written. */
static void connection_finish(struct sim_connection *connection)
{
    uv_shutdown_t *request = sim_new(sizeof *request);
    if (uv_shutdown(request, (uv_stream_t *)&connection->tcp, shutdown_cb) !=
        0) {
        free(request);
        sim_connection_close(connection);
    }
}

/* The kernel has accepted all bytes of the response. */
static void after_delivery(struct sim_connection *connection)
{
    if (connection->state != SIM_CONNECTION_SENDING ||
        connection->writes_pending > 0) {
        return;
    }
    switch (connection->delivery.after) {
    case SIM_AFTER_KEEP:
        connection->state = SIM_CONNECTION_READING;
        idle_start(connection);
        if (!connection->in_read) {
            connection_read(connection);
        }
        break;
    case SIM_AFTER_FIN:
        connection_finish(connection);
        break;
    case SIM_AFTER_RESET:
        sim_connection_reset(connection);
        break;
    case SIM_AFTER_STALL:
        break;
    }
}

static bool delivery_is_over(const struct sim_connection *connection)
{
    return connection->output_at >= connection->output.size ||
           connection->output_at >= connection->delivery.stop_at;
}

static void write_cb(uv_write_t *request, int status)
{
    struct write *write = (struct write *)request;
    struct sim_connection *connection = write->connection;
    free(write->bytes);
    free(write);
    connection->writes_pending--;
    if (status != 0) {
        sim_connection_close(connection);
    } else if (delivery_is_over(connection)) {
        after_delivery(connection);
    }
}

/* Writes bytes; copies and queues what the kernel does not accept now. */
static void network_write(struct sim_connection *connection, char *bytes,
                          size_t size)
{
    uv_stream_t *stream = (uv_stream_t *)&connection->tcp;
    uv_buf_t buffer = uv_buf_init(bytes, (unsigned int)size);
    int taken = uv_try_write(stream, &buffer, 1);
    size_t done = taken < 0 ? 0 : (size_t)taken;
    if (done == size) {
        return;
    }
    if (taken < 0 && taken != UV_EAGAIN) {
        sim_connection_close(connection);
        return;
    }
    struct write *write = sim_new(sizeof *write);
    write->connection = connection;
    write->bytes = sim_copy(bytes + done, size - done);
    buffer = uv_buf_init(write->bytes, (unsigned int)(size - done));
    if (uv_write(&write->request, stream, &buffer, 1, write_cb) != 0) {
        free(write->bytes);
        free(write);
        sim_connection_close(connection);
        return;
    }
    connection->writes_pending++;
}

static void tls_flush(struct sim_connection *connection)
{
    char *bytes;
    size_t size = sim_tls_pending(&connection->tls, &bytes);
    if (size > 0) {
        network_write(connection, bytes, size);
        sim_tls_sent(&connection->tls);
    }
}

static void connection_write(struct sim_connection *connection, char *bytes,
                             size_t size)
{
    if (size == 0) {
        return;
    }
    if (connection->tls.ssl == NULL) {
        network_write(connection, bytes, size);
    } else if (sim_tls_send(&connection->tls, bytes, size)) {
        tls_flush(connection);
    } else {
        sim_connection_close(connection);
    }
}

/* Sends the next piece of the response. */
static void output_write(struct sim_connection *connection)
{
    const struct sim_delivery *delivery = &connection->delivery;
    size_t end = connection->output.size;
    if (end > delivery->stop_at) {
        end = delivery->stop_at;
    }
    size_t size = end - connection->output_at;
    if (delivery->drip_bytes > 0 && size > delivery->drip_bytes) {
        size = delivery->drip_bytes;
    }
    char *bytes = connection->output.bytes + connection->output_at;
    connection->output_at += size;
    connection_write(connection, bytes, size);
    if (connection->state != SIM_CONNECTION_SENDING) {
        return;
    }
    if (delivery_is_over(connection)) {
        after_delivery(connection);
    } else {
        timer_set(connection, delivery->drip_ms, output_write);
    }
}

void sim_connection_answer(struct sim_connection *connection,
                           struct sim_buffer *answer,
                           struct sim_delivery delivery)
{
    if (connection->state == SIM_CONNECTION_CLOSED) {
        sim_buffer_free(answer);
        connection->held = false;
        connection_release(connection);
        return;
    }
    assert(connection->state == SIM_CONNECTION_BUSY);
    sim_buffer_free(&connection->output);
    connection->output = *answer;
    *answer = (struct sim_buffer){0};
    connection->output_at = 0;
    connection->delivery = delivery;
    connection->state = SIM_CONNECTION_SENDING;
    uv_timer_stop(&connection->timer);
    output_write(connection);
}

static void connection_refuse(struct sim_connection *connection)
{
    struct sim_buffer answer = {0};
    sim_buffer_text(&answer, "HTTP/1.1 400 Bad Request\r\n"
                             "Content-Length: 0\r\nConnection: close\r\n\r\n");
    connection->state = SIM_CONNECTION_BUSY;
    sim_connection_answer(
        connection, &answer,
        (struct sim_delivery){answer.size, SIM_AFTER_FIN, 0, 0});
}

/* The client waits for a 100 before it sends its body. */
static void connection_continue(struct sim_connection *connection)
{
    static char answer[] = "HTTP/1.1 100 Continue\r\n\r\n";
    connection->request.expects_continue = false;
    connection_write(connection, answer, sizeof answer - 1);
}

/* Parses the input, up to the end of one request. */
static void connection_read_one(struct sim_connection *connection)
{
    struct sim_request *request = &connection->request;
    size_t used;
    enum sim_request_progress progress = sim_request_parse(
        request, connection->input.bytes, connection->input.size, &used);
    sim_buffer_consume(&connection->input, used);
    switch (progress) {
    case SIM_REQUEST_BROKEN:
        connection_refuse(connection);
        break;
    case SIM_REQUEST_COMPLETE:
        connection->state = SIM_CONNECTION_BUSY;
        uv_timer_stop(&connection->timer);
        connection->listener->request_run(connection);
        break;
    case SIM_REQUEST_PARTIAL:
        if (request->expects_continue) {
            connection_continue(connection);
        }
        break;
    }
}

/* A loop and not recursion: a response sent at once would otherwise call back
 * into here for each pipelined request. */
static void connection_read(struct sim_connection *connection)
{
    connection->in_read = true;
    while (connection->state == SIM_CONNECTION_READING &&
           connection->input.size > 0) {
        connection_read_one(connection);
    }
    connection->in_read = false;
}

static void connection_receive(struct sim_connection *connection,
                               const char *bytes, size_t size)
{
    if (connection->tls.ssl == NULL) {
        sim_buffer_add(&connection->input, bytes, size);
    } else {
        bool good =
            sim_tls_receive(&connection->tls, bytes, size, &connection->input);
        tls_flush(connection);
        if (!good) {
            sim_connection_close(connection);
            return;
        }
    }
    if (connection->input.size > INPUT_BYTES_MAX) {
        sim_connection_close(connection);
        return;
    }
    connection_read(connection);
}

static char read_bytes[READ_BYTES]; /* shared: one thread, consumed at once */

static void alloc_cb(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)handle;
    (void)suggested;
    *buffer = uv_buf_init(read_bytes, sizeof read_bytes);
}

static void read_cb(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct sim_connection *connection = stream->data;
    if (count == 0) {
        return;
    }
    sim_listener_clock(connection->listener);
    if (count < 0) {
        sim_connection_close(connection);
        return;
    }
    connection_receive(connection, buffer->base, (size_t)count);
}

static void address_read(struct sim_connection *connection)
{
    struct sockaddr_storage address;
    int size = sizeof address;
    if (uv_tcp_getpeername(&connection->tcp, (struct sockaddr *)&address,
                           &size) == 0) {
        uv_ip_name((struct sockaddr *)&address, connection->address,
                   sizeof connection->address);
    }
}

static void connection_attach(struct sim_connection *connection)
{
    struct sim_listener *listener = connection->listener;
    connection->next = listener->connections;
    connection->link = &listener->connections;
    if (connection->next != NULL) {
        connection->next->link = &connection->next;
    }
    listener->connections = connection;
    listener->connection_count++;
    listener->accepted_count++;
}

void sim_connection_open(struct sim_listener *listener)
{
    struct sim_connection *connection = sim_new(sizeof *connection);
    uv_loop_t *loop = listener->tcp->loop;
    connection->listener = listener;
    connection->id = sim_listener_next_id(listener);
    connection->turn.own = connection;
    connection->tcp.data = connection;
    connection->timer.data = connection;
    connection_attach(connection);
    if (uv_timer_init(loop, &connection->timer) != 0 ||
        uv_tcp_init(loop, &connection->tcp) != 0) {
        abort(); /* neither can fail if called correctly */
    }
    sim_request_init(&connection->request);
    if (uv_accept((uv_stream_t *)listener->tcp,
                  (uv_stream_t *)&connection->tcp) != 0 ||
        sim_listener_refuses(listener) ||
        (listener->tls != NULL &&
         !sim_tls_init(&connection->tls, listener->tls))) {
        sim_connection_close(connection);
        return;
    }
    address_read(connection);
    uv_tcp_nodelay(&connection->tcp, 1);
    idle_start(connection);
    if (uv_read_start((uv_stream_t *)&connection->tcp, alloc_cb, read_cb) !=
        0) {
        sim_connection_close(connection);
    }
}
