/*
 * control.h - requests from other processes to a running one: one line over a
 * socket in the state directory, and one line back.
 */
#ifndef DAEMON_CONTROL_H
#define DAEMON_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include <uv.h>

#include "daemon/command.h"

#define CONTROL_FILE "control" /* in the state directory; mode 0600 */

/* Carries out a request and writes a response of one line. */
typedef enum exit_code (*control_request_cb)(const char *request, char *answer,
                                             size_t answer_size, void *data);

struct control_client;

struct control {
    uv_pipe_t listener;                   /* initialised while is_open */
    bool is_open;                         /* it listens */
    char *path;                           /* owned; path of the socket */
    unsigned client_count;                /* connected clients */
    TAILQ_HEAD(, control_client) clients; /* the oldest first */
    control_request_cb request_cb;
    void *data; /* for request_cb */
};

/* Starts to listen. The state directory is locked, so an existing socket
 * belongs to a dead process and is replaced. Returns 0, or HAPLO_E* with why
 * set; closing is then not required, but harmless. */
int control_open(struct control *control, uv_loop_t *loop,
                 const char *state_dir, control_request_cb request_cb,
                 void *data, char *why, size_t why_size);

/* Closes its handles and removes the socket. The memory is in use until the
 * loop ends. */
void control_close(struct control *control);

/*
 * Sends a request to the process that listens in this state directory, and
 * waits for its response. Returns true with *code and answer set; false if
 * nobody listens.
 */
bool control_ask(const char *state_dir, const char *request,
                 enum exit_code *code, char *answer, size_t answer_size);

#endif
