/* batch.h - Batch: what one fetch has brought, until it is answered. */
#ifndef PYTHON_BATCH_H
#define PYTHON_BATCH_H

#include "core.h"

int batch_init(PyObject *module);

/* For a batch that is being delivered. NULL with an exception. */
PyObject *batch_new(struct core *core, PyObject *queue,
                    struct haplo_batch handle);

#endif
