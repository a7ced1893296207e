/*
 * queue_settings.h - those settings of a queue that many queues have in
 * common, kept once and shared.
 */
#ifndef POLLER_QUEUE_SETTINGS_H
#define POLLER_QUEUE_SETTINGS_H

#include "base/reason.h"
#include "core/fetch_format.h"
#include "core/queue.h"
#include "haplopoll.h"

struct queue_settings {
    size_t user_count; /* queues, and fetches in flight */
    struct queue_policy policy;
    size_t body_bytes_max;
    haplo_deliver_cb deliver_cb;
    haplo_marked_cb marked_cb;   /* or NULL */
    haplo_drained_cb drained_cb; /* or NULL */
    bool has_default_format;     /* Haplo's default JSON */
    struct fetch_format format;
};

/* Gets settings for one more queue: reuses *settings if they equal the
 * options, or creates new ones and stores them in *settings. There is no
 * search, because successive queues usually have the same options. Returns 0,
 * HAPLO_EINVAL with why set, or HAPLO_ENOMEM; on error *settings is
 * unchanged. */
int queue_settings_take(struct queue_settings **settings,
                        const struct haplo_queue_options *options,
                        struct reason *why);

/* Keeps them for one more user, whatever happens to the queue's. */
struct queue_settings *queue_settings_borrow(struct queue_settings *settings);

/* Releases them for one user. True if it was the last and they were freed. */
bool queue_settings_release(struct queue_settings *settings);

#endif
