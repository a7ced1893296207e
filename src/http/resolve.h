/*
 * resolve.h - the addresses that an endpoint's name stands for.
 *
 * They are looked up in libuv's thread pool and given to libcurl as a "pin".
 * For a minute they are fresh. For ten minutes more they are used as they
 * are, while a new look-up runs behind the back, so that nobody waits. After
 * that, or when a connection to them failed, transfers wait for the look-up;
 * but when it fails, old addresses are better than none and are used.
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

/* Makes the easy wait: transfer_resolved() is told. 0, HAPLO_ENOMEM, or
 * HAPLO_ERESOLVE (with the easy's reason set). */
int resolve_wait(struct easy *easy);

/* It does not wait any longer. */
void resolve_leave(struct easy *easy);

/* No connection was made to these addresses: they may be outdated. */
void resolve_doubt(struct endpoint *endpoint);

/* The endpoint is going. */
void resolve_abandon(struct endpoint *endpoint);

#endif
