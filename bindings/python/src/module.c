/*
 * module.c - haplopoll._haplopoll: libhaplopoll as Python objects, without a
 * line of asyncio; see haplopoll/__init__.py for that. Where the story begins:
 * core.h.
 */
#include "batch.h"
#include "error.h"
#include "message.h"
#include "poller.h"
#include "queue.h"
#include "server.h"

static PyObject *compare_states(PyObject *module, PyObject *arguments)
{
    (void)module;
    const char *state, *stored;
    Py_ssize_t state_size, stored_size;
    if (!PyArg_ParseTuple(arguments, "y#y#:compare_states", &state, &state_size,
                          &stored, &stored_size)) {
        return NULL;
    }
    return PyLong_FromLong(haplo_state_compare(
        (struct haplo_slice){.data = state, .size = (size_t)state_size},
        (struct haplo_slice){.data = stored, .size = (size_t)stored_size}));
}

static PyMethodDef module_functions[] = {
    {"compare_states", compare_states, METH_VARARGS,
     "0: current, 1: stored, 2: stale."},
    {NULL, NULL, 0, NULL},
};

/* One for the process: an interpreter other than the main one cannot load it,
 * as PyGILState_Ensure() would not find its way back there. */
static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "haplopoll._haplopoll",
    .m_size = -1,
    .m_methods = module_functions,
};

PyMODINIT_FUNC PyInit__haplopoll(void); /* what Python looks for */

PyMODINIT_FUNC PyInit__haplopoll(void)
{
    PyObject *module = PyModule_Create(&definition);
    if (module != NULL &&
        (error_init(module) != 0 || message_init(module) != 0 ||
         batch_init(module) != 0 || queue_init(module) != 0 ||
         server_init(module) != 0 || poller_init(module) != 0 ||
         PyModule_AddStringConstant(module, "library_version",
                                    haplo_version()) != 0)) {
        Py_CLEAR(module);
    }
    return module;
}
