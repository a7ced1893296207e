/*
 * fleet_news.h - changes that this host tells the others through the inbox, in
 * the order in which they happened: see inbox_shared.h. What cannot be written
 * is kept, and tried again with the next renewal of the membership.
 */
#ifndef DAEMON_FLEET_NEWS_H
#define DAEMON_FLEET_NEWS_H

#include <stdbool.h>
#include <sys/queue.h>

#include "inbox/inbox_shared.h"

#define FLEET_NEWS_COUNT_MAX 10000 /* changes that wait; more are dropped */

struct gather;
struct fleet_news_item;

STAILQ_HEAD(fleet_news_list, fleet_news_item);

struct fleet_news {
    struct gather *gather;           /* borrowed; it has the inbox */
    struct fleet_news_list items;    /* owned; not written yet */
    size_t count;                    /* length of items */
    struct inbox_shared_write write; /* of the first items */
    struct inbox_change changes[INBOX_CHANGE_COUNT_MAX]; /* of write */
    bool is_writing; /* write is outstanding */
    bool has_failed; /* the last one has, and this was logged */
    uint64_t edits;  /* grows whenever something was added or written */
};

void fleet_news_init(struct fleet_news *news, struct gather *gather);

/* Copies a change, and writes it. */
void fleet_news_add(struct fleet_news *news, const struct inbox_change *change);

/* Writes what has not been written yet. */
void fleet_news_send(struct fleet_news *news);

/* No write may be outstanding. */
void fleet_news_free(struct fleet_news *news);

#endif
