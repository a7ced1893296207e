/*
 * diagnostic.h - prints what is wrong with a configuration, for people and for
 * scripts:
 *
 *     haplo-poll.yaml:8:5: error: server example: unknown key "intervall": did
 *     you mean "interval"? [HP0201]
 *         8 |     intervall: 5m
 *           |     ^~~~~~~~~
 *
 * The first line is one line, however long, which editors know how to read.
 */
#ifndef DAEMON_DIAGNOSTIC_H
#define DAEMON_DIAGNOSTIC_H

#include "config/config_errors.h"
#include "daemon/text/json_writer.h"
#include "daemon/text/terminal.h"

/* Prints all errors and warnings in the order of the files, what has only been
 * counted, and which code `haplo-poll explain` should be asked about. */
void diagnostics_print(const struct config_errors *errors,
                       const struct terminal *terminal);

/* Writes an object: the numbers of errors and warnings, and a list of them. */
void diagnostics_write(const struct config_errors *errors,
                       struct json_writer *json);

#endif
