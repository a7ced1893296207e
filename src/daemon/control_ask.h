/*
 * control_ask.h - the other end of the control socket: how a command asks the
 * process that runs. See control.h.
 */
#ifndef DAEMON_CONTROL_ASK_H
#define DAEMON_CONTROL_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/un.h>

#include "daemon/control.h"

/* Sends a request to the process that listens in this state directory, and
 * waits for its response, for as long as that process shows that it is alive.
 * Returns true with *code and answer set; false if nobody listens. */
bool control_ask(const char *state_dir, const char *request,
                 enum exit_code *code, char *answer, size_t answer_size);

/* The path of the socket, from malloc(); NULL if memory runs out. */
char *control_path(const char *state_dir);

/* The same as an address. 0, or errno: the path of a socket must be short. */
int control_address(struct sockaddr_un *address, const char *path);

#endif
