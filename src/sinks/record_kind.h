/*
 * record_kind.h - what is special to a kind of record. All kinds have a table
 * "queues" with the epoch of each queue, and a table "messages" with at least
 * server, queue, epoch and key, which are unique together.
 */
#ifndef SINKS_RECORD_KIND_H
#define SINKS_RECORD_KIND_H

#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "haplopoll.h"
#include "sinks/record_schema.h"

/* The first parameter of add_sql that is the kind's own; those before it are
 * server, queue, epoch and key. */
#define RECORD_PARAMETER_OWN 5

struct record_batch_write;

/* What bind_batch() and bind_message() bind is borrowed until the batch is
 * written; they return SQLite's result code, and are NULL where there is
 * nothing to bind. */
struct record_kind {
    const struct record_schema *schema; /* */
    const char *add_sql;    /* adds a message, if its key is not there; with
                               out_sql it returns the place of what is to go out */
    const char *out_sql;    /* notes that all of a queue ?1 ?2 in epoch ?3 with
                               the place ?4 ?5 is out; NULL: there is no outlet */
    const char *forget_sql; /* runs with ?1 server, ?2 queue and ?3 epoch when
                               a queue's epoch has risen; or NULL */
    size_t scratch_size;    /* of their own, for one batch */
    int (*bind_batch)(sqlite3_stmt *add, const struct record_batch_write *write,
                      void *scratch);
    int (*bind_message)(sqlite3_stmt *add, const struct haplo_message *message,
                        void *scratch);
};

#endif
