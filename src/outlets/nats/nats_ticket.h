/*
 * nats_ticket.h - finds the message that a response belongs to. As text, it is
 * the last token of the subject that is responded to: "SLOT-SERIAL-INDEX", in
 * hexadecimal. Pure.
 */
#ifndef OUTLETS_NATS_TICKET_H
#define OUTLETS_NATS_TICKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NATS_TICKET_SIZE_MAX 52 /* three numbers of 64 bits, and the NUL */

struct nats_ticket {
    uint64_t slot;   /* where its flight is */
    uint64_t serial; /* of its flight */
    uint64_t index;  /* of the message in the parcel */
};

void nats_ticket_write(const struct nats_ticket *ticket,
                       char text[NATS_TICKET_SIZE_MAX]);

/* False if text is not a ticket. */
bool nats_ticket_read(struct nats_ticket *ticket, const char *text);

#endif
