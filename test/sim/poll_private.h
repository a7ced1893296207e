/*
 * poll_private.h - what the files of poll.h share.
 */
#ifndef TEST_SIM_POLL_PRIVATE_H
#define TEST_SIM_POLL_PRIVATE_H

#include "core/mark_reply.h"
#include "poll.h"

/* As poller_step(), poller_pump(), poller_command() and
 * poller_cancel_request() of src/poller/poller.c. */
void poll_step(struct poll_queue *queue, const struct queue_event *event);
void poll_pump(struct process *process);
void poll_command(struct poll_queue *queue, enum queue_event_kind kind);
void poll_cancel_request(struct poll_queue *queue);

/* As queue_start_request() and request_give_back(). */
void poll_start_request(struct poll_queue *queue);
void poll_give_back(struct poll_queue *queue);

/* Brings the budget of bytes up to date with the batch at hand. */
void poll_count_bytes(struct poll_queue *queue);

/* The batch was accepted: keeps no more of it than its token. */
void poll_keep_token(struct poll_queue *queue);

/* 0, or the error that the answer means; the batch at hand is filled. */
int poll_read_fetch(struct poll_queue *queue, const struct exchange *exchange);
int poll_read_mark(const struct poll_queue *queue,
                   const struct exchange *exchange, struct mark_reply *reply);

/* 0: none. */
uint64_t poll_retry_after_ms(const struct exchange *exchange);

#endif
