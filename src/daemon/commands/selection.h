/*
 * selection.h - which messages of which inboxes a command is about, as its
 * options say.
 */
#ifndef DAEMON_SELECTION_H
#define DAEMON_SELECTION_H

#include "daemon/command.h"
#include "daemon/task/task_request.h"
#include "inbox/inbox_filter.h"

struct selection {
    const struct config_outlet *outlet; /* of --outlet; NULL: not given, or not
                                           in the configuration */
    const struct config_inbox *inbox;   /* that of the outlet; NULL: any */
    struct inbox_filter filter;         /* borrows the options */
};

/* Reads --outlet, --queue, --since and --until. Times are dates in UTC, or
 * durations before now. An outlet need not be in the configuration: it may
 * have been removed from it. Returns 0, or -1 after the error has been
 * logged. */
int selection_read(struct selection *selection, const struct config *config,
                   const struct command_options *options);

/* Warns if the pattern matches no queue of the configuration, which is right if
 * messages of a former one are meant, and else would pass for "none left". */
void selection_check_queue(const struct config *config, const char *pattern);

/* Reads the arrival of a message. Returns 0, or -1 after logging. */
int selection_read_arrival(struct selection *selection, const char *text);

/* The parameters of a task; kind and what concerns only some kinds are the
 * caller's. Returns 0, or -1 if a text is too long or the inbox is not known,
 * after logging. */
int selection_request(const struct selection *selection,
                      const struct config *config,
                      struct task_request *request);

#endif
