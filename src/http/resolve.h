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

/* Makes the easy handle wait, until transfer_resolved() is called. Returns 0,
 * HAPLO_ENOMEM, or HAPLO_ERESOLVE with the reason of the handle set. */
int resolve_wait(struct easy *easy);

/* Stops waiting. */
void resolve_leave(struct easy *easy);

/* The addresses as "192.0.2.1,[2001:db8::1]"; NULL: none yet. */
const char *resolve_addresses(const struct endpoint *endpoint);

/* To be called when connecting failed: the addresses may be stale. */
void resolve_doubt(struct endpoint *endpoint);

/* To be called when the endpoint is freed: detaches an outstanding look-up. */
void resolve_abandon(struct endpoint *endpoint);

#endif
