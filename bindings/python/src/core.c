/*
 * core.c - a poller with a libuv loop of its own, inside an asyncio loop.
 *
 *   - core_new() makes both.
 *   - asyncio calls core_turn() whenever the loop's descriptor is readable, or
 *     its time has come.
 *   - core_leave() writes to the descriptor, so that a turn follows each call.
 *   - core_close() closes the poller; the turns that follow close the rest.
 *
 * Where Python objects are deleted first:
 *
 *   - A batch without an answer is retried at the next turn, as it may be
 *     deleted on any thread, and even inside the library.
 *   - A poller that was not closed is closed at the next turn.
 *   - If asyncio's loop is closed before that, nobody takes turns. Then the
 *     one who holds the last reference takes some. If a look-up of a name is
 *     still going on after these, its memory is left behind: it cannot be
 *     cancelled, and nobody can be made to wait for it.
 *   - In a child process after fork(), all of it is left behind: the child
 *     shares the descriptors with its parent.
 */
#include "core.h"

#include "error.h"
#include "server.h"

#include <stdlib.h>
#include <unistd.h>

#define LAST_TURNS 64 /* closing takes less than ten */

static void on_wake_closed(uv_handle_t *handle)
{
    struct core *core = handle->data;
    core->is_closed = true;
    PyGILState_STATE gil = PyGILState_Ensure();
    core_record(core, Py_BuildValue("(s)", "closed"));
    PyGILState_Release(gil);
}

static void on_poller_closed(void *data)
{
    struct core *core = data;
    core->poller = NULL;
    uv_close((uv_handle_t *)&core->wake, on_wake_closed);
}

static void retry_abandoned(struct core *core)
{
    struct lent *next;
    for (struct lent *lent = core->lent; lent != NULL; lent = next) {
        next = lent->next;
        if (lent->holder == NULL) {
            haplo_batch_retry(lent->handle, 0,
                              "the batch was deleted without an answer");
            core_take_back(core, lent);
        }
    }
}

static void on_wake(uv_async_t *wake)
{
    struct core *core = wake->data;
    PyGILState_STATE gil = PyGILState_Ensure();
    if (!core->is_closing) {
        if (core->is_close_wanted) {
            core_close(core);
        } else {
            retry_abandoned(core);
        }
    }
    PyGILState_Release(gil);
}

static int core_open(struct core *core, struct haplo_poller_options *options)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    int error = uv_loop_init(&core->loop);
    if (error != 0) {
        PyErr_Format(PyExc_OSError, "a libuv loop: %s", uv_strerror(error));
        return -1;
    }
    core->is_loop_open = true;
    error = uv_async_init(&core->loop, &core->wake, on_wake);
    if (error != 0) {
        PyErr_Format(PyExc_OSError, "a libuv handle: %s", uv_strerror(error));
        return -1;
    }
    core->wake.data = core;
    options->data = core;
    error =
        haplo_poller_new(&core->loop, options, &core->poller, why, sizeof why);
    if (error != 0) {
        core->is_closing = true;
        uv_close((uv_handle_t *)&core->wake, on_wake_closed);
        error_raise(error, why);
        return -1;
    }
    return 0;
}

struct core *core_new(struct haplo_poller_options *options)
{
    struct core *core = calloc(1, sizeof *core);
    if (core == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    core->reference_count = 1;
    core->process = getpid();
    core->thread = PyThread_get_thread_ident();
    core->records = PyList_New(0);
    if (core->records == NULL || core_open(core, options) != 0) {
        core_end(core);
        core_release(core);
        return NULL;
    }
    return core;
}

void core_reference(struct core *core)
{
    core->reference_count++;
}

void core_release(struct core *core)
{
    if (--core->reference_count > 0) {
        return;
    }
    if (!core->is_loop_open) { /* otherwise it is left behind */
        Py_XDECREF(core->records);
        free(core);
    }
}

/* False with an exception. */
static bool is_usable(const struct core *core)
{
    if (core->process != getpid()) {
        PyErr_SetString(PyExc_RuntimeError,
                        "the poller belongs to the parent process: after "
                        "fork(), make another one");
    } else if (core->thread != PyThread_get_thread_ident()) {
        PyErr_SetString(PyExc_RuntimeError,
                        "the poller belongs to another thread: use "
                        "loop.call_soon_threadsafe()");
    } else if (core->is_busy) {
        PyErr_SetString(PyExc_RuntimeError,
                        "the poller is busy: a finalizer must not use it");
    } else {
        return true;
    }
    return false;
}

bool core_enter(struct core *core)
{
    if (!is_usable(core)) {
        return false;
    }
    if (core->is_closing) {
        error_raise(HAPLO_ESTOPPED, "the poller is closed");
        return false;
    }
    core->is_busy = true;
    uv_update_time(&core->loop);
    return true;
}

void core_leave(struct core *core)
{
    core->is_busy = false;
    if (!core->is_closed) {
        uv_async_send(&core->wake); /* cannot fail */
    }
}

int core_turn(struct core *core)
{
    if (core->is_closed) {
        return -1;
    }
    if (!is_usable(core)) {
        return -2;
    }
    core->is_busy = true;
    PyThreadState *gil = PyEval_SaveThread();
    uv_run(&core->loop, UV_RUN_NOWAIT);
    PyEval_RestoreThread(gil);
    core->is_busy = false;
    return core->is_closed ? -1 : uv_backend_timeout(&core->loop);
}

void core_drop_batches(struct core *core, const char *why)
{
    while (core->lent != NULL) {
        haplo_batch_drop(core->lent->handle, why);
        core_take_back(core, core->lent);
    }
}

void core_close(struct core *core)
{
    core->is_closing = true;
    server_forget_all(core);
    haplo_poller_close(core->poller, on_poller_closed);
    core_drop_batches(core, "");
}

void core_abandon(struct core *core)
{
    core->is_close_wanted = true;
    if (!core->is_closing && core->process == getpid()) {
        uv_async_send(&core->wake); /* cannot fail */
    }
}

void core_end(struct core *core)
{
    if (core->process != getpid() || !core->is_loop_open) {
        return;
    }
    if (core->poller != NULL && !core->is_closing) {
        core_close(core);
    }
    PyThreadState *gil = PyEval_SaveThread();
    for (int i = 0; i < LAST_TURNS && !core->is_closed; i++) {
        uv_run(&core->loop, UV_RUN_NOWAIT);
    }
    core->is_loop_open = uv_loop_close(&core->loop) != 0;
    PyEval_RestoreThread(gil);
}

struct lent *core_lend(struct core *core, struct haplo_batch handle)
{
    struct lent *lent = calloc(1, sizeof *lent);
    if (lent != NULL) {
        lent->handle = handle;
        lent->next = core->lent;
        if (lent->next != NULL) {
            lent->next->previous = lent;
        }
        core->lent = lent;
    }
    return lent;
}

void core_take_back(struct core *core, struct lent *lent)
{
    if (lent->previous != NULL) {
        lent->previous->next = lent->next;
    } else {
        core->lent = lent->next;
    }
    if (lent->next != NULL) {
        lent->next->previous = lent->previous;
    }
    if (lent->holder != NULL) {
        *lent->holder = NULL;
    }
    free(lent);
}

bool core_record(struct core *core, PyObject *record)
{
    bool is_recorded =
        record != NULL && PyList_Append(core->records, record) == 0;
    Py_XDECREF(record);
    if (!is_recorded) {
        PyErr_Clear(); /* no memory: nobody can be told */
    }
    return is_recorded;
}
