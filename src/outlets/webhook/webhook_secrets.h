/*
 * webhook_secrets.h - the secrets of a webhook, and what is made of them: the
 * keys to sign with, and the header lines of all requests.
 */
#ifndef OUTLETS_WEBHOOK_SECRETS_H
#define OUTLETS_WEBHOOK_SECRETS_H

#include <stdbool.h>
#include <stdint.h>

#include "outlets/secret.h"
#include "outlets/webhook/webhook_lines.h"
#include "outlets/webhook/webhook_options.h"
#include "outlets/webhook/webhook_sign.h"

struct webhook_secrets {
    const struct webhook_options *options; /* borrowed */
    struct secret signing_secret;          /* becomes keys */
    struct secret secret_headers;          /* becomes lines, like the next */
    struct secret password;                /* of basic authentication */
    struct secret token;                   /* of bearer authentication */
    struct webhook_keys keys;              /* to sign with */
    struct webhook_lines *lines;           /* owned; of all requests */
    bool has_new; /* one was read, and is not used for want of memory */
    struct reason trouble; /* why a new one is not used; "": all is well */
};

/* Reads them. Returns 0, or HAPLO_E* with why set. Close it in any case.
 * Borrows options. */
int webhook_secrets_open(struct webhook_secrets *secrets,
                         const struct webhook_options *options,
                         struct reason *why);

/* Reads those whose files have changed; looks once a second at most. What
 * cannot be used does not replace what was read before, and trouble says so. */
void webhook_secrets_refresh(struct webhook_secrets *secrets, uint64_t now_ms);

/* True if the text contains one of them as it was read last. For what was sent,
 * see webhook_lines_are_in(). */
bool webhook_secrets_are_in(const struct webhook_secrets *secrets,
                            const char *text, size_t size);

/* Wipes and frees them. */
void webhook_secrets_close(struct webhook_secrets *secrets);

#endif
