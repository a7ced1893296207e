/*
 * control.c - handles requests over the control socket.
 *
 *   - A process connects and writes a line (on_connection, on_read).
 *   - The request is carried out. While this takes, a blank line is sent from
 *     time to time, so that the client knows that its request is not lost.
 *   - The response is one line: the exit code for that process, a blank, and
 *     the text it should print (control_answer).
 *   - The connection is closed.
 *
 * Failures:
 *
 *   - A client sends nothing: it is closed when its place is needed, so that no
 *     timer is needed. Clients have fixed places, so that memory cannot run out
 *     for them: libuv accepts no further connection until the present one is
 *     taken.
 *   - A line is too long, or ends early: closed without a response.
 *   - A client disconnects while it waits: the request is carried out all the
 *     same.
 *
 * Anyone who can open the socket may send requests, and only its owner can.
 */
#include "daemon/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/container_of.h"
#include "base/reason.h"
#include "daemon/control_ask.h"
#include "haplopoll.h"

#define PULSE_MS 2000 /* between blank lines */

/* A client */

static void take_pending(struct control *control);

static void on_client_closed(uv_handle_t *handle)
{
    struct control_client *client =
        container_of(handle, struct control_client, pipe);
    client->is_used = false;
    client->is_waiting = false;
    if (client->control->is_pending && client->control->is_open) {
        take_pending(client->control);
    }
}

static void close_client(struct control_client *client)
{
    if (!uv_is_closing((uv_handle_t *)&client->pipe)) {
        uv_close((uv_handle_t *)&client->pipe, on_client_closed);
    }
}

static void send_line(struct control_client *client, char *line, size_t size);

/* Closes the client after its response. */
static void on_written(uv_write_t *write, int status)
{
    struct control_client *client =
        container_of(write, struct control_client, write);
    client->is_writing = false;
    bool is_gone = status != 0;
    if (is_gone || (!client->is_waiting && client->size == 0)) {
        close_client(client);
    } else if (!client->is_waiting) {
        send_line(client, client->line, client->size);
    }
}

static void send_line(struct control_client *client, char *line, size_t size)
{
    uv_buf_t buffer = uv_buf_init(line, (unsigned)size);
    client->is_writing = true;
    if (!client->is_waiting) {
        client->size = 0; /* nothing is left to be sent */
    }
    if (uv_write(&client->write, (uv_stream_t *)&client->pipe, &buffer, 1,
                 on_written) != 0) {
        client->is_writing = false;
        close_client(client);
    }
}

static void on_pulse(uv_timer_t *timer)
{
    static char blank[] = "\n";
    struct control *control = container_of(timer, struct control, pulse);
    bool is_needed = false;
    for (size_t i = 0; i < CONTROL_CLIENT_COUNT_MAX; i++) {
        struct control_client *client = &control->clients[i];
        if (client->is_used && client->is_waiting &&
            !uv_is_closing((uv_handle_t *)&client->pipe)) {
            is_needed = true;
            if (!client->is_writing) {
                send_line(client, blank, 1);
            }
        }
    }
    if (!is_needed) {
        uv_timer_stop(timer);
    }
}

static struct control_client *find_waiting(struct control *control,
                                           uint64_t number)
{
    for (size_t i = 0; i < CONTROL_CLIENT_COUNT_MAX; i++) {
        struct control_client *client = &control->clients[i];
        if (client->is_used && client->is_waiting && client->number == number) {
            return client;
        }
    }
    return NULL;
}

void control_answer(struct control *control, uint64_t number,
                    enum exit_code code, const char *text)
{
    struct control_client *client = find_waiting(control, number);
    if (client == NULL || uv_is_closing((uv_handle_t *)&client->pipe)) {
        return;
    }
    int size =
        snprintf(client->line, sizeof client->line, "%d %s\n", (int)code, text);
    client->is_waiting = false;
    client->size = (size_t)size;
    if (!client->is_writing) {
        send_line(client, client->line, client->size);
    }
}

static void carry_out(struct control_client *client)
{
    struct control *control = client->control;
    uv_read_stop((uv_stream_t *)&client->pipe);
    client->is_waiting = true;
    /* Cannot fail: it is not closing. */
    uv_timer_start(&control->pulse, on_pulse, PULSE_MS, PULSE_MS);
    control->request_cb(control, client->number, client->line, control->data);
}

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct control_client *client =
        container_of(handle, struct control_client, pipe);
    (void)suggested;
    *buffer = uv_buf_init(client->line + client->size,
                          (unsigned)(sizeof client->line - client->size));
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct control_client *client =
        container_of(stream, struct control_client, pipe);
    (void)buffer;
    if (count < 0) {
        close_client(client);
        return;
    }
    client->size += (size_t)count;
    char *end = memchr(client->line, '\n', client->size);
    if (end != NULL) {
        *end = '\0';
        carry_out(client);
    } else if (client->size == sizeof client->line) {
        close_client(client);
    }
}

static struct control_client *free_client(struct control *control)
{
    for (size_t i = 0; i < CONTROL_CLIENT_COUNT_MAX; i++) {
        if (!control->clients[i].is_used) {
            return &control->clients[i];
        }
    }
    return NULL;
}

/* Of those whose request has not arrived; NULL if all have. */
static struct control_client *oldest_client(struct control *control)
{
    struct control_client *oldest = NULL;
    for (size_t i = 0; i < CONTROL_CLIENT_COUNT_MAX; i++) {
        struct control_client *client = &control->clients[i];
        if (!client->is_waiting &&
            (oldest == NULL || client->number < oldest->number)) {
            oldest = client;
        }
    }
    return oldest;
}

static void take_pending(struct control *control)
{
    uv_stream_t *listener = (uv_stream_t *)&control->listener;
    struct control_client *client = free_client(control);
    control->is_pending = client == NULL;
    if (client == NULL) {
        client = oldest_client(control);
        if (client != NULL) {
            close_client(client);
        }
        return;
    }
    client->control = control;
    client->is_used = true;
    client->is_waiting = false;
    client->is_writing = false;
    client->number = control->next_number++;
    client->size = 0;
    uv_pipe_init(listener->loop, &client->pipe, 0); /* cannot fail */
    if (uv_accept(listener, (uv_stream_t *)&client->pipe) != 0 ||
        uv_read_start((uv_stream_t *)&client->pipe, on_allocate, on_read) !=
            0) {
        close_client(client);
    }
}

static void on_connection(uv_stream_t *listener, int status)
{
    if (status == 0) {
        take_pending(container_of(listener, struct control, listener));
    }
}

/* The socket */

/* Sets the mode before the file exists, so that nobody can connect in between.
 * Sets *out to a descriptor. Returns 0 or errno. */
static int bind_socket(const char *path, int *out)
{
    struct sockaddr_un address;
    int error = control_address(&address, path);
    if (error != 0) {
        return error;
    }
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) {
        return errno;
    }
    unlink(path);
    if (fchmod(descriptor, 0600) != 0 ||
        bind(descriptor, (struct sockaddr *)&address, sizeof address) != 0) {
        error = errno;
        close(descriptor);
        return error;
    }
    *out = descriptor;
    return 0;
}

static void note_file(struct control *control)
{
    struct stat status;
    if (stat(control->path, &status) == 0) {
        control->device = status.st_dev;
        control->inode = status.st_ino;
    }
}

/* If the lock was removed, another process may have taken over the state
 * directory, with a socket of its own. */
static void remove_file(const struct control *control)
{
    struct stat status;
    if (stat(control->path, &status) == 0 && status.st_dev == control->device &&
        status.st_ino == control->inode) {
        unlink(control->path);
    }
}

static int listen_to(struct control *control, uv_loop_t *loop)
{
    int descriptor = -1;
    int error = bind_socket(control->path, &descriptor);
    if (error != 0) {
        return uv_translate_sys_error(error);
    }
    note_file(control);
    uv_pipe_init(loop, &control->listener, 0); /* cannot fail */
    error = uv_pipe_open(&control->listener, descriptor);
    if (error != 0) {
        close(descriptor);
    } else {
        error = uv_listen((uv_stream_t *)&control->listener,
                          CONTROL_CLIENT_COUNT_MAX, on_connection);
    }
    if (error != 0) {
        uv_close((uv_handle_t *)&control->listener, NULL);
        remove_file(control);
    } else {
        uv_timer_init(loop, &control->pulse); /* cannot fail */
        uv_unref((uv_handle_t *)&control->pulse);
    }
    return error;
}

int control_open(struct control *control, uv_loop_t *loop,
                 const char *state_dir, control_request_cb request_cb,
                 void *data, char *why, size_t why_size)
{
    *control = (struct control){.request_cb = request_cb, .data = data};
    control->path = control_path(state_dir);
    int error = control->path == NULL ? UV_ENOMEM : listen_to(control, loop);
    if (error != 0) {
        (void)reason_write(why, why_size, 0, "%s/" CONTROL_FILE ": %s",
                           state_dir, uv_strerror(error));
        free(control->path);
        control->path = NULL;
        return HAPLO_EINVAL;
    }
    control->is_open = true;
    return 0;
}

void control_close(struct control *control)
{
    if (!control->is_open) {
        return;
    }
    control->is_open = false;
    for (size_t i = 0; i < CONTROL_CLIENT_COUNT_MAX; i++) {
        if (control->clients[i].is_used) {
            close_client(&control->clients[i]);
        }
    }
    uv_close((uv_handle_t *)&control->listener, NULL);
    uv_close((uv_handle_t *)&control->pulse, NULL);
    remove_file(control);
    free(control->path);
    control->path = NULL;
}
