/*
 * batch.c - Batch: what one fetch has brought, until it is answered.
 *
 * Its state and its messages are copied when they are first asked for, and can
 * be read after the answer if they were before. A Batch that is deleted
 * without an answer is retried, with a ResourceWarning: nothing but accept()
 * accepts one.
 */
#include "batch.h"

#include "error.h"
#include "message.h"
#include "object.h"

#include <unistd.h>

static PyObject *batch_type;

struct batch_object {
    PyObject ob_base;
    struct core *core;
    struct lent *lent;  /* NULL: it has been answered, or its poller closed */
    PyObject *queue;    /* Queue */
    PyObject *state;    /* bytes, or NULL: not asked for yet */
    PyObject *messages; /* tuple, or NULL: not asked for yet */
    Py_ssize_t new_count;
    Py_ssize_t message_count;
    bool is_answered; /* by the application */
};

PyObject *batch_new(struct core *core, PyObject *queue,
                    struct haplo_batch handle)
{
    PyObject *self = object_new(batch_type);
    struct batch_object *object = (struct batch_object *)self;
    if (object == NULL) {
        return NULL;
    }
    object->lent = core_lend(core, handle);
    if (object->lent == NULL) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    object->lent->holder = &object->lent;
    core_reference(core);
    object->core = core;
    object->queue = Py_NewRef(queue);
    object->new_count = (Py_ssize_t)haplo_batch_new_count(handle);
    object->message_count = (Py_ssize_t)haplo_batch_message_count(handle);
    return self;
}

/* It may be deleted on any thread, and inside the library. */
static void abandon(struct batch_object *object)
{
    struct core *core = object->core;
    object->lent->holder = NULL;
    if (core->process != getpid()) {
        return;
    }
    uv_async_send(&core->wake); /* cannot fail */
    if (!core->is_close_wanted) {
        PyObject *type, *value, *traceback;
        PyErr_Fetch(&type, &value, &traceback);
        if (PyErr_ResourceWarning(NULL, 1,
                                  "a batch was deleted without an answer: it "
                                  "is retried") != 0) {
            PyErr_WriteUnraisable(NULL);
        }
        PyErr_Restore(type, value, traceback);
    }
}

static void batch_dealloc(PyObject *self)
{
    struct batch_object *object = (struct batch_object *)self;
    if (object->lent != NULL) {
        abandon(object);
    }
    Py_XDECREF(object->queue);
    Py_XDECREF(object->state);
    Py_XDECREF(object->messages);
    if (object->core != NULL) {
        core_release(object->core);
    }
    object_free(self);
}

static PyObject *batch_state(PyObject *self, void *unused)
{
    (void)unused;
    struct batch_object *object = (struct batch_object *)self;
    if (object->state == NULL) {
        if (object->lent == NULL) {
            return error_raise(HAPLO_EANSWERED, NULL);
        }
        struct haplo_slice state = haplo_batch_state(object->lent->handle);
        object->state =
            PyBytes_FromStringAndSize(state.data, (Py_ssize_t)state.size);
    }
    return Py_XNewRef(object->state);
}

static PyObject *copy_messages(struct haplo_batch handle)
{
    size_t count = haplo_batch_message_count(handle);
    const struct haplo_message *messages = haplo_batch_messages(handle);
    PyObject *copies = PyTuple_New((Py_ssize_t)count);
    for (size_t i = 0; copies != NULL && i < count; i++) {
        PyObject *copy = message_new(&messages[i]);
        if (copy == NULL || PyTuple_SetItem(copies, (Py_ssize_t)i, copy) != 0) {
            Py_CLEAR(copies);
        }
    }
    return copies;
}

static PyObject *batch_messages(PyObject *self, void *unused)
{
    (void)unused;
    struct batch_object *object = (struct batch_object *)self;
    if (object->messages == NULL) {
        if (object->lent == NULL) {
            return error_raise(HAPLO_EANSWERED, NULL);
        }
        object->messages = copy_messages(object->lent->handle);
    }
    return Py_XNewRef(object->messages);
}

static PyObject *batch_is_answered(PyObject *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(((struct batch_object *)self)->is_answered);
}

/* Answers */

/* If the batch is still lent, gets its handle and enters; it has to be left
 * then. If its poller has closed, or is about to, any answer is too late, and
 * does nothing. False with an exception. */
static bool enter(PyObject *self, struct haplo_batch *handle)
{
    struct batch_object *object = (struct batch_object *)self;
    *handle = (struct haplo_batch){0};
    if (object->is_answered) {
        error_raise(HAPLO_EANSWERED, NULL);
        return false;
    }
    if (object->lent == NULL) {
        return true;
    }
    *handle = object->lent->handle;
    return core_enter(object->core);
}

static PyObject *leave(PyObject *self, int error)
{
    struct batch_object *object = (struct batch_object *)self;
    object->is_answered = true;
    if (object->lent == NULL) {
        Py_RETURN_NONE;
    }
    core_take_back(object->core, object->lent);
    core_leave(object->core);
    if (error != 0) {
        return error_raise(error, NULL);
    }
    Py_RETURN_NONE;
}

static PyObject *batch_accept(PyObject *self, PyObject *unused)
{
    (void)unused;
    struct batch_object *object = (struct batch_object *)self;
    struct haplo_batch handle;
    if (!enter(self, &handle)) {
        return NULL;
    }
    bool is_late = object->lent == NULL;
    PyObject *done = leave(self, haplo_batch_accept(handle));
    if (done == NULL) {
        return NULL;
    }
    Py_DECREF(done);
    return PyObject_CallMethod(object->queue, "_accepted", "O",
                               is_late ? Py_False : Py_True);
}

static PyObject *batch_retry(PyObject *self, PyObject *arguments,
                             PyObject *named)
{
    static char reason_name[] = "reason", delay_name[] = "delay_ms";
    static char *names[] = {reason_name, delay_name, NULL};
    const char *reason = "";
    long long delay_ms = 0;
    struct haplo_batch handle;
    if (!PyArg_ParseTupleAndKeywords(arguments, named, "|sL:retry", names,
                                     &reason, &delay_ms)) {
        return NULL;
    }
    if (delay_ms < 0 || delay_ms > HAPLO_WAIT_MS_MAX) {
        return PyErr_Format(PyExc_ValueError,
                            "delay_ms: %lld is not between 0 and %lld",
                            delay_ms, (long long)HAPLO_WAIT_MS_MAX);
    }
    if (!enter(self, &handle)) {
        return NULL;
    }
    return leave(self, haplo_batch_retry(handle, (uint64_t)delay_ms, reason));
}

static PyObject *batch_drop(PyObject *self, PyObject *arguments,
                            PyObject *named)
{
    static char name[] = "reason";
    static char *names[] = {name, NULL};
    const char *reason = "";
    struct haplo_batch handle;
    if (!PyArg_ParseTupleAndKeywords(arguments, named, "|s:drop", names,
                                     &reason) ||
        !enter(self, &handle)) {
        return NULL;
    }
    return leave(self, haplo_batch_drop(handle, reason));
}

static PyObject *batch_reject(PyObject *self, PyObject *arguments,
                              PyObject *named)
{
    static char name[] = "reason";
    static char *names[] = {name, NULL};
    const char *reason = "";
    struct haplo_batch handle;
    if (!PyArg_ParseTupleAndKeywords(arguments, named, "|s:reject", names,
                                     &reason) ||
        !enter(self, &handle)) {
        return NULL;
    }
    return leave(self, haplo_batch_reject(handle, reason));
}

static PyObject *batch_stale(PyObject *self, PyObject *arguments,
                             PyObject *named)
{
    static char name[] = "stored";
    static char *names[] = {name, NULL};
    const char *stored;
    Py_ssize_t size;
    struct haplo_batch handle;
    if (!PyArg_ParseTupleAndKeywords(arguments, named, "y#:stale", names,
                                     &stored, &size) ||
        !enter(self, &handle)) {
        return NULL;
    }
    struct haplo_slice slice = {.data = stored, .size = (size_t)size};
    return leave(self, haplo_batch_stale(handle, slice));
}

#define METHOD(name, flags, text)                                     \
    {                                                                 \
#name, (PyCFunction)(void (*)(void))batch_##name, flags, text \
    }

static PyMethodDef batch_methods[] = {
    METHOD(accept, METH_NOARGS,
           "The messages are durable: mark them. Answers immediately; what it "
           "returns can be awaited, and becomes the Mark once the server has "
           "confirmed it, or None if it has not."),
    METHOD(retry, METH_VARARGS | METH_KEYWORDS,
           "Not now: it is delivered again after delay_ms, or for 0 after the "
           "back-off of the queue."),
    METHOD(drop, METH_VARARGS | METH_KEYWORDS,
           "Not now, and its memory is needed: it is fetched again."),
    METHOD(stale, METH_VARARGS | METH_KEYWORDS,
           "Another state is stored: it is fetched again, and compared with "
           "that."),
    METHOD(reject, METH_VARARGS | METH_KEYWORDS,
           "Never: nothing is marked, and the queue is BLOCKED."),
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef batch_getters[] = {
    {"state", batch_state, NULL, "To be stored with the new messages.", NULL},
    {"messages", batch_messages, NULL, "In the order of the server.", NULL},
    {"is_answered", batch_is_answered, NULL, "By any of the five.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef batch_members[] = {
    {"queue", T_OBJECT_EX, offsetof(struct batch_object, queue), READONLY,
     "Where it was fetched."},
    {"new_count", T_PYSSIZET, offsetof(struct batch_object, new_count),
     READONLY, "Messages that are not repeats."},
    {"message_count", T_PYSSIZET, offsetof(struct batch_object, message_count),
     READONLY, "Messages; at least one."},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot batch_slots[] = {
    {Py_tp_dealloc, batch_dealloc},
    {Py_tp_methods, batch_methods},
    {Py_tp_getset, batch_getters},
    {Py_tp_members, batch_members},
    {Py_tp_doc, (char *)"What one fetch has brought. Answer it once."},
    {0, NULL},
};

static PyType_Spec batch_spec = {
    .name = "haplopoll.Batch",
    .basicsize = sizeof(struct batch_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = batch_slots,
};

int batch_init(PyObject *module)
{
    batch_type = object_type(module, "Batch", &batch_spec);
    return batch_type == NULL ? -1 : 0;
}
