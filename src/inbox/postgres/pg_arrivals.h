/*
 * pg_arrivals.h - the numbers of new messages. They are drawn from a sequence
 * in the transaction that stores the messages, after the rows of their queues
 * were locked: so they ascend within a queue. Another process may draw some in
 * between.
 *
 * A server that takes over from another may lack the newest commits, and its
 * sequence is behind as well. Numbers that this process had seen before it drew
 * any are not used again: outlets may have passed them already. So more are
 * drawn until the sequence is beyond them. What it sees while a draw is
 * outstanding does not count: other processes may have drawn later numbers, and
 * stored them first.
 */
#ifndef INBOX_POSTGRES_PG_ARRIVALS_H
#define INBOX_POSTGRES_PG_ARRIVALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inbox/postgres/pg_statement.h"

struct pg_arrivals {
    int64_t *numbers; /* owned; in ascending order */
    size_t count;     /* drawn */
    size_t used;      /* of these */
    size_t capacity;  /* allocated */
    int64_t highest;  /* that this process has seen */
    int64_t floor;    /* the same, when it drew last */
    char *sql;        /* owned; draws them */
};

/* 0 or HAPLO_ENOMEM. */
int pg_arrivals_init(struct pg_arrivals *arrivals, const char *schema);
void pg_arrivals_free(struct pg_arrivals *arrivals);

/* Forgets what was drawn: another transaction begins. */
void pg_arrivals_clear(struct pg_arrivals *arrivals);

/* The statement that draws so many. */
void pg_arrivals_draw(struct pg_arrivals *arrivals, size_t count,
                      struct pg_statement *statement);

/* Keeps its result, but no number that was seen before the draw. False if
 * memory runs out. */
bool pg_arrivals_drawn(struct pg_arrivals *arrivals, const PGresult *result);

/* Uses the next one. 0: the sequence is still behind. */
int64_t pg_arrivals_next(struct pg_arrivals *arrivals);

/* A message with this number is stored. */
void pg_arrivals_note(struct pg_arrivals *arrivals, int64_t arrival);

#endif
