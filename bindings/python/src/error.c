/* error.c - the library's errors as exceptions. */
#include "error.h"

#include <haplopoll.h>

static PyObject *error_type; /* haplopoll.Error */

int error_init(PyObject *module)
{
    error_type = PyErr_NewExceptionWithDoc(
        "haplopoll.Error",
        "An error of the library: `name` is that of haplopoll.h, "
        "\"HAPLO_EINVAL\".",
        NULL, NULL);
    return error_type == NULL
               ? -1
               : PyModule_AddObjectRef(module, "Error", error_type);
}

static int set_attribute(PyObject *error, const char *name, PyObject *value)
{
    int result =
        value == NULL ? -1 : PyObject_SetAttrString(error, name, value);
    Py_XDECREF(value);
    return result;
}

PyObject *error_raise(int error, const char *text)
{
    PyObject *raised = PyObject_CallFunction(
        error_type, "s",
        text != NULL && text[0] != '\0' ? text : haplo_error_text(error));
    if (raised != NULL &&
        set_attribute(raised, "code", PyLong_FromLong(error)) == 0 &&
        set_attribute(raised, "name",
                      PyUnicode_FromString(haplo_error_name(error))) == 0) {
        PyErr_SetObject(error_type, raised);
    }
    Py_XDECREF(raised);
    return NULL;
}
