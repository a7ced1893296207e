/* error.h - the library's errors as exceptions. */
#ifndef PYTHON_ERROR_H
#define PYTHON_ERROR_H

#include "python.h"

int error_init(PyObject *module);

/* Raises haplopoll.Error with code, name and this text, or the text of the
 * error. Returns NULL. */
PyObject *error_raise(int error, const char *text);

#endif
