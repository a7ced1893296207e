/*
 * status_watch.h - the status, drawn again and again until somebody has seen
 * enough.
 */
#ifndef DAEMON_STATUS_WATCH_H
#define DAEMON_STATUS_WATCH_H

#include "daemon/commands/status_print.h"

/* On a terminal, redraws the screen every 2 seconds until q, SIGINT or SIGTERM;
 * elsewhere, prints the status as often. A process that ends is waited for.
 * Returns an exit code. */
enum exit_code status_watch(const struct status_options *options, bool is_json);

#endif
