/*
 * control.h - how another process asks a running one for something: a line over
 * a socket in the state directory, and a line back.
 */
#ifndef DAEMON_CONTROL_H
#define DAEMON_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include <uv.h>

#include "daemon/command.h"

#define CONTROL_FILE "control" /* in the state directory; mode 0600 */

/* Carries out a request, and writes one line of answer. */
typedef enum exit_code (*control_request_cb)(const char *request, char *answer,
                                             size_t answer_size, void *data);

struct control_client;

struct control {
    uv_pipe_t listener;                   /* in the loop while is_open */
    bool is_open;                         /* between open and close */
    char *path;                           /* of the socket; owned */
    unsigned client_count;                /* connected */
    TAILQ_HEAD(, control_client) clients; /* the oldest first */
    control_request_cb request_cb;        /* */
    void *data;                           /* for request_cb */
};

/* Listens. The state directory is locked, so a socket that is there belongs to
 * a dead process, and is replaced. 0, or HAPLO_E* with why; then there is
 * nothing to close, and closing does no harm. */
int control_open(struct control *control, uv_loop_t *loop,
                 const char *state_dir, control_request_cb request_cb,
                 void *data, char *why, size_t why_size);

/* Closes its handles and removes the socket. The memory is its own until the
 * loop has run out. */
void control_close(struct control *control);

/*
 * Asks the process that listens in that state directory, and blocks until it
 * answers. True, with *code and answer set; false: nobody listens.
 */
bool control_ask(const char *state_dir, const char *request,
                 enum exit_code *code, char *answer, size_t answer_size);

#endif
