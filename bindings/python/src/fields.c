/* fields.c - rows that describe the members of a public struct. */
#include "fields.h"

#include <haplopoll.h>
#include <limits.h>
#include <string.h>

static int wrong_type(const struct field *field, const char *expected,
                      PyObject *value)
{
    PyObject *type =
        PyObject_GetAttrString((PyObject *)Py_TYPE(value), "__name__");
    if (type != NULL) {
        PyErr_Format(PyExc_TypeError, "%s: expected %s, not %U", field->name,
                     expected, type);
        Py_DECREF(type);
    }
    return -1;
}

int fields_text(const char **text, const struct field *field, PyObject *value)
{
    Py_ssize_t size;
    if (!PyUnicode_Check(value)) {
        return wrong_type(field, "str", value);
    }
    *text = PyUnicode_AsUTF8AndSize(value, &size);
    if (*text == NULL || strlen(*text) != (size_t)size) {
        PyErr_Clear();
        PyErr_Format(PyExc_ValueError,
                     "%s: it has a NUL, or a character that UTF-8 has not",
                     field->name);
        return -1;
    }
    return 0;
}

static int fill_bytes(struct haplo_slice *slice, const struct field *field,
                      PyObject *value)
{
    if (!PyBytes_Check(value)) {
        return wrong_type(field, "bytes", value);
    }
    slice->data = PyBytes_AsString(value);
    slice->size = (size_t)PyBytes_Size(value);
    return 0;
}

static int read_number(unsigned long long *number, unsigned long long max,
                       const struct field *field, PyObject *value)
{
    if (!PyLong_Check(value)) {
        return wrong_type(field, "int", value);
    }
    *number = PyLong_AsUnsignedLongLong(value);
    if (PyErr_Occurred() != NULL || *number > max) {
        PyErr_Clear();
        PyErr_Format(PyExc_ValueError, "%s: %S is not between 0 and %llu",
                     field->name, value, max);
        return -1;
    }
    return 0;
}

static int fill_format(enum haplo_format *format, const struct field *field,
                       PyObject *value)
{
    const char *text;
    if (fields_text(&text, field, value) != 0) {
        return -1;
    }
    if (strcmp(text, "json") == 0 || strcmp(text, "raw") == 0) {
        *format = text[0] == 'j' ? HAPLO_FORMAT_JSON : HAPLO_FORMAT_RAW;
        return 0;
    }
    PyErr_Format(PyExc_ValueError, "%s: write \"json\" or \"raw\"",
                 field->name);
    return -1;
}

static int fill(void *member, const struct field *field, PyObject *value)
{
    unsigned long long number = 0;
    int error = -1;
    switch (field->kind) {
    case FIELD_TEXT:
        return fields_text(member, field, value);
    case FIELD_BYTES:
        return fill_bytes(member, field, value);
    case FIELD_FORMAT:
        return fill_format(member, field, value);
    case FIELD_BOOL:
        if (!PyBool_Check(value)) {
            return wrong_type(field, "bool", value);
        }
        *(bool *)member = PyObject_IsTrue(value) == 1;
        return 0;
    case FIELD_UNSIGNED:
        error = read_number(&number, UINT_MAX, field, value);
        *(unsigned *)member = (unsigned)number;
        return error;
    case FIELD_SIZE:
        error = read_number(&number, SIZE_MAX, field, value);
        *(size_t *)member = (size_t)number;
        return error;
    case FIELD_U64:
        error = read_number(&number, UINT64_MAX, field, value);
        *(uint64_t *)member = number;
        return error;
    default:
        PyErr_SetString(PyExc_SystemError, field->name); /* no option is one */
        return -1;
    }
}

static const struct field *find(const struct field *fields, PyObject *name)
{
    for (; fields->name != NULL; fields++) {
        if (PyUnicode_CompareWithASCIIString(name, fields->name) == 0) {
            return fields;
        }
    }
    return NULL;
}

int fields_fill(void *options, const struct field *fields, PyObject *values)
{
    PyObject *name, *value;
    Py_ssize_t at = 0;
    while (values != NULL && PyDict_Next(values, &at, &name, &value)) {
        const struct field *field = find(fields, name);
        if (field == NULL) {
            PyErr_Format(PyExc_TypeError, "%S: there is no such option", name);
            return -1;
        }
        if (value != Py_None &&
            fill((char *)options + field->offset, field, value) != 0) {
            return -1;
        }
    }
    return 0;
}

static PyObject *text_or_none(const char *text)
{
    if (text == NULL) {
        Py_RETURN_NONE;
    }
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
}

static PyObject *value_of(const void *member, const struct field *field)
{
    int error;
    switch (field->kind) {
    case FIELD_TEXT:
        return text_or_none(*(const char *const *)member);
    case FIELD_UNSIGNED:
        return PyLong_FromUnsignedLong(*(const unsigned *)member);
    case FIELD_SIZE:
        return PyLong_FromSize_t(*(const size_t *)member);
    case FIELD_U64:
        return PyLong_FromUnsignedLongLong(*(const uint64_t *)member);
    case FIELD_I64:
        return PyLong_FromLongLong(*(const int64_t *)member);
    case FIELD_BOOL:
        return PyBool_FromLong(*(const bool *)member);
    case FIELD_ERROR:
        error = *(const int *)member;
        return text_or_none(error == 0 ? NULL : haplo_error_name(error));
    case FIELD_QUEUE_STATE:
        return text_or_none(
            haplo_queue_state_name(*(const enum haplo_queue_state *)member));
    case FIELD_SERVER_STATE:
        return text_or_none(
            haplo_server_state_name(*(const enum haplo_server_state *)member));
    default:
        PyErr_SetString(PyExc_SystemError, field->name); /* no counter is one */
        return NULL;
    }
}

PyObject *fields_dict(const void *stats, const struct field *fields)
{
    PyObject *dict = PyDict_New();
    for (; dict != NULL && fields->name != NULL; fields++) {
        PyObject *value =
            value_of((const char *)stats + fields->offset, fields);
        if (value == NULL ||
            PyDict_SetItemString(dict, fields->name, value) != 0) {
            Py_CLEAR(dict);
        }
        Py_XDECREF(value);
    }
    return dict;
}
