/* object.h - what the types of this module have in common. */
#ifndef PYTHON_OBJECT_H
#define PYTHON_OBJECT_H

#include "python.h"

/* Makes the type and adds it to the module under this name. Returns a new
 * reference, or NULL with an exception. */
PyObject *object_type(PyObject *module, const char *name, PyType_Spec *spec);

/* Allocates one, zeroed. */
PyObject *object_new(PyObject *type);

/* The last part of tp_dealloc: types are counted by their objects. */
void object_free(PyObject *object);

#endif
