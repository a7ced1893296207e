/*
 * queue.c - Queue: one queue of a server. The library has a reference from the
 * time it is added until it is removed, or until its poller closes.
 *
 * What happens to it becomes a record: ("batch", queue, batch),
 * ("marked", queue, state, message_count, marked_count, unread_count),
 * ("drained", queue), ("removed", queue).
 */
#include "queue.h"

#include "batch.h"
#include "error.h"
#include "fields.h"
#include "object.h"
#include "server.h"

struct queue_object {
    PyObject ob_base;
    struct core *core;         /* NULL: it has not been added */
    struct haplo_queue *queue; /* NULL: likewise, or it has been removed */
    PyObject *server;          /* Server */
    PyObject *name;            /* str */
};

#define OPTION(name, kind) FIELD(struct haplo_queue_options, name, kind)

static const struct field queue_options[] = {
    OPTION(name, TEXT),
    OPTION(api_key, TEXT),
    OPTION(state, BYTES),
    OPTION(interval_ms, U64),
    OPTION(interval_max_ms, U64),
    OPTION(backoff_ms, U64),
    OPTION(backoff_max_ms, U64),
    OPTION(refused_ms, U64),
    OPTION(mark_attempts_max, UNSIGNED),
    OPTION(body_bytes_max, SIZE),
    OPTION(format, FORMAT),
    OPTION(token_pointer, TEXT),
    OPTION(messages_pointer, TEXT),
    OPTION(token_pattern, TEXT),
    OPTION(content_type, TEXT),
    OPTION(key_proven, BOOL),
    {NULL, 0, 0},
};

#define COUNTER(name, kind) FIELD(struct haplo_queue_stats, name, kind)

static const struct field queue_stats[] = {
    COUNTER(state, QUEUE_STATE),
    COUNTER(generation, U64),
    COUNTER(unconfirmed_count, SIZE),
    COUNTER(unread_count, I64),
    COUNTER(wait_ms, U64),
    COUNTER(failures, UNSIGNED),
    COUNTER(error, ERROR),
    COUNTER(error_text, TEXT),
    COUNTER(fetch_count, U64),
    COUNTER(batch_count, U64),
    COUNTER(message_count, U64),
    COUNTER(marked_batch_count, U64),
    COUNTER(marked_message_count, U64),
    COUNTER(failure_count, U64),
    COUNTER(deliver_retry_count, U64),
    COUNTER(foreign_mark_count, U64),
    COUNTER(body_bytes, U64),
    COUNTER(key_proven, BOOL),
    {NULL, 0, 0},
};

PyObject *queue_of(const struct haplo_queue *queue)
{
    return Py_NewRef((PyObject *)haplo_queue_data(queue));
}

void queue_forget(struct haplo_queue *queue)
{
    struct queue_object *object = haplo_queue_data(queue);
    core_record(object->core, Py_BuildValue("(sO)", "removed", object));
    object->queue = NULL;
    Py_DECREF((PyObject *)object);
}

/* What the library calls, without the GIL or with it */

static void on_deliver(struct haplo_queue *queue, struct haplo_batch handle)
{
    struct queue_object *object = haplo_queue_data(queue);
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *batch = batch_new(object->core, (PyObject *)object, handle);
    if (batch == NULL) {
        PyErr_Clear();
        haplo_batch_retry(handle, 0, haplo_error_text(HAPLO_ENOMEM));
    } else {
        /* If there is no memory, it is deleted, and retried. */
        core_record(object->core,
                    Py_BuildValue("(sON)", "batch", object, batch));
    }
    PyGILState_Release(gil);
}

static void on_marked(struct haplo_queue *queue, const struct haplo_mark *mark)
{
    struct queue_object *object = haplo_queue_data(queue);
    PyGILState_STATE gil = PyGILState_Ensure();
    core_record(object->core,
                Py_BuildValue("(sOy#nKL)", "marked", object, mark->state.data,
                              (Py_ssize_t)mark->state.size,
                              (Py_ssize_t)mark->message_count,
                              (unsigned long long)mark->marked_count,
                              (long long)mark->unread_count));
    PyGILState_Release(gil);
}

static void on_drained(struct haplo_queue *queue)
{
    struct queue_object *object = haplo_queue_data(queue);
    PyGILState_STATE gil = PyGILState_Ensure();
    core_record(object->core, Py_BuildValue("(sO)", "drained", object));
    PyGILState_Release(gil);
}

static void on_removed(struct haplo_queue *queue)
{
    PyGILState_STATE gil = PyGILState_Ensure();
    queue_forget(queue);
    PyGILState_Release(gil);
}

/* Options */

static int read_options(struct haplo_queue_options *options, PyObject *named,
                        const struct core *core)
{
    *options = (struct haplo_queue_options){
        .struct_size = sizeof *options,
        .deliver_cb = on_deliver,
        .marked_cb = on_marked,
        .drained_cb = core->wants_drained ? on_drained : NULL,
    };
    return fields_fill(options, queue_options, named);
}

static int queue_add(struct queue_object *object, PyObject *named)
{
    struct haplo_queue_options options;
    char why[HAPLO_TEXT_SIZE_MAX];
    struct core *core;
    struct haplo_server *server = server_enter(object->server, &core);
    if (server == NULL) {
        return -1;
    }
    int error = read_options(&options, named, core);
    if (error == 0) {
        options.data = object;
        error =
            haplo_queue_add(server, &options, &object->queue, why, sizeof why);
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

static int queue_construct(PyObject *self, PyObject *arguments, PyObject *named)
{
    struct queue_object *object = (struct queue_object *)self;
    PyObject *server;
    if (!PyArg_ParseTuple(arguments, "O!:Queue", server_type, &server)) {
        return -1;
    }
    if (object->server != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the queue has been added");
        return -1;
    }
    object->server = Py_NewRef(server);
    return queue_add(object, named);
}

static void queue_dealloc(PyObject *self)
{
    struct queue_object *object = (struct queue_object *)self;
    Py_XDECREF(object->server);
    Py_XDECREF(object->name);
    if (object->core != NULL) {
        core_release(object->core);
    }
    object_free(self);
}

/* Methods. Each enters, and gets the queue; NULL with an exception. */

static struct haplo_queue *enter(PyObject *self)
{
    struct queue_object *object = (struct queue_object *)self;
    if (object->core == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the queue was not added");
    } else if (core_enter(object->core)) {
        if (object->queue != NULL) {
            return object->queue;
        }
        core_leave(object->core);
        PyErr_SetString(PyExc_RuntimeError, "the queue was removed");
    }
    return NULL;
}

static PyObject *leave(PyObject *self, int error, const char *why)
{
    core_leave(((struct queue_object *)self)->core);
    if (error != 0) {
        return error_raise(error, why);
    }
    Py_RETURN_NONE;
}

#define SIMPLE(name)                                                \
    static PyObject *queue_##name(PyObject *self, PyObject *unused) \
    {                                                               \
        (void)unused;                                               \
        struct haplo_queue *queue = enter(self);                    \
        if (queue == NULL) {                                        \
            return NULL;                                            \
        }                                                           \
        haplo_queue_##name(queue);                                  \
        return leave(self, 0, NULL);                                \
    }

SIMPLE(pause)
SIMPLE(resume)
SIMPLE(give_up)
SIMPLE(poll_now)

static PyObject *queue_resume_from(PyObject *self, PyObject *state)
{
    char *data;
    Py_ssize_t size;
    if (PyBytes_AsStringAndSize(state, &data, &size) != 0) {
        return NULL;
    }
    struct haplo_queue *queue = enter(self);
    if (queue == NULL) {
        return NULL;
    }
    struct haplo_slice slice = {.data = data, .size = (size_t)size};
    return leave(self, haplo_queue_resume_from(queue, slice), NULL);
}

static PyObject *queue_set_key(PyObject *self, PyObject *api_key)
{
    static const struct field field = {.name = "api_key"};
    char why[HAPLO_TEXT_SIZE_MAX];
    const char *text;
    if (fields_text(&text, &field, api_key) != 0) {
        return NULL;
    }
    if (haplo_api_key_check(text, why, sizeof why) != 0) {
        PyErr_Format(PyExc_ValueError, "api_key: %s", why);
        return NULL;
    }
    struct haplo_queue *queue = enter(self);
    return queue == NULL ? NULL
                         : leave(self, haplo_queue_set_key(queue, text), NULL);
}

static PyObject *queue_set_options(PyObject *self, PyObject *arguments,
                                   PyObject *named)
{
    struct haplo_queue_options options;
    char why[HAPLO_TEXT_SIZE_MAX];
    if (!PyArg_ParseTuple(arguments, ":set_options")) {
        return NULL;
    }
    struct haplo_queue *queue = enter(self);
    if (queue == NULL) {
        return NULL;
    }
    struct core *core = ((struct queue_object *)self)->core;
    if (read_options(&options, named, core) != 0) {
        core_leave(core);
        return NULL;
    }
    options.data = self;
    int error = haplo_queue_set_options(queue, &options, why, sizeof why);
    return leave(self, error, why);
}

static PyObject *queue_begin_remove(PyObject *self, PyObject *unused)
{
    (void)unused;
    struct haplo_queue *queue = enter(self);
    return queue == NULL
               ? NULL
               : leave(self, haplo_queue_remove(queue, on_removed), NULL);
}

static PyObject *queue_get_stats(PyObject *self, PyObject *unused)
{
    (void)unused;
    struct haplo_queue_stats stats = {.struct_size = sizeof stats};
    struct haplo_queue *queue = enter(self);
    if (queue == NULL) {
        return NULL;
    }
    haplo_queue_get_stats(queue, &stats);
    PyObject *dict = fields_dict(&stats, queue_stats);
    core_leave(((struct queue_object *)self)->core);
    return dict;
}

static PyMethodDef queue_methods[] = {
    {"pause", queue_pause, METH_NOARGS,
     "Stops fetching; an outstanding batch is finished first."},
    {"resume", queue_resume, METH_NOARGS, "Ends a pause."},
    {"resume_from", queue_resume_from, METH_O,
     "Ends a pause, and continues from this stored state."},
    {"give_up", queue_give_up, METH_NOARGS,
     "Waits no longer for the mark of a queue that is being paused."},
    {"poll_now", queue_poll_now, METH_NOARGS, "Makes it due immediately."},
    {"set_key", queue_set_key, METH_O, "Sets a new API key."},
    {"set_options", (PyCFunction)(void (*)(void))queue_set_options,
     METH_VARARGS | METH_KEYWORDS,
     "Replaces all options but the name, the state and, if none is given, the "
     "key."},
    {"stats", queue_get_stats, METH_NOARGS, "haplo_queue_stats as a dict."},
    {"_remove", queue_begin_remove, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef queue_members[] = {
    {"name", T_OBJECT, offsetof(struct queue_object, name), READONLY, NULL},
    {"server", T_OBJECT, offsetof(struct queue_object, server), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot queue_slots[] = {
    {Py_tp_init, queue_construct},
    {Py_tp_dealloc, queue_dealloc},
    {Py_tp_methods, queue_methods},
    {Py_tp_members, queue_members},
    {0, NULL},
};

static PyType_Spec queue_spec = {
    .name = "haplopoll._haplopoll.Queue",
    .basicsize = sizeof(struct queue_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = queue_slots,
};

int queue_init(PyObject *module)
{
    PyObject *type = object_type(module, "Queue", &queue_spec);
    Py_XDECREF(type); /* the module has it */
    return type == NULL ? -1 : 0;
}
