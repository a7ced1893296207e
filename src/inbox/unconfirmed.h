/*
 * unconfirmed.h - how many stored messages of a queue are not known to be
 * confirmed, and where they begin. If the server sends them again, their rows
 * show that they are repeats. Part of the row of a queue, whatever the store.
 * Pure.
 */
#ifndef INBOX_UNCONFIRMED_H
#define INBOX_UNCONFIRMED_H

#include <stddef.h>
#include <stdint.h>

#define UNCONFIRMED_UNKNOWN (-1)

/* Zeroed: there are none. */
struct unconfirmed {
    int64_t count; /* upper bound, or UNCONFIRMED_UNKNOWN: some may be in
                      another inbox */
    int64_t first; /* arrival of the first of them; 0: unknown, or none */
};

/* A mark was confirmed, for so many messages; 0: for all. */
void unconfirmed_confirm(struct unconfirmed *unconfirmed,
                         uint64_t message_count);

/* The queue was or is in another inbox. */
void unconfirmed_lose(struct unconfirmed *unconfirmed);

/* A batch was stored from this arrival on: count messages, of which
 * mended_count had been stored, and counted, before. */
void unconfirmed_store(struct unconfirmed *unconfirmed, int64_t first_arrival,
                       size_t count, size_t mended_count);

#endif
