/*
 * pg_hosts.h - the servers that a connection string leads to, one by one.
 *
 * libpq would look up their names itself and block the loop. So names are
 * looked up here, and libpq is given one address at a time, with the name that
 * a certificate is checked against. That also gives each address a time limit
 * of its own; libpq has one only where it blocks.
 */
#ifndef INBOX_POSTGRES_PG_HOSTS_H
#define INBOX_POSTGRES_PG_HOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"

#define PG_HOST_COUNT_MAX 16 /* addresses of all names together */

struct pg_host {
    char *name;    /* owned; as given, or the folder of a Unix socket; NULL:
                      not given */
    char *address; /* owned; NULL: not known, or not needed */
    char *port;    /* owned; NULL: the default */
};

struct pg_hosts {
    struct pg_host items[PG_HOST_COUNT_MAX]; /* in the order to be tried */
    size_t count;                            /* in use */
    uint64_t limit_ms;                       /* connect_timeout; 0: not set */
};

/* Reads them from a connection string, with what libpq adds from a service
 * file and the environment. There is at least one. Returns 0 or
 * HAPLO_ENOMEM. */
int pg_hosts_read(struct pg_hosts *hosts, const char *conninfo);

/* Adds a copy. 0, or HAPLO_ENOMEM; does nothing if there are too many. */
int pg_hosts_add(struct pg_hosts *hosts, const char *name, const char *address,
                 const char *port);

void pg_hosts_free(struct pg_hosts *hosts);

/* True if its name must be looked up. */
bool pg_host_is_unknown(const struct pg_host *host);

#endif
