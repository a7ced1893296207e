/*
 * nats_ack.h - the meaning of what a JetStream server responds to a published
 * message. Pure.
 *
 *     {"stream":"HAPLO","seq":17}                          stored
 *     {"stream":"HAPLO","seq":17,"duplicate":true}         stored before
 *     {"error":{"code":503,"err_code":10077,"description":"..."}}
 *
 * Only a sequence above 0 proves that a message is stored.
 */
#ifndef OUTLETS_NATS_ACK_H
#define OUTLETS_NATS_ACK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/reason.h"
#include "outlets/outlet.h"

struct nats_ack_reader;

/* NULL if memory runs out. */
struct nats_ack_reader *nats_ack_reader_new(void);

/* reader may be NULL. */
void nats_ack_reader_free(struct nats_ack_reader *reader);

/* Reads a response. Returns false if it is none of JetStream's, but that of
 * another subscriber of the subject. why is "" with OUTLET_DELIVERED. */
bool nats_ack_read(struct nats_ack_reader *reader, const char *text,
                   size_t size, enum outlet_verdict *verdict,
                   struct reason *why);

#endif
