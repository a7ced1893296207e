/*
 * inbox_reading.h - the configured inboxes, as a command reads them that only
 * looks: next to a running process, or without one.
 */
#ifndef DAEMON_INBOX_READING_H
#define DAEMON_INBOX_READING_H

#include "daemon/command.h"
#include "daemon/commands/selection.h"
#include "inbox/inbox_view.h"

struct inbox_reading {
    struct config *config;            /* owned */
    struct selection selection;       /* what --inbox, --queue, --since and
                                         --until select; its inbox NULL: all */
    const struct config_inbox *inbox; /* the one that is being read */
};

/* Loads the configuration and reads the options. Returns EXIT_CODE_FINE, and
 * inbox_reading_close() must follow; or another code after logging. */
enum exit_code inbox_reading_open(struct inbox_reading *reading,
                                  const struct command_options *options);
void inbox_reading_close(struct inbox_reading *reading);

/* Moves to the first or next selected inbox. Returns false after the last. */
bool inbox_reading_next(struct inbox_reading *reading);

/* Reads the current one; the filter of the view is that of the selection. Logs
 * an error. */
enum exit_code inbox_reading_view(const struct inbox_reading *reading,
                                  const struct inbox_view *view);

/* The UUID of the current one. Logs an error. */
enum exit_code inbox_reading_uuid(const struct inbox_reading *reading,
                                  char uuid[INBOX_UUID_SIZE]);

/* Logs that memory ran out while printing. Returns EXIT_CODE_FAILED. */
enum exit_code inbox_reading_no_memory(void);

/* Where it is, for people: its file, or its schema. */
const char *inbox_reading_place(const struct config_inbox *inbox);

#endif
