/*
 * observer_feed.h - tells the observer what happens: the events of poller,
 * inboxes and forwarders, as its notes.
 */
#ifndef DAEMON_OBSERVER_FEED_H
#define DAEMON_OBSERVER_FEED_H

#include "daemon/gather/gather.h"
#include "inbox/inbox.h"

/* Objects that come and go. The objects around them exist. */
void observer_feed_add_server(struct gather_server *server);
void observer_feed_remove_server(struct gather_server *server);
void observer_feed_add_queue(struct gather_queue *queue);
void observer_feed_remove_queue(struct gather_queue *queue);
void observer_feed_add_outlet(struct gather_outlet *outlet);
void observer_feed_remove_outlet(struct gather_outlet *outlet);
/* It starts again from what is stored. */
void observer_feed_reset_outlet(struct gather_outlet *outlet);
void observer_feed_add_inbox(struct gather_inbox *inbox);
void observer_feed_remove_inbox(struct gather_inbox *inbox);

/* An event of the poller. */
void observer_feed_event(const struct haplo_event *event);

/* The inbox has answered a delivery. To be called before the batch is. */
void observer_feed_delivered(struct gather_queue *queue,
                             const struct inbox_delivery *delivery,
                             enum inbox_verdict verdict, const char *why);

/* The mark of a batch is confirmed. */
void observer_feed_marked(struct gather_queue *queue,
                          const struct haplo_mark *mark);

/* To be called before an operator's haplo_queue_pause(), with one line that
 * says who paused it, and why. */
void observer_feed_paused(struct gather_queue *queue, const char *why);

/* A queue, or all queues of a server, cannot be polled; or can now. */
void observer_feed_held(struct gather_queue *queue, const char *why);
void observer_feed_server_held(struct gather_server *server, const char *why);
void observer_feed_unheld(struct gather_queue *queue);
void observer_feed_server_unheld(struct gather_server *server);

/* It is added to the poller again. */
void observer_feed_restarted(struct gather_queue *queue);

/* Another host polls it; or, of a server, this one again. */
void observer_feed_elsewhere(struct gather_queue *queue);
void observer_feed_server_move(struct gather_server *server, bool is_elsewhere);

void observer_feed_outlet(struct gather_outlet *outlet,
                          const struct forwarder_event *event);
/* An operator has released the lane, of which the forwarder sends no event. */
void observer_feed_released(struct gather_outlet *outlet, const char *server,
                            const char *queue);

/* Messages were stored in its inbox: so many, and the last of them. */
void observer_feed_stored(struct gather_outlet *outlet, uint64_t last_arrival,
                          size_t count);
/* Brings its lag, and when it last delivered, up to date: to be called before
 * they are read, and before it is closed. */
void observer_feed_lag(struct gather_outlet *outlet);

/* To be called when an inbox has opened: commits are timed from then on. */
void observer_feed_opened(struct gather_inbox *inbox);
void observer_feed_inbox_warning(struct gather_inbox *inbox, const char *text);
void observer_feed_space(struct gather_inbox *inbox, bool is_short,
                         const char *why);

#endif
