/*
 * reload_pins.h - the configurations that outlets at work borrow from: each the
 * one that it was started with, whatever has replaced that since.
 */
#ifndef DAEMON_RELOAD_PINS_H
#define DAEMON_RELOAD_PINS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "config/config.h"

struct gather_outlet;

struct reload_pin {
    TAILQ_ENTRY(reload_pin) link;       /* in the list of all */
    const struct gather_outlet *outlet; /* whose */
    struct config *kept;                /* NULL: that of the gather */
    uint64_t stamp; /* of the files that its options name, when it started */
};

TAILQ_HEAD(reload_pins, reload_pin);

/* To be called when an outlet has been started, or is found to be at work. 0 or
 * HAPLO_ENOMEM. */
int reload_pin_add(struct reload_pins *pins,
                   const struct gather_outlet *outlet);

/* The configuration of the gather, which the outlet borrows from unless it
 * borrows from an older one, is about to be replaced. */
void reload_pin_keep(const struct reload_pins *pins,
                     const struct gather_outlet *outlet, struct config *from);

/* To be called when its forwarder has been closed. */
void reload_pin_remove(struct reload_pins *pins,
                       const struct gather_outlet *outlet);

/* True if a file that its options name, such as a certificate or a secret, has
 * changed since it was started. */
bool reload_pin_has_new_files(const struct reload_pins *pins,
                              const struct gather_outlet *outlet);

void reload_pins_free(struct reload_pins *pins);

#endif
