/*
 * observer_private.h - what the files of the observer share.
 */
#ifndef DAEMON_OBSERVER_PRIVATE_H
#define DAEMON_OBSERVER_PRIVATE_H

#include "daemon/observe/observer.h"

/* Adds a transition to the history, reports it, and returns its id. */
uint64_t observer_report(struct observer *observer,
                         const struct transition *transition);

/* Replaces an owned text by a copy of another one; "" and NULL: none. */
void observer_set_text(char **text, const char *to);

/* A queue of the server leaves a state and enters another one;
 * OBSERVER_QUEUE_STATE_COUNT: it comes, or goes. */
void observer_sum_state(struct observer *observer,
                        struct observer_server *server,
                        enum observer_queue_state from,
                        enum observer_queue_state to);
void observer_sum_failure(struct observer *observer,
                          struct observer_server *server,
                          enum failure_class class);
/* The server leaves a state and enters another one;
 * OBSERVER_SERVER_STATE_COUNT: it comes, or goes. */
void observer_sum_server(struct observer *observer,
                         const struct observer_server *server,
                         enum observer_server_state from,
                         enum observer_server_state to);

/* Frees what observer_fleet_add() has made; nothing otherwise. */
void observer_fleet_free(struct observer *observer);

/* For the feed: a note of what happens now. Borrows text. */
struct observer_note observer_note_now(const char *text);

/* The text of a note, which is "" if the note has NULL. */
const char *observer_note_text(const struct observer_note *note);

#endif
