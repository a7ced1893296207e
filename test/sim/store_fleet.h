/*
 * store_fleet.h - the tables by which several hosts share the servers, in the
 * first simulated store, and what a world knows of who has which slot.
 *
 * A request is carried out as one transaction, by the clock of the database. It
 * may be lost before or after that; or be carried out when its process has
 * given it up long ago.
 */
#ifndef TEST_SIM_STORE_FLEET_H
#define TEST_SIM_STORE_FLEET_H

#include <stdbool.h>
#include <stdint.h>

#include "fleet/fleet.h"
#include "fleet_tables.h"

#define STORE_FLEET_HOSTS_MAX 3
#define STORE_FLEET_NOBODY UINT8_MAX

struct inbox_fleet_request;
struct inbox_refresh;
struct inbox_store;
struct world;

/* What a host has been shown, until it is shown more. */
struct fleet_shown {
    struct fleet_member members[FLEET_TABLES_MEMBERS];
    struct fleet_slot slots[FLEET_SLOT_COUNT];
    struct fleet_reply reply;
};

struct store_fleet {
    struct fleet_policy policy;
    struct fleet_tables tables;
    struct fleet_shown shown[STORE_FLEET_HOSTS_MAX];
    bool has_told[STORE_FLEET_HOSTS_MAX]; /* the host was told what is shown */
    uint64_t deadline_ms[STORE_FLEET_HOSTS_MAX]; /* as it must know it */
    uint64_t went_on_ms[STORE_FLEET_HOSTS_MAX];  /* when it was past, and was
                                                    extended */
    uint64_t taken_ms[FLEET_SLOT_COUNT];  /* when it was taken last from a host
                                             that had gone, or had let it go;
                                             0: never */
    bool has_moved[FLEET_SLOT_COUNT];     /* from one host to another, ever */
    bool is_let_go[FLEET_SLOT_COUNT];     /* by an outlet of its host, which has
                                             not finished it */
    uint8_t taken_from[FLEET_SLOT_COUNT]; /* hosts it was taken from since they
                                             had it, by bit */
};

/* Nobody is a member. */
void store_fleet_init(struct world *world);

/* The name of the host, and whether the slot is its own as it was told, or as
 * the tables have it. */
const char *store_fleet_name(unsigned host);
bool store_fleet_was_told(const struct world *world, unsigned host,
                          unsigned slot);
bool store_fleet_owns(const struct world *world, unsigned host, unsigned slot);

/* It was taken from that host, which may not know. */
bool store_fleet_was_taken(const struct world *world, unsigned host,
                           unsigned slot);

/* An outlet of the host no longer waits for what it has in flight. */
void store_fleet_let_go(struct world *world, unsigned host, unsigned slot);

/* A process starts, which knows nothing. */
void store_fleet_forget(struct world *world, unsigned host);

/* Implement these operations. */
int store_fleet_ask(struct inbox_store *store,
                    struct inbox_fleet_request *request);
int store_fleet_refresh(struct inbox_store *store,
                        struct inbox_refresh *refresh);

#endif
