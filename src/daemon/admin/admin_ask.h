/*
 * admin_ask.h - how a command asks the running process, over its unix socket.
 * Blocks.
 */
#ifndef DAEMON_ADMIN_ASK_H
#define DAEMON_ADMIN_ASK_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "daemon/command.h"

struct admin_answer {
    long status; /* of HTTP */
    char *body;  /* owned; NUL-terminated; "" if it is empty */
    size_t size; /* without the NUL */
};

/*
 * Sends a request to the process that uses the state directory of this
 * configuration, and waits for the response, for as long as that process shows
 * that it is alive. path may have a query; json (or NULL) is the body.
 *
 * Returns 0 with *answer set, whatever its status is; HAPLO_ENOTFOUND if no
 * process uses the directory; HAPLO_ECONNECT if one does, but cannot be
 * reached; or another HAPLO_E*, all of them with one line in why.
 * admin_answer_free() must follow in any case.
 */
int admin_ask(const struct config *config, const char *method, const char *path,
              const char *json, struct admin_answer *answer, char *why,
              size_t why_size);

void admin_answer_free(struct admin_answer *answer);

/* What a response means for a command: its message, and the exit code. */
enum exit_code admin_answer_result(const struct admin_answer *answer,
                                   char *text, size_t text_size);

#define ADMIN_ASK_PATH_SIZE 2048

/* Appends a slash and a segment, percent-encoded. 0, or -1 if it does not fit.
 */
int admin_ask_append(char path[ADMIN_ASK_PATH_SIZE], const char *segment);

/* Adds NAME=VALUE to a path, percent-encoded, with ? or & in front. Returns 0,
 * or -1 if it does not fit. */
int admin_ask_add(char *path, size_t path_size, const char *name,
                  const char *value);

#endif
