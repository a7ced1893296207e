/*
 * inbox_fleet.h - the tables of an inbox by which several hosts share the
 * servers of a configuration: see fleet/fleet.h, which decides what to ask for.
 *
 * Each request is one transaction, and its clock is that of the database. It
 * has a connection of its own, so that it does not wait for messages that are
 * being stored.
 */
#ifndef INBOX_INBOX_FLEET_H
#define INBOX_INBOX_FLEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fleet/fleet.h"
#include "inbox/inbox.h"
#include "inbox/inbox_shared.h"

#define INBOX_FLEET_INSTANCE_SIZE 37 /* a UUID */
#define INBOX_FLEET_DIGEST_SIZE 65   /* SHA-256 in hexadecimal digits */
#define INBOX_FLEET_VERSION_SIZE 32

/* What a host says of itself. */
struct inbox_fleet_host {
    const char *name;     /* unique in the fleet */
    const char *instance; /* a random one for each state directory: tells two
                             hosts apart that have the same name by mistake */
    const char *version;  /* of haplo-poll */
    const char *digest;   /* of its configuration */
    uint32_t weight;      /* see fleet/placement.h */
};

/* What is shown of a member, besides struct fleet_member. */
struct inbox_fleet_detail {
    char version[INBOX_FLEET_VERSION_SIZE];
    char digest[INBOX_FLEET_DIGEST_SIZE];
    uint64_t joined_at_ms;  /* wall clock of the database */
    uint64_t renewed_at_ms; /* likewise */
};

struct inbox_fleet_request;

/* error is 0; or HAPLO_E* with one line in why. HAPLO_EEXIST: another process
 * is the member of this name. The request may be used again inside. */
typedef void (*inbox_fleet_cb)(struct inbox_fleet_request *request, int error,
                               const char *why);

/* Embedded in its owner, which fills the first part. */
struct inbox_fleet_request {
    const struct inbox_fleet_host *host; /* borrowed until replied_cb */
    const struct fleet_policy *policy;   /* ttl_ms and grace_ms; likewise */
    struct fleet_request ask;  /* its moves are borrowed during the call only */
    uint64_t limit_ms;         /* for the reply; then it has failed */
    int64_t shared_version;    /* of what the owner has: see below. 0: nothing,
                                  and whenever it should be sent again */
    inbox_fleet_cb replied_cb; /* once, from the loop */
    void *data;                /* for the owner */
    /* Set before replied_cb, and valid inside: */
    struct fleet_reply reply;
    const struct inbox_fleet_detail *details; /* of reply.members */
    uint64_t moved_count;                     /* moves that were carried out */
    uint64_t refused_count; /* moves that were not: stale, or not expired */
    const struct inbox_shared *shared; /* NULL: it still has that version */
    int64_t found_version;             /* of shared */
    /* Private to the store: */
    void *memory;
};

/* HAPLO_ENOTSUP: this type of inbox cannot coordinate hosts. HAPLO_ENOMEM.
 * HAPLO_ESTOPPED: the inbox is being closed. Otherwise 0, and replied_cb fires.
 * One request at a time. inbox_close() waits for it. */
int inbox_fleet_ask(struct inbox *inbox, struct inbox_fleet_request *request);

/* Reading states again */

struct inbox_refresh;
typedef void (*inbox_refreshed_cb)(struct inbox_refresh *refresh, int error,
                                   const char *why);

/* Embedded in its owner, which fills the first part. */
struct inbox_refresh {
    const char *const *servers;      /* borrowed until refreshed_cb */
    size_t server_count;             /* length of servers */
    inbox_refreshed_cb refreshed_cb; /* once, from the loop */
    void *data;                      /* for the owner */
    /* Private to the store: */
    void *memory;
};

/* Loads the stored states of all queues of these servers, which other processes
 * may have changed. A queue that is open here and has an outstanding delivery
 * or confirmation keeps what it has: its commit compares states. HAPLO_ENOTSUP,
 * HAPLO_ENOMEM, HAPLO_ESTOPPED; otherwise 0, and refreshed_cb fires. Several
 * may be outstanding. */
int inbox_refresh_start(struct inbox *inbox, struct inbox_refresh *refresh);

/* For commands; these block, and the inbox need not be open */

/* The tables as of one moment. */
struct inbox_fleet_view {
    uint64_t now_ms;                    /* wall clock of the database */
    struct fleet_member *members;       /* owned; in the order of their names */
    struct inbox_fleet_detail *details; /* owned; of members */
    size_t member_count;                /* length of both */
    struct fleet_slot slots[FLEET_SLOT_COUNT];
};

/* Returns 0, and inbox_fleet_view_free() must follow; or HAPLO_E* with one line
 * in why. HAPLO_ENOTSUP: this type of inbox cannot coordinate hosts. */
int inbox_fleet_view(const struct inbox_type *type, const void *type_options,
                     struct inbox_fleet_view *view, char *why, size_t why_size);
void inbox_fleet_view_free(struct inbox_fleet_view *view);

/* Sets whether a host is to have no slots, which lasts until it is set
 * otherwise, also if the host is restarted. Returns 0 with one line in text
 * about what was done; or HAPLO_E* with one line about what failed.
 * HAPLO_ENOTFOUND: no host of this name has ever been a member; text names
 * those that have. */
int inbox_fleet_drain(const struct inbox_type *type, const void *type_options,
                      const char *host, bool is_draining, char *text,
                      size_t text_size);

#endif
