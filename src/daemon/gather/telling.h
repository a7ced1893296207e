/*
 * telling.h - what a host of a fleet tells the others as it happens. Without a
 * fleet, files in the state directory keep it: see failed_logins.h, pauses.h.
 */
#ifndef DAEMON_TELLING_H
#define DAEMON_TELLING_H

struct gather_queue;
struct pause;

struct telling {
    /* The poller has counted failed logins, or cleared its count. */
    void (*logins_cb)(void *data);
    /* key_refused of the queue has changed. */
    void (*key_cb)(void *data, const struct gather_queue *queue);
    /* An operator has paused a queue, or resumed the one of this name. */
    void (*pause_cb)(void *data, const struct pause *pause);
    void (*resume_cb)(void *data, const char *name);
    void *data;
};

#endif
