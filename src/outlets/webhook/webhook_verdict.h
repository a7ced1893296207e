/*
 * webhook_verdict.h - what the response to a request means for its messages.
 * Pure.
 *
 *   2xx                            delivered
 *   400, 413, 415, 422             refused, because of the data
 *   3xx, 401, 403, 404, 405, 410   the destination is broken: nothing that is
 *                                  sent there could be delivered
 *   no connection, no name, TLS    the same
 *   anything else                  not now: 408, 429, 5xx, a lost connection...
 *
 * The status alone decides: what follows the head of a response is only quoted.
 */
#ifndef OUTLETS_WEBHOOK_VERDICT_H
#define OUTLETS_WEBHOOK_VERDICT_H

#include <stdint.h>

#include "outlets/outlet.h"

/* A receiver may ask for any wait; it gets this at most. */
#define WEBHOOK_WAIT_MS_MAX 3600000

struct webhook_answer {
    long status;             /* 0: there was no response */
    int error;               /* HAPLO_E* if status is 0 */
    const char *text;        /* why, if status is 0 */
    const char *location;    /* of a 3xx; NULL: none */
    const char *quote;       /* of its body: `: "no such field"`, or "" */
    uint64_t retry_after_ms; /* of its Retry-After; 0: none */
};

enum outlet_verdict webhook_verdict(const struct webhook_answer *answer);

/* Describes a response that is not a success in one line. origin: of the URL,
 * which may contain a secret in its path. */
void webhook_explain(const struct webhook_answer *answer, const char *origin,
                     struct reason *why);

#endif
