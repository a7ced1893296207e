/*
 * hourly.h - samples what changes slowly, every hour: the backlogs of servers
 * and outlets, and when certificates expire; and logs the early warnings that
 * follow from it.
 */
#ifndef DAEMON_HOURLY_H
#define DAEMON_HOURLY_H

#include "daemon/gather/gather.h"
#include "daemon/log/expiry.h"

struct hourly {
    struct gather *gather;    /* borrowed */
    struct name_table trends; /* struct named_trend; owned */
    struct expiry expiry;     /* of certificates */
    uint64_t due_ms;          /* of the next pass; wall clock */
    uint64_t period_ms;       /* until the one after that */
    uint64_t trend_due_ms;    /* of the next samples of trends; wall clock */
    unsigned trend_pass;      /* their number, or that of the newest */
    bool is_at_work;          /* it has begun */
    size_t cursor;            /* behind the last server of the pass */
    size_t server_count;      /* when it began */
    uint64_t generation;      /* of the configuration, likewise */
};

void hourly_init(struct hourly *hourly, struct gather *gather);
void hourly_free(struct hourly *hourly);

/* The first passes are more frequent, as certificates become known. */
void hourly_open(struct hourly *hourly, uint64_t now_ms);

/* Does a part of a pass, if one is due or at work. While it is at work, this is
 * to be called in each turn of the loop. */
void hourly_run(struct hourly *hourly, uint64_t now_ms);

#endif
