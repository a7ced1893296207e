/* poller.h - a poller on the loop of its environment. */
#ifndef HAPLO_NODE_POLLER_H
#define HAPLO_NODE_POLLER_H

#include "addon.h"

struct batch;
LIST_HEAD(batch_list, batch);

/* What the addon calls of index.js, in the order of poller_create(). */
enum handler {
    HANDLER_DELIVER, /* (queue, batch) */
    HANDLER_MARKED,  /* (queue, state, messages, marked, unread) */
    HANDLER_DRAINED, /* (queue) */
    HANDLER_REMOVED, /* (queue) */
    HANDLER_EVENT,   /* (event) */
    HANDLER_STOPPED, /* (number of batches left) */
    HANDLER_CLOSED,  /* () */
};
#define HANDLER_COUNT 7

struct poller {
    struct haplo_poller *handle; /* NULL once it is closed */
    struct addon *addon;
    napi_env env;
    unsigned reference_count;         /* then it is freed */
    napi_ref handlers[HANDLER_COUNT]; /* functions */
    napi_ref receiver;                /* their `this`: an empty object */
    napi_async_context context;       /* of all calls of them */
    napi_ref events;                  /* array of those to be reported; NULL */
    bool wants_all_events;            /* not only failures */
    uv_idle_t idle;                   /* active: something is to be reported */
    struct batch_list outstanding;    /* batches that are not answered */
    struct batch_list lost;           /* those that nobody can answer now */
    bool is_closing;
    LIST_ENTRY(poller) entry; /* in addon->pollers */
};

extern const struct class poller_class;

/* createPoller(options, [handlers...]) */
napi_value poller_create(napi_env env, napi_callback_info info);

/* The environment ends: closes the poller without JavaScript. */
void poller_end(struct poller *poller);

void poller_release(struct poller *poller); /* of one reference */

/*
 * Calls of JavaScript from the loop. Between enter and leave, values can be
 * made; enter fails where JavaScript cannot run any more. poller_call() does
 * what Node does after each callback, such as running the jobs of promises;
 * what the handler throws is an uncaught exception. So is what is pending at
 * leave.
 */
bool poller_enter(struct poller *poller, napi_handle_scope *scope);
void poller_call(struct poller *poller, enum handler which, size_t count,
                 const napi_value *arguments);
void poller_leave(struct poller *poller, napi_handle_scope scope);

/* Lets the loop call events_report() soon, outside any function of the library:
 * for events and lost batches. */
void poller_report_soon(struct poller *poller);

#endif
