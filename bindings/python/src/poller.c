/*
 * poller.c - Poller: what asyncio takes turns of.
 *
 * Records of its own: ("stopped", batches_left), ("closed",) and ("event",
 * server, queue or None, from, to, error or None, text, message_count,
 * delay_ms).
 */
#include "poller.h"

#include "error.h"
#include "fields.h"
#include "object.h"
#include "queue.h"
#include "server.h"

PyObject *poller_type;

struct poller_object {
    PyObject ob_base;
    struct core *core;
};

#define OPTION(name, kind) FIELD(struct haplo_poller_options, name, kind)

static const struct field poller_options[] = {
    OPTION(in_flight_max, UNSIGNED),
    OPTION(undelivered_bytes_max, SIZE),
    OPTION(seed, U64),
    {NULL, 0, 0},
};

#define COUNTER(name, kind) FIELD(struct haplo_poller_stats, name, kind)

static const struct field poller_stats[] = {
    COUNTER(in_flight, UNSIGNED),   COUNTER(undelivered_bytes, SIZE),
    COUNTER(server_count, SIZE),    COUNTER(queue_count, SIZE),
    COUNTER(connection_count, U64), {NULL, 0, 0},
};

struct core *poller_core(PyObject *poller)
{
    return ((struct poller_object *)poller)->core;
}

/* What the library calls */

static PyObject *event_record(const struct haplo_event *event)
{
    const char *from, *to;
    PyObject *queue;
    if (event->queue != NULL) {
        queue = queue_of(event->queue);
        from = haplo_queue_state_name((enum haplo_queue_state)event->from);
        to = haplo_queue_state_name((enum haplo_queue_state)event->to);
    } else {
        queue = Py_NewRef(Py_None);
        from = haplo_server_state_name((enum haplo_server_state)event->from);
        to = haplo_server_state_name((enum haplo_server_state)event->to);
    }
    return Py_BuildValue(
        "(sNNsszsKK)", "event", server_of(event->server), queue, from, to,
        event->error == 0 ? NULL : haplo_error_name(event->error), event->text,
        (unsigned long long)event->message_count,
        (unsigned long long)event->delay_ms);
}

static void on_event(struct haplo_poller *poller,
                     const struct haplo_event *event)
{
    struct core *core = haplo_poller_data(poller);
    if (core->is_closing ||
        (event->error == 0 && !core->wants_routine_events)) {
        return;
    }
    PyGILState_STATE gil = PyGILState_Ensure();
    core_record(core, event_record(event));
    PyGILState_Release(gil);
}

static void on_stopped(struct haplo_poller *poller, size_t batches_left)
{
    struct core *core = haplo_poller_data(poller);
    PyGILState_STATE gil = PyGILState_Ensure();
    core_record(core,
                Py_BuildValue("(sn)", "stopped", (Py_ssize_t)batches_left));
    PyGILState_Release(gil);
}

/* Methods */

static PyObject *poller_new(PyTypeObject *type, PyObject *arguments,
                            PyObject *named)
{
    struct haplo_poller_options options = {.struct_size = sizeof options,
                                           .event_cb = on_event};
    int wants_routine_events, wants_drained;
    if (!PyArg_ParseTuple(arguments, "pp:Poller", &wants_routine_events,
                          &wants_drained) ||
        fields_fill(&options, poller_options, named) != 0) {
        return NULL;
    }
    PyObject *self = object_new((PyObject *)type);
    if (self != NULL) {
        struct core *core = core_new(&options);
        ((struct poller_object *)self)->core = core;
        if (core == NULL) {
            Py_CLEAR(self);
        } else {
            core->wants_routine_events = wants_routine_events;
            core->wants_drained = wants_drained;
        }
    }
    return self;
}

static void poller_dealloc(PyObject *self)
{
    struct core *core = poller_core(self);
    if (core != NULL) {
        core_end(core);
        core_release(core);
    }
    object_free(self);
}

static PyObject *poller_fileno(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyLong_FromLong(uv_backend_fd(&poller_core(self)->loop));
}

static PyObject *poller_turn(PyObject *self, PyObject *unused)
{
    (void)unused;
    struct core *core = poller_core(self);
    int timeout_ms = core_turn(core);
    if (timeout_ms == -2) {
        return NULL;
    }
    PyObject *none = PyList_New(0);
    if (none == NULL) {
        return NULL;
    }
    PyObject *records = core->records;
    core->records = none;
    return Py_BuildValue("(iN)", timeout_ms, records);
}

static PyObject *poller_stop(PyObject *self, PyObject *deadline)
{
    struct core *core = poller_core(self);
    unsigned long long deadline_ms = PyLong_AsUnsignedLongLong(deadline);
    if (PyErr_Occurred() != NULL || !core_enter(core)) {
        return NULL;
    }
    core_drop_batches(core, "the poller is stopping");
    int error = haplo_poller_stop(core->poller, deadline_ms, on_stopped);
    core_leave(core);
    if (error != 0) {
        return error_raise(error, NULL);
    }
    Py_RETURN_NONE;
}

static PyObject *poller_close(PyObject *self, PyObject *unused)
{
    (void)unused;
    struct core *core = poller_core(self);
    if (!core->is_closing) {
        if (!core_enter(core)) {
            return NULL;
        }
        core_close(core);
        core_leave(core);
    }
    Py_RETURN_NONE;
}

static PyObject *poller_abandon(PyObject *self, PyObject *unused)
{
    (void)unused;
    core_abandon(poller_core(self));
    Py_RETURN_NONE;
}

static PyObject *poller_end(PyObject *self, PyObject *unused)
{
    (void)unused;
    core_end(poller_core(self));
    Py_RETURN_NONE;
}

static PyObject *poller_set_limits(PyObject *self, PyObject *arguments,
                                   PyObject *named)
{
    struct haplo_poller_options options = {0};
    struct core *core = poller_core(self);
    if (!PyArg_ParseTuple(arguments, ":set_limits") ||
        fields_fill(&options, poller_options, named) != 0 ||
        !core_enter(core)) {
        return NULL;
    }
    haplo_poller_set_limits(core->poller, options.in_flight_max,
                            options.undelivered_bytes_max);
    core_leave(core);
    Py_RETURN_NONE;
}

static PyObject *poller_get_stats(PyObject *self, PyObject *unused)
{
    (void)unused;
    struct haplo_poller_stats stats = {.struct_size = sizeof stats};
    struct core *core = poller_core(self);
    if (!core_enter(core)) {
        return NULL;
    }
    haplo_poller_get_stats(core->poller, &stats);
    core_leave(core);
    return fields_dict(&stats, poller_stats);
}

static PyObject *poller_servers(PyObject *self, void *unused)
{
    (void)unused;
    struct core *core = poller_core(self);
    if (!core_enter(core)) {
        return NULL;
    }
    PyObject *servers = PyDict_New();
    struct haplo_server *server = NULL;
    while (servers != NULL &&
           (server = haplo_server_next(core->poller, server)) != NULL) {
        if (PyDict_SetItemString(servers, haplo_server_name(server),
                                 haplo_server_data(server)) != 0) {
            Py_CLEAR(servers);
        }
    }
    core_leave(core);
    return servers;
}

static PyObject *poller_is_closed(PyObject *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(poller_core(self)->is_closed);
}

static PyMethodDef poller_methods[] = {
    {"fileno", poller_fileno, METH_NOARGS, "Readable: take a turn."},
    {"turn", poller_turn, METH_NOARGS,
     "Returns the ms until the next one is due, or -1, and records."},
    {"stop", poller_stop, METH_O, "Drops batches, and finishes marks."},
    {"close", poller_close, METH_NOARGS, "Takes some turns."},
    {"end", poller_end, METH_NOARGS, "No more turns; closes the descriptor."},
    {"abandon", poller_abandon, METH_NOARGS, "Closes at the next turn."},
    {"set_limits", (PyCFunction)(void (*)(void))poller_set_limits,
     METH_VARARGS | METH_KEYWORDS, NULL},
    {"stats", poller_get_stats, METH_NOARGS, "haplo_poller_stats as a dict."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef poller_getters[] = {
    {"servers", poller_servers, NULL, "Its servers by name.", NULL},
    {"is_closed", poller_is_closed, NULL, "No more turns are needed.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot poller_slots[] = {
    {Py_tp_new, poller_new},
    {Py_tp_dealloc, poller_dealloc},
    {Py_tp_methods, poller_methods},
    {Py_tp_getset, poller_getters},
    {0, NULL},
};

static PyType_Spec poller_spec = {
    .name = "haplopoll._haplopoll.Poller",
    .basicsize = sizeof(struct poller_object),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = poller_slots,
};

int poller_init(PyObject *module)
{
    poller_type = object_type(module, "Poller", &poller_spec);
    return poller_type == NULL ? -1 : 0;
}
