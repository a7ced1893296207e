/*
 * remote.h - what commands ask the running process: responses of the API as
 * trees, errors as log lines and exit codes.
 */
#ifndef DAEMON_REMOTE_H
#define DAEMON_REMOTE_H

#include "daemon/command.h"
#include "daemon/text/json_tree.h"

#define REMOTE_PATH_SIZE 2048

/* Sends a request; method NULL is GET, and json (or NULL) its body. Returns
 * EXIT_CODE_FINE with *out set, to be freed with json_tree_free();
 * EXIT_CODE_NOT_RUNNING if no process is running; or another code. In both
 * cases why has one line, and nothing is logged. */
enum exit_code remote_ask(const struct config *config, const char *method,
                          const char *path, const char *json,
                          struct json_tree **out, char *why, size_t why_size);

/* A list over all of its pages: calls item_cb with each element of the array
 * of this name. item_cb returns false to end. The
 * result is the same. */
typedef bool (*remote_item_cb)(const struct json_tree *item, void *data);
enum exit_code remote_list(const struct config *config, const char *path,
                           const char *name, remote_item_cb item_cb, void *data,
                           char *why, size_t why_size);

/* Logs why, and returns the code. */
enum exit_code remote_tell(enum exit_code code, const char *why);

#endif
