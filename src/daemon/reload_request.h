/*
 * reload_request.h - `haplo-poll reload` at both ends of the control socket.
 */
#ifndef DAEMON_RELOAD_REQUEST_H
#define DAEMON_RELOAD_REQUEST_H

#include <stdint.h>

#include "daemon/control.h"
#include "daemon/reload.h"

#define RELOAD_REQUEST "reload" /* the line that asks for it */

/* Reloads, and answers when it has been applied or rejected: the lines of
 * reload_result_print() as one. */
void reload_by_request(struct reload *reload, struct control *control,
                       uint64_t number);

#endif
