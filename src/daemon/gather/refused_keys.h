/*
 * refused_keys.h - queues that are not in the configuration, and whose keys
 * were refused when they were last tried. A queue may come back, with what is
 * stored of it: its key must not pass for one that works.
 */
#ifndef DAEMON_REFUSED_KEYS_H
#define DAEMON_REFUSED_KEYS_H

#include <stdbool.h>
#include <stdio.h>

#include "base/name_table.h"

struct refused_keys {
    struct name_table names; /* "server/queue"; owned */
};

/* None. */
void refused_keys_init(struct refused_keys *keys);

/* 0, also if it is there already, or HAPLO_ENOMEM. */
int refused_keys_add(struct refused_keys *keys, const char *server,
                     const char *queue);

/* Removes it. True if it was there. */
bool refused_keys_take(struct refused_keys *keys, const char *server,
                       const char *queue);

/* Prints their lines of the file of failed logins. */
void refused_keys_print(const struct refused_keys *keys, FILE *file);

/* Removes all and frees the memory; more may be added. */
void refused_keys_clear(struct refused_keys *keys);

#endif
