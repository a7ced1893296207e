/*
 * resolve.h - the addresses of an endpoint's name.
 *
 * They are looked up in libuv's thread pool and given to libcurl as a "pin".
 * They are fresh for a minute. For ten more minutes they are used while a new
 * look-up runs in the background, so that no transfer waits. After that, or
 * when a connection to them failed, transfers wait for the look-up; if it
 * fails, the old addresses are used, because they are better than none.
 */
#ifndef HTTP_RESOLVE_H
#define HTTP_RESOLVE_H

#include <curl/curl.h>
#include <stdbool.h>

struct endpoint;
struct easy;

struct addresses {
    unsigned reference_count; /* endpoint and easys that use it */
    unsigned count;           /* of addresses */
    struct curl_slist *pin;   /* owned; "HOST:PORT:ADDRESS,ADDRESS" */
};

/* For CURLOPT_RESOLVE libcurl borrows the pin: hold it as long. */
struct addresses *addresses_hold(struct addresses *addresses);
void addresses_release(struct addresses *addresses); /* NULL is fine */

/* True if a transfer can begin now; a new look-up may begin with it. */
bool resolve_is_ready(struct endpoint *endpoint);

/* Makes the easy handle wait: transfer_resolved() is told. 0, HAPLO_ENOMEM, or
 * HAPLO_ERESOLVE (with the handle's reason set). */
int resolve_wait(struct easy *easy);

/* It no longer waits. */
void resolve_leave(struct easy *easy);

/* No connection could be made to its addresses: they may be stale. */
void resolve_doubt(struct endpoint *endpoint);

/* The endpoint is being freed: a look-up that is outstanding finds nobody. */
void resolve_abandon(struct endpoint *endpoint);

#endif
