/*
 * detached_call.h - makes a call that may block for as long as a name server
 * likes, such as those of libraries that look up names by themselves. It runs
 * on a thread of its own, which is left behind if the outlet is to end.
 */
#ifndef OUTLETS_DETACHED_CALL_H
#define OUTLETS_DETACHED_CALL_H

#include <stdatomic.h>
#include <stdbool.h>

struct detached_call {
    void (*run)(void *data);  /* the call */
    void (*drop)(void *data); /* undoes it and frees data, if nobody waits for
                                 it any more; on its thread */
    void *data;               /* for both; must not refer to the outlet */
};

/* Makes the call and waits for it, and no longer than patience_ms once
 * is_ending is set. Returns 0 when it has returned; HAPLO_ECANCELED if it is
 * left behind, then data belongs to the thread; or HAPLO_ENOMEM if there is no
 * thread for it. */
int detached_call_run(const struct detached_call *call,
                      const atomic_bool *is_ending, unsigned patience_ms);

#endif
