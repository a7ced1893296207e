/* message.h - Message: one message of a batch. */
#ifndef PYTHON_MESSAGE_H
#define PYTHON_MESSAGE_H

#include "python.h"

#include <haplopoll.h>

int message_init(PyObject *module);

/* Copies the message. NULL with an exception. */
PyObject *message_new(const struct haplo_message *message);

#endif
