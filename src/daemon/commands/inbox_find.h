/*
 * inbox_find.h - finds the inbox that a message is in, if a command names only
 * the message.
 */
#ifndef DAEMON_INBOX_FIND_H
#define DAEMON_INBOX_FIND_H

#include "daemon/commands/inbox_reading.h"

/* What a user writes: the arrival of a message, or its identity for receivers
 * (outlets/message_id.h). */
struct inbox_find {
    uint64_t arrival; /* of the message */
    char
        uuid[INBOX_UUID_SIZE]; /* of its inbox; "": only the arrival is given */
    uint64_t hash;             /* with uuid: of the message, or of a batch */
};

/* Returns 0, or -1 after logging. */
int inbox_find_parse(struct inbox_find *find, const char *text);

/* Makes the inbox current that has the message, or else one that knows what
 * became of it. Returns EXIT_CODE_FINE; or another code after logging: several
 * have it, or none can be read. */
enum exit_code inbox_find(const struct inbox_find *find,
                          struct inbox_reading *reading);

#endif
