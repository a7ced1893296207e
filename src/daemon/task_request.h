/*
 * task_request.h - work on an inbox, as one line: "task KIND", then NAME=VALUE
 * for each parameter that is set, all separated by tabs. A command writes the
 * line, and the process that has the inbox open reads it.
 */
#ifndef DAEMON_TASK_REQUEST_H
#define DAEMON_TASK_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inbox/inbox_task.h"

#define TASK_REQUEST_LINE_SIZE 3072 /* for any request */
#define TASK_REQUEST_TEXT_SIZE 512

/* What to do, with copies of all parameters. Zeroed except for kind, inbox and
 * until_ms, it concerns everything. */
struct task_request {
    enum inbox_task_kind kind;            /* see inbox_task.h */
    char inbox[HAPLO_NAME_SIZE_MAX + 1];  /* name in the configuration */
    char outlet[HAPLO_NAME_SIZE_MAX + 1]; /* as in struct inbox_filter */
    char queue[INBOX_REPLAY_QUEUE_SIZE];  /* the same, and the next three */
    uint64_t arrival;                     /* see above */
    uint64_t since_ms;                    /* see above */
    uint64_t until_ms;                    /* see above */
    uint64_t first;                       /* REPLAY_START: first arrival */
    uint64_t last;                        /* REPLAY_START: last arrival */
    uint64_t replay_id;                   /* REPLAY_STOP */
    uint64_t is_of_letters;               /* REPLAY_START: 0 or 1 */
    uint64_t has_new_ids;                 /* REPLAY_START: 0 or 1 */
    char pointer[TASK_REQUEST_TEXT_SIZE]; /* PURGE: JSON pointer, or "" */
    char value[TASK_REQUEST_TEXT_SIZE];   /* PURGE: what must be there */
    char why[TASK_REQUEST_TEXT_SIZE];     /* PURGE: stored with each message */
};

/* True if the line is such a request. */
bool task_request_is(const char *line);

/* Returns 0, or -1 if a value has a tab or is too long. */
int task_request_write(const struct task_request *request,
                       char line[TASK_REQUEST_LINE_SIZE]);

/* Returns 0, or -1 with why set. */
int task_request_read(struct task_request *request, const char *line, char *why,
                      size_t why_size);

#endif
