/* server.h - a server of a poller. */
#ifndef HAPLO_NODE_SERVER_H
#define HAPLO_NODE_SERVER_H

#include "poller.h"

struct server;

extern const struct class server_class;

/* Adds a server with these options. NULL, with an exception pending, if that
 * fails. */
napi_value server_add(struct poller *poller, napi_value options);

/* Its object of JavaScript. */
napi_value server_object(const struct server *server);

/* The poller closes: the server, and all queues of it, are gone. */
void server_detach_all(struct server *server);

#endif
