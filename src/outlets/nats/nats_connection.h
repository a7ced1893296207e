/*
 * nats_connection.h - one connection to a NATS server, by libnats, from its
 * opening until it fails; it is never reconnected. What a connection still had
 * to send is gone with it, so that nothing is published out of turn later.
 *
 * Threads: all functions block, and are called on one thread. Responses and
 * the end of the connection are reported on a thread of libnats.
 */
#ifndef OUTLETS_NATS_CONNECTION_H
#define OUTLETS_NATS_CONNECTION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "outlets/message_headers.h"
#include "outlets/nats/nats.h"
#include "outlets/nats/nats_ticket.h"

struct nats_connection;

/* On a thread of libnats, one at a time. */
struct nats_connection_listener {
    /* A response. is_ack: it comes from JetStream, and verdict and why tell
     * what it means. */
    void (*responded)(void *data, const struct nats_ticket *ticket, bool is_ack,
                      enum outlet_verdict verdict, const struct reason *why);
    /* The last call of a connection: it is closed, by either end. Also for
     * those that were only tried. */
    void (*ended)(void *data, uint64_t serial);
    void *data; /* for both */
};

/* Kept by the owner from one connection to the next. */
struct nats_place {
    uint64_t serial;  /* of the connection; rises */
    size_t url_index; /* the server it is to */
};

/* Connects to the server of *place, or else to the next one that can be
 * reached, and sets *place. Borrows options, listener and is_ending, which ends
 * waiting for a server. Returns 0, or HAPLO_E* with why set. */
int nats_connection_open(struct nats_connection **out,
                         const struct nats_options *options,
                         struct nats_place *place,
                         const struct nats_connection_listener *listener,
                         const atomic_bool *is_ending, struct reason *why);

/* A message to be published. */
struct nats_message {
    const char *subject;                   /* where to */
    const struct message_headers *headers; /* its metadata */
    struct haplo_slice body;               /* exact bytes */
    struct nats_ticket ticket;             /* for its response */
};

/* Publishes a message. Returns OUTLET_DELIVERED if it was sent, which proves
 * nothing yet; or any other verdict with why set. */
enum outlet_verdict nats_connection_publish(struct nats_connection *connection,
                                            const struct nats_message *message,
                                            struct reason *why);

/* False, with why set, if the server has meanwhile said that this user must not
 * do what it has tried. */
bool nats_connection_is_permitted(struct nats_connection *connection,
                                  struct reason *why);

/* Closes and frees it. ended() is called before this returns, if it has not
 * been. */
void nats_connection_close(struct nats_connection *connection);

#endif
