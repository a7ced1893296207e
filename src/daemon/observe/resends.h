/*
 * resends.h - notices that a new message has the same bytes as one that was
 * stored before and confirmed: an administrator has sent it again. A bounded
 * memory of the newest ones, since no inbox has an index of all its messages.
 * Pure.
 */
#ifndef DAEMON_RESENDS_H
#define DAEMON_RESENDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RESENDS_COUNT_MAX 65536 /* messages that are remembered, at most */

struct resends {
    uint64_t *hashes; /* owned; NULL: nothing is remembered yet */
};

/* Remembers a message of a queue. Returns true if it is one that was seen
 * before: a resend, provided it is not a repeat. */
bool resends_note(struct resends *resends, const void *queue,
                  const uint8_t key[16]);

void resends_free(struct resends *resends);

#endif
