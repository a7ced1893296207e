/*
 * nats_dial.h - connects to a server, which includes looking up its name. That
 * cannot be cancelled, so it is left behind when the outlet ends.
 */
#ifndef OUTLETS_NATS_DIAL_H
#define OUTLETS_NATS_DIAL_H

#include <nats/nats.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/reason.h"

/* Connects to the server at url. Takes setup. Returns 0, or HAPLO_E* with why
 * set and *out NULL. */
int nats_dial(natsConnection **out, natsOptions *setup, const char *url,
              const atomic_bool *is_ending, struct reason *why);

#endif
