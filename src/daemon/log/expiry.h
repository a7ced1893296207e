/*
 * expiry.h - tells when certificates expire, early enough to renew them: 30,
 * 14, 7, 3 and 1 days before, and when it has happened; and when one of which
 * this was told has been renewed. Pure.
 *
 * All certificates are noted, again and again, in passes. At the end of a pass
 * there is one report for all certificates of a kind that have the same number
 * of days left, since they often have one cause: servers share a certificate,
 * or what renews them all does not work.
 */
#ifndef DAEMON_EXPIRY_H
#define DAEMON_EXPIRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/name_table.h"
#include "daemon/log/log.h"

#define EXPIRY_TEXT_SIZE 1024

enum expiry_kind {
    EXPIRY_SERVER, /* that of a server; named after the server */
    EXPIRY_CA,     /* in a CA file; named after the file, "": the system's */
    EXPIRY_CLIENT, /* a client certificate; named after the file */
    EXPIRY_KIND_COUNT
};

/* What is told, in the order of time. */
enum expiry_stage {
    EXPIRY_NONE, /* more than 30 days are left */
    EXPIRY_30_DAYS,
    EXPIRY_14_DAYS,
    EXPIRY_7_DAYS,
    EXPIRY_3_DAYS,
    EXPIRY_1_DAY,
    EXPIRY_EXPIRED,
    EXPIRY_STAGE_COUNT
};

/* One line of the log. Borrowed, valid during the call. */
struct expiry_report {
    enum expiry_kind kind;    /* of all of these certificates */
    enum expiry_stage stage;  /* NONE: they were renewed */
    const char *name;         /* of the one that is the first to expire */
    const char *server;       /* one that it belongs to */
    size_t certificate_count; /* how many they are */
    size_t server_count;      /* that they belong to */
    uint64_t expires_ms;      /* of the first; wall clock */
    bool is_same_time;        /* all of them expire then */
};

typedef void (*expiry_cb)(void *data, const struct expiry_report *report);

/* Of certificates that expire soon only, so it is small. */
struct expiry {
    struct name_table entries; /* struct expiry_entry; owned */
    uint64_t told_ms[EXPIRY_KIND_COUNT][EXPIRY_STAGE_COUNT]; /* last report */
    bool is_starting; /* more and more become known: no report waits for the
                         next day; to be cleared by the owner */
};

void expiry_init(struct expiry *expiry);
void expiry_free(struct expiry *expiry);

/* Notes a certificate that server uses. expires_ms 0: it is not known at the
 * moment. If memory runs out, it may not be told in this pass. */
void expiry_note(struct expiry *expiry, enum expiry_kind kind, const char *name,
                 const char *server, uint64_t expires_ms, uint64_t now_ms);

/* Ends a pass. Certificates that were not noted in it are forgotten. */
void expiry_end(struct expiry *expiry, uint64_t now_ms, expiry_cb report_cb,
                void *data);

/* The pass begins again. */
void expiry_restart(struct expiry *expiry);

/* A report in words. Returns text. */
const char *expiry_text(const struct expiry_report *report, uint64_t now_ms,
                        char text[EXPIRY_TEXT_SIZE]);

/* How urgent it is. */
enum log_level expiry_level(const struct expiry_report *report);

#endif
