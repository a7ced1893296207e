/*
 * pauses.h - the queues that operators have paused, with who, when and why. A
 * pause holds until somebody ends it: it is kept in the state directory, over
 * restarts and reloads, also while the queue is not in the configuration. In a
 * fleet, the inbox keeps it, for whichever host has the queue.
 */
#ifndef DAEMON_PAUSES_H
#define DAEMON_PAUSES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/name_table.h"
#include "daemon/gather/telling.h"
#include "haplopoll.h"

#define PAUSE_BY_SIZE 65 /* with the NUL, here and below */
#define PAUSE_REASON_SIZE 257
#define PAUSE_NAME_SIZE (2 * HAPLO_NAME_SIZE_MAX + 2)
#define PAUSE_COUNT_MAX 10000

struct pause {
    char name[PAUSE_NAME_SIZE];     /* "example/student" */
    uint64_t at_ms;                 /* wall clock, Unix milliseconds */
    char by[PAUSE_BY_SIZE];         /* who */
    char reason[PAUSE_REASON_SIZE]; /* "": none given */
    bool is_listed;                 /* see pauses_take() */
};

struct pauses {
    struct name_table table;       /* struct pause; owned */
    char *path;                    /* owned; of the file; NULL: out of memory */
    const struct telling *telling; /* in a fleet, instead of the file; or
                                      NULL; borrowed */
};

/* Reads the file of a state directory. What is wrong with it is logged, and
 * the rest holds. pauses_free() must follow. */
void pauses_load(struct pauses *pauses, const char *state_dir);

/* The same in a fleet: there is no file, and other hosts are told. */
void pauses_share(struct pauses *pauses, const struct telling *telling);

/* Replaces all by what the hosts of a fleet have: begin, take each, which
 * returns true if it is new or has changed, end. ended_cb gets the names of
 * those that are over; it must not call this. */
void pauses_begin(struct pauses *pauses);
bool pauses_take(struct pauses *pauses, const struct pause *pause);
void pauses_end(struct pauses *pauses,
                void (*ended_cb)(void *data, const char *name), void *data);

/* NULL: not paused by an operator. pauses may be NULL. */
const struct pause *pauses_find(const struct pauses *pauses, const char *server,
                                const char *queue);

/* Adds a pause, or replaces one. Copies everything; control characters become
 * '?'. Returns 0; HAPLO_ENOMEM; HAPLO_ETOOBIG; or HAPLO_EDELIVERY with why set:
 * it holds, but not after a restart. */
int pauses_add(struct pauses *pauses, const struct pause *pause, char *why,
               size_t why_size);

/* Ends a pause, if there is one. Returns 0, or HAPLO_EDELIVERY with why set: it
 * will be back after a restart. */
int pauses_remove(struct pauses *pauses, const char *name, char *why,
                  size_t why_size);

void pauses_free(struct pauses *pauses);

#endif
