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

/* For the feed: a note of what happens now. Borrows text. */
struct observer_note observer_note_now(const char *text);

/* The text of a note, which is "" if the note has NULL. */
const char *observer_note_text(const struct observer_note *note);

#endif
