/*
 * sqlite_inbox.h - the SQLite inbox; see haplo-inbox(5).
 */
#ifndef INBOX_SQLITE_SQLITE_INBOX_H
#define INBOX_SQLITE_SQLITE_INBOX_H

#include "inbox/inbox.h"

struct sqlite_inbox_options {
    const char *path;     /* path of the file */
    size_t wal_bytes_max; /* of its WAL, beyond which storing waits; 0: none */
    uint64_t keep_ms;     /* retention period; 0: everything stays */
    bool keeps_latest;    /* the newest message of each object stays */
    bool has_secure_delete; /* what is deleted is overwritten */
    size_t free_bytes_min; /* on the disk, below which storing waits; 0: none */
};

extern const struct inbox_type inbox_sqlite_type;

/* Copies the inbox at path, which may be in use, to a new file: everything
 * that was committed when it began. Blocks. Returns 0; or HAPLO_E* with one
 * line in why, and creates no file. */
int inbox_sqlite_backup(const char *path, const char *to, char *why,
                        size_t why_size);

#endif
