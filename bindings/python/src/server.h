/* server.h - Server: one server of a poller. */
#ifndef PYTHON_SERVER_H
#define PYTHON_SERVER_H

#include "core.h"

extern PyObject *server_type;

int server_init(PyObject *module);

/* The Server of a server: a new reference. */
PyObject *server_of(const struct haplo_server *server);

/* Enters its core, which is to be left. NULL with an exception. */
struct haplo_server *server_enter(PyObject *server, struct core **core);

/* The poller closes: no Server and no Queue has one of the library any more. */
void server_forget_all(struct core *core);

#endif
