/* poller.h - Poller: what asyncio takes turns of. */
#ifndef PYTHON_POLLER_H
#define PYTHON_POLLER_H

#include "core.h"

extern PyObject *poller_type;

int poller_init(PyObject *module);

struct core *poller_core(PyObject *poller);

#endif
