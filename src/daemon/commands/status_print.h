/*
 * status_print.h - the status of a running process, as people read it: what
 * needs attention first.
 */
#ifndef DAEMON_STATUS_PRINT_H
#define DAEMON_STATUS_PRINT_H

#include <stddef.h>

#include "daemon/commands/remote.h"
#include "daemon/text/terminal.h"

struct status_options {
    const struct config *config; /* whose process is asked; borrowed */
    bool is_all;                 /* also queues and servers that work */
    size_t queue_max;            /* rows of queues; 0: all */
    unsigned height;             /* lines that all must fit; 0: any number */
};

/* Asks and prints. *is_fine: nothing needs attention. Returns EXIT_CODE_FINE,
 * or another code with why set and nothing but a part printed. */
enum exit_code status_print(const struct terminal *terminal,
                            const struct status_options *options, bool *is_fine,
                            char *why, size_t why_size);

/* The same as a JSON document. */
enum exit_code status_print_json(const struct status_options *options,
                                 bool *is_fine, char *why, size_t why_size);

#endif
