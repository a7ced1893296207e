/*
 * control.h - requests from other processes to a running one: one line over a
 * socket in the state directory, and one line back, now or when the request
 * has been carried out.
 */
#ifndef DAEMON_CONTROL_H
#define DAEMON_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <uv.h>

#include "daemon/command.h"

#define CONTROL_FILE "control" /* in the state directory; mode 0600 */
#define CONTROL_CLIENT_COUNT_MAX 8
#define CONTROL_LINE_SIZE_MAX 4096

struct control;

/* Carries out a request. control_answer() must follow with the same number,
 * at once or later. */
typedef void (*control_request_cb)(struct control *control, uint64_t number,
                                   const char *request, void *data);

struct control_client {
    uv_pipe_t pipe;                   /* the connection, while is_used */
    struct control *control;          /* its owner */
    bool is_used;                     /* until the pipe is closed */
    bool is_waiting;                  /* its request is being carried out */
    bool is_writing;                  /* write is in use */
    uint64_t number;                  /* grows with each client */
    char line[CONTROL_LINE_SIZE_MAX]; /* the request, later the response */
    size_t size;                      /* bytes in it */
    uv_write_t write;                 /* sends a blank line, or the response */
};

struct control {
    uv_pipe_t listener;   /* initialised while is_open */
    uv_timer_t pulse;     /* likewise; runs while a client waits */
    bool is_open;         /* it listens */
    bool is_pending;      /* a connection waits for a free client */
    char *path;           /* owned; path of the socket */
    dev_t device;         /* of the file at this path, when it was bound */
    ino_t inode;          /* the same; 0: unknown */
    uint64_t next_number; /* of clients */
    struct control_client clients[CONTROL_CLIENT_COUNT_MAX];
    control_request_cb request_cb;
    void *data; /* for request_cb */
};

/* Starts to listen. The state directory is locked, so an existing socket
 * belongs to a dead process and is replaced. Returns 0, or HAPLO_E* with why
 * set; closing is then not required, but harmless. */
int control_open(struct control *control, uv_loop_t *loop,
                 const char *state_dir, control_request_cb request_cb,
                 void *data, char *why, size_t why_size);

/* Sends the response to a request: one line. Does nothing if its client has
 * disconnected. */
void control_answer(struct control *control, uint64_t number,
                    enum exit_code code, const char *text);

/* Closes its handles and removes the socket. Clients that wait get no
 * response. The memory is in use until the loop ends. */
void control_close(struct control *control);

#endif
