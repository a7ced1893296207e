/*
 * admin.h - the admin socket: how operators observe and control the running
 * process, over HTTP. docs/openapi.yaml is the interface, docs/api.md describes
 * it.
 *
 * It serves in the loop, with little at a time, so that no client can slow down
 * polling.
 */
#ifndef DAEMON_ADMIN_H
#define DAEMON_ADMIN_H

#include <stddef.h>
#include <uv.h>

#include "config/config.h"
#include "daemon/gather/gather.h"

#define ADMIN_SOCKET_FILE "admin.sock" /* in the state directory */

struct admin;
struct reload; /* reload.h */

/* Starts to listen as the configuration says. What cannot be listened on is
 * logged; everything else works. Borrows gather and reload. NULL if memory runs
 * out, which is logged. */
struct admin *admin_open(uv_loop_t *loop, const struct config *config,
                         struct gather *gather, struct reload *reload);

/* Disconnects all clients, removes the socket, and frees itself from the loop.
 * NULL does nothing. */
void admin_close(struct admin *admin);

#endif
