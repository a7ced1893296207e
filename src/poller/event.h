/*
 * event.h - reports changes of state to the application, with the text that
 * explains a failure.
 */
#ifndef POLLER_EVENT_H
#define POLLER_EVENT_H

#include "poller/poller.h"

/* Turns the traces of the scheduler into events. */
void event_init(struct haplo_poller *poller);

/* Sends an event of the queue. Borrows text (NULL: none). */
void event_emit(struct haplo_queue *queue, enum haplo_queue_state from,
                int error, const char *text);

/* Records the cause of a failure for operators, as "VERB SERVER/QUEUE:
 * detail". Without a detail, or without memory for it, the text of the error
 * is used. */
void event_explain(struct haplo_queue *queue, const char *verb, int error,
                   const char *detail);

/* Time from from_ms until due_ms; 0 if that is in the past, or never. */
uint64_t event_ms_until(uint64_t due_ms, uint64_t from_ms);

#endif
