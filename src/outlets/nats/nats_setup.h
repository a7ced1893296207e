/*
 * nats_setup.h - how libnats is to connect to one server: limits, login, TLS.
 */
#ifndef OUTLETS_NATS_SETUP_H
#define OUTLETS_NATS_SETUP_H

#include <nats/nats.h>

#include "outlets/nats/nats.h"

/* Sets why to a line such as "URL: cannot connect: DETAIL". Returns HAPLO_E*.
 * To be called on the thread on which libnats has failed. */
int nats_fail(struct reason *why, const char *what, const char *on,
              natsStatus status);

/* Makes the options for the server at url, and reads secrets and files for it.
 * Returns 0, or HAPLO_E* with why set; destroy *out in any case. */
int nats_setup_new(natsOptions **out, const struct nats_options *options,
                   const char *url, struct reason *why);

#endif
