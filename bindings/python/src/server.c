/*
 * server.c - Server: one server of a poller. The library has a reference from
 * the time it is added until it is removed, or until its poller closes.
 */
#include "server.h"

#include "error.h"
#include "fields.h"
#include "object.h"
#include "poller.h"
#include "queue.h"

PyObject *server_type;

struct server_object {
    PyObject ob_base;
    struct core *core;           /* NULL: it has not been added */
    struct haplo_server *server; /* NULL: likewise, or it has been removed */
    PyObject *name;              /* str */
};

#define OPTION(name, kind) FIELD(struct haplo_server_options, name, kind)

static const struct field server_options[] = {
    OPTION(name, TEXT),
    OPTION(url, TEXT),
    OPTION(allow_http, BOOL),
    OPTION(fetch_path, TEXT),
    OPTION(mark_path, TEXT),
    OPTION(user, TEXT),
    OPTION(token_field, TEXT),
    OPTION(tls_ca_file, TEXT),
    OPTION(tls_certificate_file, TEXT),
    OPTION(tls_key_file, TEXT),
    OPTION(proxy, TEXT),
    OPTION(in_flight_max, UNSIGNED),
    OPTION(connect_timeout_ms, U64),
    OPTION(first_byte_timeout_ms, U64),
    OPTION(stall_timeout_ms, U64),
    OPTION(total_timeout_ms, U64),
    OPTION(failed_logins_max, UNSIGNED),
    OPTION(login_group, TEXT),
    OPTION(breaker_failures, UNSIGNED),
    {NULL, 0, 0},
};

#define COUNTER(name, kind) FIELD(struct haplo_server_stats, name, kind)

static const struct field server_stats[] = {
    COUNTER(state, SERVER_STATE),
    COUNTER(in_flight, UNSIGNED),
    COUNTER(failures, UNSIGNED),
    COUNTER(failed_logins, UNSIGNED),
    COUNTER(logins_held, BOOL),
    COUNTER(wait_ms, U64),
    COUNTER(error, ERROR),
    COUNTER(error_text, TEXT),
    COUNTER(queue_count, SIZE),
    COUNTER(request_count, U64),
    COUNTER(failed_login_count, U64),
    COUNTER(throttle_count, U64),
    COUNTER(certificate_expires_ms, U64),
    COUNTER(ca_certificate_expires_ms, U64),
    COUNTER(client_certificate_expires_ms, U64),
    {NULL, 0, 0},
};

PyObject *server_of(const struct haplo_server *server)
{
    return Py_NewRef((PyObject *)haplo_server_data(server));
}

static void forget(struct server_object *object)
{
    object->server = NULL;
    Py_DECREF((PyObject *)object);
}

void server_forget_all(struct core *core)
{
    struct haplo_server *server = NULL, *next_server;
    for (server = haplo_server_next(core->poller, NULL); server != NULL;
         server = next_server) {
        next_server = haplo_server_next(core->poller, server);
        struct haplo_queue *queue, *next;
        for (queue = haplo_queue_next(server, NULL); queue != NULL;
             queue = next) {
            next = haplo_queue_next(server, queue);
            queue_forget(queue);
        }
        forget(haplo_server_data(server));
    }
}

static int server_add(struct server_object *object, struct core *core,
                      PyObject *named)
{
    struct haplo_server_options options = {.struct_size = sizeof options};
    char why[HAPLO_TEXT_SIZE_MAX];
    if (!core_enter(core)) {
        return -1;
    }
    int error = fields_fill(&options, server_options, named);
    if (error == 0) {
        options.data = object;
        error = haplo_server_add(core->poller, &options, &object->server, why,
                                 sizeof why);
        if (error != 0) {
            error_raise(error, why);
        }
    }
    if (error == 0) {
        core_reference(core);
        object->core = core;
        object->name = PyUnicode_FromString(options.name);
        Py_INCREF((PyObject *)object);
    }
    core_leave(core);
    return error == 0 && object->name != NULL ? 0 : -1;
}

static int server_construct(PyObject *self, PyObject *arguments,
                            PyObject *named)
{
    struct server_object *object = (struct server_object *)self;
    PyObject *poller;
    if (!PyArg_ParseTuple(arguments, "O!:Server", poller_type, &poller)) {
        return -1;
    }
    if (object->core != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the server has been added");
        return -1;
    }
    return server_add(object, poller_core(poller), named);
}

static void server_dealloc(PyObject *self)
{
    struct server_object *object = (struct server_object *)self;
    Py_XDECREF(object->name);
    if (object->core != NULL) {
        core_release(object->core);
    }
    object_free(self);
}

struct haplo_server *server_enter(PyObject *self, struct core **core)
{
    struct server_object *object = (struct server_object *)self;
    *core = object->core;
    if (*core == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the server was not added");
    } else if (core_enter(*core)) {
        if (object->server != NULL) {
            return object->server;
        }
        core_leave(*core);
        PyErr_SetString(PyExc_RuntimeError, "the server was removed");
    }
    return NULL;
}

static PyObject *server_set_options(PyObject *self, PyObject *arguments,
                                    PyObject *named)
{
    struct haplo_server_options options = {.struct_size = sizeof options};
    char why[HAPLO_TEXT_SIZE_MAX];
    struct core *core;
    if (!PyArg_ParseTuple(arguments, ":set_options") ||
        fields_fill(&options, server_options, named) != 0) {
        return NULL;
    }
    struct haplo_server *server = server_enter(self, &core);
    if (server == NULL) {
        return NULL;
    }
    options.data = self;
    int error = haplo_server_set_options(server, &options, why, sizeof why);
    core_leave(core);
    if (error != 0) {
        return error_raise(error, why);
    }
    Py_RETURN_NONE;
}

static PyObject *server_remove(PyObject *self, PyObject *unused)
{
    (void)unused;
    struct core *core;
    struct haplo_server *server = server_enter(self, &core);
    if (server == NULL) {
        return NULL;
    }
    int error = haplo_server_remove(server);
    core_leave(core);
    if (error != 0) {
        return error_raise(error, "the server still has queues: remove them "
                                  "first");
    }
    forget((struct server_object *)self);
    Py_RETURN_NONE;
}

static PyObject *server_queues(PyObject *self, void *unused)
{
    (void)unused;
    struct core *core;
    struct haplo_server *server = server_enter(self, &core);
    PyObject *queues = server == NULL ? NULL : PyDict_New();
    struct haplo_queue *queue = NULL;
    while (queues != NULL &&
           (queue = haplo_queue_next(server, queue)) != NULL) {
        if (PyDict_SetItemString(queues, haplo_queue_name(queue),
                                 haplo_queue_data(queue)) != 0) {
            Py_CLEAR(queues);
        }
    }
    if (server != NULL) {
        core_leave(core);
    }
    return queues;
}

static PyObject *server_get_stats(PyObject *self, PyObject *unused)
{
    (void)unused;
    struct haplo_server_stats stats = {.struct_size = sizeof stats};
    struct core *core;
    struct haplo_server *server = server_enter(self, &core);
    if (server == NULL) {
        return NULL;
    }
    haplo_server_get_stats(server, &stats);
    PyObject *dict = fields_dict(&stats, server_stats);
    core_leave(core);
    return dict;
}

static PyMethodDef server_methods[] = {
    {"set_options", (PyCFunction)(void (*)(void))server_set_options,
     METH_VARARGS | METH_KEYWORDS, "Replaces all options but the name."},
    {"remove", server_remove, METH_NOARGS,
     "Frees a server that has no queues."},
    {"stats", server_get_stats, METH_NOARGS, "haplo_server_stats as a dict."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef server_getters[] = {
    {"queues", server_queues, NULL, "Its queues by name.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef server_members[] = {
    {"name", T_OBJECT, offsetof(struct server_object, name), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot server_slots[] = {
    {Py_tp_init, server_construct},  {Py_tp_dealloc, server_dealloc},
    {Py_tp_methods, server_methods}, {Py_tp_getset, server_getters},
    {Py_tp_members, server_members}, {0, NULL},
};

static PyType_Spec server_spec = {
    .name = "haplopoll._haplopoll.Server",
    .basicsize = sizeof(struct server_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = server_slots,
};

int server_init(PyObject *module)
{
    server_type = object_type(module, "Server", &server_spec);
    return server_type == NULL ? -1 : 0;
}
