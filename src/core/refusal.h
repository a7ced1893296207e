/*
 * refusal.h - the body of a 403 to a GET, which says of which kind it is:
 * {"success":false,"kind":"THROTTLE","error":{"message":"..."}}
 */
#ifndef CORE_REFUSAL_H
#define CORE_REFUSAL_H

#include <stdbool.h>
#include <stddef.h>

#define REFUSAL_KIND_SIZE_MAX 32     /* "INVALID-API-KEY" is the longest */
#define REFUSAL_MESSAGE_SIZE_MAX 256 /* the rest is cut */

struct refusal {
    char kind[REFUSAL_KIND_SIZE_MAX];       /* ends in NUL */
    char message[REFUSAL_MESSAGE_SIZE_MAX]; /* ends in NUL; "" if none */
};

/* False if the body is not such a document, as from servers before 2020-05
 * (HTML), or when there is no memory. */
bool refusal_read(struct refusal *refusal, const char *body, size_t size);

#endif
