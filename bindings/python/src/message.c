/* message.c - Message: one message of a batch. It owns copies of its bytes, and
 * so outlives the batch. */
#include "message.h"

#include "object.h"

static PyObject *message_type;

struct message_object {
    PyObject ob_base;
    PyObject *body;     /* bytes, exact */
    PyObject *id;       /* bytes: a JSON value, or empty */
    PyObject *datetime; /* likewise */
    PyObject *key;      /* bytes */
    char is_repeat;     /* bool */
};

static PyObject *bytes_of(struct haplo_slice slice)
{
    return PyBytes_FromStringAndSize(slice.data, (Py_ssize_t)slice.size);
}

PyObject *message_new(const struct haplo_message *message)
{
    PyObject *self = object_new(message_type);
    struct message_object *object = (struct message_object *)self;
    if (object == NULL) {
        return NULL;
    }
    object->body = bytes_of(message->body);
    object->id = bytes_of(message->id);
    object->datetime = bytes_of(message->datetime);
    object->key = PyBytes_FromStringAndSize((const char *)message->key,
                                            sizeof message->key);
    object->is_repeat = message->is_repeat;
    if (object->body == NULL || object->id == NULL ||
        object->datetime == NULL || object->key == NULL) {
        Py_CLEAR(self);
    }
    return self;
}

static void message_dealloc(PyObject *self)
{
    struct message_object *object = (struct message_object *)self;
    Py_XDECREF(object->body);
    Py_XDECREF(object->id);
    Py_XDECREF(object->datetime);
    Py_XDECREF(object->key);
    object_free(self);
}

static PyObject *message_json(PyObject *self, PyObject *unused)
{
    (void)unused;
    PyObject *json = PyImport_ImportModule("json");
    if (json == NULL) {
        return NULL;
    }
    PyObject *value = PyObject_CallMethod(
        json, "loads", "O", ((struct message_object *)self)->body);
    Py_DECREF(json);
    return value;
}

static PyMethodDef message_methods[] = {
    {"json", message_json, METH_NOARGS, "The body, parsed by json.loads()."},
    {NULL, NULL, 0, NULL},
};

#define MEMBER(name, kind, text)                                           \
    {                                                                      \
#name, kind, offsetof(struct message_object, name), READONLY, text \
    }

static PyMemberDef message_members[] = {
    MEMBER(body, T_OBJECT_EX, "The exact bytes that the server sent."),
    MEMBER(id, T_OBJECT_EX, "The JSON value found in it, or empty."),
    MEMBER(datetime, T_OBJECT_EX, "The JSON value found in it, or empty."),
    MEMBER(key, T_OBJECT_EX, "XXH3-128 of the body, 16 bytes."),
    MEMBER(is_repeat, T_BOOL, "It is stored already, according to the state."),
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot message_slots[] = {
    {Py_tp_dealloc, message_dealloc},
    {Py_tp_methods, message_methods},
    {Py_tp_members, message_members},
    {Py_tp_doc, (char *)"One message of a batch."},
    {0, NULL},
};

static PyType_Spec message_spec = {
    .name = "haplopoll.Message",
    .basicsize = sizeof(struct message_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = message_slots,
};

int message_init(PyObject *module)
{
    message_type = object_type(module, "Message", &message_spec);
    return message_type == NULL ? -1 : 0;
}
