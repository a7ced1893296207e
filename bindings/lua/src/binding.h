/*
 * binding.h - the objects of libhaplopoll as Lua has them.
 *
 * Pollers, servers and queues are userdata, each with the struct below in it.
 * The registry of Lua refers to them ("anchors" them) until the library has
 * freed the object, so that callbacks find them even if the program does not
 * keep them. `handle` is NULL from then on.
 *
 * A batch is a userdata that belongs to the program. If it is collected before
 * it was answered, its queue answers "retry", from the loop.
 *
 * Callbacks run on the thread of Lua that luv runs its own on, also if the
 * object was made in a coroutine. They are called by luv's function for this,
 * so an error in one has the effects that it has in any other of luv's: see
 * state.h.
 */
#ifndef BINDING_H
#define BINDING_H

#include <stdbool.h>

#include <haplopoll.h>
#include <sys/queue.h>

#include "compat.h"
#include "state.h"

#define POLLER_TYPE "haplopoll.poller"
#define SERVER_TYPE "haplopoll.server"
#define QUEUE_TYPE "haplopoll.queue"
#define BATCH_TYPE "haplopoll.batch"

struct batch;
struct event;

struct poller {
    struct haplo_poller *handle; /* NULL: being closed, or closed */
    struct state *state;         /* of Lua */
    uv_idle_t turn;              /* active: something is to be done soon */
    int anchor;                  /* reference of this userdata */
    int event;                   /* reference of a function; LUA_NOREF: none */
    int stopped;                 /* likewise */
    int closed;                  /* likewise */
    size_t batches_left;         /* what stopped is told */
    STAILQ_HEAD(, event) events; /* not reported yet */
    LIST_HEAD(, server) servers;
    LIST_ENTRY(poller) link; /* in state->pollers, until all is closed */
};

struct server {
    struct haplo_server *handle; /* NULL: removed, or its poller closed */
    struct poller *poller;
    int anchor; /* reference of this userdata */
    LIST_HEAD(, queue) queues;
    LIST_ENTRY(server) link;
};

struct queue {
    struct haplo_queue *handle; /* NULL: removed, or its poller closed */
    struct server *server;
    int anchor;              /* reference of this userdata */
    int deliver;             /* reference of a function */
    int marked;              /* likewise; LUA_NOREF: none */
    int drained;             /* likewise */
    int removed;             /* likewise */
    bool is_lent;            /* a batch is not answered yet */
    struct haplo_batch lent; /* that batch */
    struct batch *holder;    /* its userdata; NULL: it was collected */
    LIST_ENTRY(queue) link;
};

struct batch {
    struct haplo_batch handle;
    struct queue *queue; /* NULL: answered, or released by close() */
    int error;           /* then: what all functions return */
};

/* The function haplo.poller(), and the metatables of each type. */
int poller_new(lua_State *L);
void poller_register(lua_State *L);
void server_register(lua_State *L);
void queue_register(lua_State *L);
void batch_register(lua_State *L);

/* The userdata at an index, or an error of Lua if it is of another type, or if
 * the object does not exist any more. */
struct poller *poller_check(lua_State *L, int index);
struct server *server_check(lua_State *L, int index);
struct queue *queue_check(lua_State *L, int index);

/* Has on_turn() called soon, from the loop. */
void poller_wake(struct poller *poller);
/* Closes it. Outstanding batches are released, and not marked. */
void poller_close(struct poller *poller);

/* Methods of the object above. */
int server_new(lua_State *L);
int queue_new(lua_State *L);

/* The poller is closed: frees what Lua has of it. */
void server_forget(lua_State *L, struct server *server);
void queue_forget(lua_State *L, struct queue *queue);
/* Drops the references of a queue. */
void queue_release(lua_State *L, struct queue *queue);

/* Pushes a new userdata for the batch that is lent. */
void batch_push(lua_State *L, struct queue *queue);
/* The queue has no batch any more. error: what methods of the batch return. */
void batch_release(struct queue *queue, int error);

/* Keeps an event until it can be reported, and reports all that are kept. */
void event_keep(struct haplo_poller *handle, const struct haplo_event *event);
void event_report(struct poller *poller);
void event_drop(struct poller *poller);

#endif
