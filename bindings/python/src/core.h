/*
 * core.h - a poller with a libuv loop of its own, inside an asyncio loop.
 *
 * asyncio watches the descriptor of the libuv loop, and sets a timer for when
 * it is next due; core_turn() then runs it once, without waiting. What the
 * library reports meanwhile is appended to a list of records, which Python
 * takes when the turn is over. So no line of Python runs inside a callback of
 * the library: what it calls, raises or deletes cannot disturb one.
 *
 * The memory of a core is shared by the Poller, its servers, its queues, its
 * batches and the library, and is freed with the last of them. So these may be
 * deleted in any order, and do not keep each other alive.
 *
 * All of it is protected by the GIL, which only core_turn() releases.
 */
#ifndef PYTHON_CORE_H
#define PYTHON_CORE_H

#include "python.h"

#include <haplopoll.h>
#include <stdbool.h>
#include <sys/types.h>

/* A delivered batch that has not been answered. */
struct lent {
    struct haplo_batch handle; /* stale once answered */
    struct lent *next;         /* in its core */
    struct lent *previous;     /* likewise; NULL: the first */
    struct lent **holder;      /* of its Batch, which was deleted if NULL */
};

struct core {
    uv_loop_t loop;              /* of this poller alone */
    uv_async_t wake;             /* makes asyncio take a turn */
    struct haplo_poller *poller; /* NULL once it is closed */
    PyObject *records;           /* list: what has happened since taken */
    struct lent *lent;           /* batches that are not answered */
    size_t reference_count;      /* objects that use this memory */
    unsigned long thread;        /* where it was made */
    pid_t process;               /* likewise: not in a child after fork() */
    bool is_busy;                /* inside the library */
    bool is_close_wanted;        /* its Poller is gone */
    bool is_closing;             /* haplo_poller_close() has been called */
    bool is_closed;              /* the loop has no handles left */
    bool is_loop_open;           /* uv_loop_close() has not succeeded */
    bool wants_routine_events;   /* not only those with an error */
    bool wants_drained;          /* as its queues are added */
};

/* Returns NULL with an exception. `options` are borrowed. */
struct core *core_new(struct haplo_poller_options *options);

void core_reference(struct core *core);
void core_release(struct core *core);

/*
 * Around each call of the library. False with an exception: it is closed,
 * another thread's or another process's, or it is inside the library already,
 * which only a finalizer can see. core_leave() makes asyncio take a turn.
 */
bool core_enter(struct core *core);
void core_leave(struct core *core);

/* Runs the loop without waiting. Returns the milliseconds until it is due
 * again, or -1: not before its descriptor is readable. -2: an exception. */
int core_turn(struct core *core);

/* All batches that are not answered are dropped. */
void core_drop_batches(struct core *core, const char *why);

/* Answers what is unanswered, and begins to close. To be called inside enter
 * and leave, or by whoever has the last pointer. */
void core_close(struct core *core);

/* The Poller is deleted: it closes at the next turn. On any thread. */
void core_abandon(struct core *core);

/* Nobody is left who takes turns. */
void core_end(struct core *core);

/* A new member of the list, or NULL. */
struct lent *core_lend(struct core *core, struct haplo_batch handle);
void core_take_back(struct core *core, struct lent *lent);

/* Appends a record, and takes the reference. NULL: there was no memory for it;
 * false then. */
bool core_record(struct core *core, PyObject *record);

#endif
