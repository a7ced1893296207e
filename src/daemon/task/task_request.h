/*
 * task_request.h - work on an inbox, as a JSON object: its kind, and each
 * parameter that is set. A command writes it, and the process that has the
 * inbox open reads it, from POST /api/v1/tasks.
 */
#ifndef DAEMON_TASK_REQUEST_H
#define DAEMON_TASK_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/text/json_writer.h"
#include "inbox/inbox_task.h"

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

void task_request_write(const struct task_request *request,
                        struct json_writer *json);

/* Returns 0, or HAPLO_EINVAL with why set. */
int task_request_read(struct task_request *request, const char *body,
                      size_t size, char *why, size_t why_size);

#endif
