/*
 * arrival_file.h - a small file outside of an inbox, which remembers how far
 * its arrivals have got. Blocking. arrival_mark.h decides what is in it.
 */
#ifndef INBOX_SQLITE_ARRIVAL_FILE_H
#define INBOX_SQLITE_ARRIVAL_FILE_H

#include <stdint.h>

#include "inbox/inbox.h"

/* The content; all zero: nothing is known. */
struct arrival_record {
    char uuid[INBOX_UUID_SIZE]; /* of the inbox; "": none */
    uint64_t newest;            /* stored when the file was written */
    uint64_t reserved;          /* arrivals up to this may be in use */
};

/* Returns 0, also if there is no file; or HAPLO_EINVAL with why set, and
 * nothing is known. */
int arrival_file_read(const char *path, struct arrival_record *record,
                      struct reason *why);

/* Replaces the file durably. Returns 0, or HAPLO_EINVAL with why set. */
int arrival_file_write(const char *path, const struct arrival_record *record,
                       struct reason *why);

#endif
