/*
 * event.h - what the application is told of changes of state, and the text
 * that explains a failure.
 */
#ifndef EVENT_H
#define EVENT_H

#include "poller/poller.h"

/* Lets the scheduler's traces become events. */
void event_init(struct haplo_poller *poller);

/* Tells the application of the queue; text (NULL: none) is borrowed. */
void event_emit(struct haplo_queue *queue, enum haplo_queue_state from,
                int error, const char *text);

/* Notes the cause of a failure where operators look for it: "VERB
 * SERVER/QUEUE: detail". Without a detail, or without memory for it, the
 * error's own text must do. */
void event_explain(struct haplo_queue *queue, const char *verb, int error,
                   const char *detail);

/* From from_ms until due_ms; 0 if that is past, or never. */
uint64_t event_ms_until(uint64_t due_ms, uint64_t from_ms);

#endif
