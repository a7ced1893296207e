/*
 * addresses.h - the addresses of a name, as libcurl wants them.
 */
#ifndef HTTP_ADDRESSES_H
#define HTTP_ADDRESSES_H

#include <curl/curl.h>
#include <netdb.h>
#include <stdbool.h>

struct addresses {
    unsigned reference_count; /* resolver and easys that use it */
    unsigned count;           /* of addresses; at least one */
    struct curl_slist *pin;   /* owned; "HOST:PORT:ADDRESS,ADDRESS" */
    const char *list;         /* in pin: the first address */
};

/* From the result of a look-up of name, "HOST:PORT". 0, or an error of libuv:
 * UV_ENOMEM, or UV_EAI_NODATA if there are none. */
int addresses_read(struct addresses **result, const char *name,
                   const struct addrinfo *info);

/* For CURLOPT_RESOLVE libcurl borrows the pin: hold it as long. */
struct addresses *addresses_hold(struct addresses *addresses);
void addresses_release(struct addresses *addresses); /* NULL is fine */

/* True if this one, without brackets, is among them, wherever: a name server
 * may rotate them in each answer. */
bool addresses_have(const struct addresses *addresses, const char *address);

/* True if they are the same, in the same order. */
bool addresses_are_same(const struct addresses *a, const struct addresses *b);

#endif
