/*
 * resolver.h - looks up one name, for all endpoints that connect to it.
 *
 * The addresses are looked up in libuv's thread pool and given to libcurl as a
 * "pin". They are fresh for a minute. For ten more minutes they are used while
 * a new look-up runs in the background, so that no transfer waits. After that,
 * or when a connection to them failed, transfers wait for the look-up; if it
 * fails, the old addresses are used, because they are better than none.
 *
 * libcurl keeps a connection for as long as it is busy, wherever the name has
 * moved, and the old host may go on answering: messages would be fetched from
 * it and marked there. So a connection may be used only while its
 * address is among those that the name has now (resolver_has()). This is exact
 * because all endpoints of a name share its addresses, as they share libcurl's
 * connections.
 */
#ifndef HTTP_RESOLVER_H
#define HTTP_RESOLVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "http/addresses.h"

struct easy;
struct endpoint;
struct http_client;
struct lookup;

LIST_HEAD(endpoint_list, endpoint);

struct resolver {
    struct http_client *client;     /* borrowed */
    char *name;                     /* owned; "HOST:PORT", in lower case */
    size_t host_size;               /* of the part before the port */
    struct endpoint_list endpoints; /* that use it; not empty */
    struct addresses *addresses;    /* the newest; NULL: none yet */
    uint64_t fresh_until_ms;        /* then refreshed in the background */
    uint64_t usable_until_ms;       /* then transfers wait for a look-up */
    struct lookup *lookup;          /* outstanding, or NULL */
};

/* Finds or creates the resolver of the name that the endpoint connects to.
 * 0 or HAPLO_ENOMEM. */
int resolver_join(struct endpoint *endpoint);

/* Takes it away again; if it was the last endpoint, an outstanding look-up is
 * detached. Does nothing if the endpoint has none. */
void resolver_part(struct endpoint *endpoint);

/* Begins a look-up unless one is outstanding; looked_up_cb of all endpoints
 * follows when it has ended, and before that, without addresses, if it takes
 * longer than limit_ms: a name server may not answer for a minute. 0, or
 * HAPLO_ENOMEM or HAPLO_ERESOLVE: nothing follows. */
int resolver_look_up(struct resolver *resolver, uint64_t limit_ms);

/* True if a transfer can begin now; a new look-up may begin with it. */
bool resolver_is_ready(struct resolver *resolver);

/* Makes the easy handle wait, until transfer_resolved() is called. Returns 0,
 * HAPLO_ENOMEM, or HAPLO_ERESOLVE with the reason of the handle set. */
int resolver_wait(struct resolver *resolver, struct easy *easy);

/* Stops waiting. */
void resolver_leave(struct easy *easy);

/* False if this is not one of the addresses that the name has now. */
bool resolver_has(const struct resolver *resolver, const char *address);

/* For the table of them. */
const char *resolver_name_of(const void *resolver);

/* To be called when connecting failed: the addresses may be stale. */
void resolver_doubt(struct resolver *resolver);

#endif
