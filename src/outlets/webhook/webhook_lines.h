/*
 * webhook_lines.h - the header lines that all requests of a webhook have:
 * User-Agent, those of the configuration, and Authorization.
 *
 * They are built again when one of the secrets in them changes. Requests in
 * flight keep the lines that they were started with.
 */
#ifndef OUTLETS_WEBHOOK_LINES_H
#define OUTLETS_WEBHOOK_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/reason.h"
#include "http/transfer.h"
#include "outlets/webhook/webhook_options.h"

#define WEBHOOK_LINE_COUNT_MAX 64 /* from the configuration, and our own */

struct webhook_lines {
    struct curl_slist lines[WEBHOOK_LINE_COUNT_MAX]; /* linked */
    size_t count;                                    /* of lines */
    size_t public_count; /* of these, the first ones have no secret */
    char *text;          /* owned; what they point to */
    size_t text_size;    /* allocated */
    unsigned user_count; /* requests in flight, and the webhook */
};

/* Builds them. secret_headers, password and token are texts, or NULL. Returns
 * 0; HAPLO_EINVAL with why set, for a header that is malformed or that the
 * webhook sets itself; HAPLO_ENOMEM. */
int webhook_lines_new(const struct webhook_options *options,
                      const char *secret_headers, const char *password,
                      const char *token, struct webhook_lines **out,
                      struct reason *why);

/* True if the text contains the value of one that has a secret, in the form in
 * which it is sent: some receivers show on their error pages what they were
 * sent. */
bool webhook_lines_are_in(const struct webhook_lines *lines, const char *text,
                          size_t size);

/* Stops using them; wipes and frees them if nobody uses them any more. */
void webhook_lines_leave(struct webhook_lines *lines);

#endif
