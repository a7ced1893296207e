/*
 * placement.h - which host should poll which server. Servers are spread over a
 * fixed number of slots, and slots over hosts by weighted rendezvous hashing:
 * each host has a score for each slot, and the highest one wins. So all hosts
 * come to the same result by themselves, and a host that comes or goes moves
 * only its own share. Pure.
 *
 * Scores are integers, since two hosts must never disagree because of their
 * mathematical libraries.
 */
#ifndef FLEET_PLACEMENT_H
#define FLEET_PLACEMENT_H

#include <stddef.h>
#include <stdint.h>

#define FLEET_SLOT_COUNT 1024
#define FLEET_NOBODY SIZE_MAX /* instead of the index of a host */

/* The slot of a server, by its name in the configuration. What belongs to a
 * server, as its failed logins, belongs to one host in this way. */
unsigned placement_slot(const char *server);

struct placement_host {
    uint64_t hash;   /* placement_hash() of its name */
    uint32_t weight; /* its share, relative to others; 0: none */
};

uint64_t placement_hash(const char *host);

/* The index of the host that should have the slot; FLEET_NOBODY if none has a
 * weight. Does not depend on the order of the hosts. */
size_t placement_owner(unsigned slot, const struct placement_host *hosts,
                       size_t count);

#endif
