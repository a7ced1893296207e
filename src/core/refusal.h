/*
 * refusal.h - the body of a 403 response to a GET, which gives the reason:
 * {"success":false,"kind":"THROTTLE","error":{"message":"..."}}
 */
#ifndef CORE_REFUSAL_H
#define CORE_REFUSAL_H

#include <stdbool.h>
#include <stddef.h>

#define REFUSAL_KIND_SIZE_MAX 32     /* "INVALID-API-KEY" is the longest */
#define REFUSAL_MESSAGE_SIZE_MAX 256 /* longer ones are truncated */

struct refusal {
    char kind[REFUSAL_KIND_SIZE_MAX];       /* NUL-terminated */
    char message[REFUSAL_MESSAGE_SIZE_MAX]; /* NUL-terminated; "": none */
};

/* Returns false if the body is not such a document (servers before 2020-05
 * send HTML), or if memory runs out. */
bool refusal_read(struct refusal *refusal, const char *body, size_t size);

#endif
