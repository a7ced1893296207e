/*
 * queue_settings.h - what a queue is told by its options and many others are
 * told alike, kept once for all of them.
 */
#ifndef QUEUE_SETTINGS_H
#define QUEUE_SETTINGS_H

#include "base/reason.h"
#include "core/fetch_format.h"
#include "core/queue.h"
#include "haplopoll.h"

struct queue_settings {
    size_t queue_count;          /* that borrow them */
    struct queue_policy policy;  /* */
    size_t body_bytes_max;       /* */
    haplo_deliver_cb deliver_cb; /* */
    haplo_marked_cb marked_cb;   /* or NULL */
    bool has_default_format;     /* Haplo's own JSON */
    struct fetch_format format;  /* */
};

/* Borrows settings for one more queue: *settings again, if they say what the
 * options say, or new ones, which *settings becomes. Options next to each
 * other are mostly alike, so that no search is worth its while. 0,
 * HAPLO_EINVAL with why set, or HAPLO_ENOMEM; on error *settings stands. */
int queue_settings_take(struct queue_settings **settings,
                        const struct haplo_queue_options *options,
                        struct reason *why);

/* Gives them back for one queue. True if it was the last: they are gone. */
bool queue_settings_give_back(struct queue_settings *settings);

#endif
