/*
 * forwarder_replay.h - sends messages to an outlet again, as operators ask for;
 * a part of its forwarder. See forwarder_replay.c.
 */
#ifndef OUTLETS_FORWARDER_REPLAY_H
#define OUTLETS_FORWARDER_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

struct forwarder;
struct forwarder_replay;

/* NULL if memory runs out. */
struct forwarder_replay *forwarder_replay_new(struct forwarder *forwarder);

/* Nothing may be outstanding. */
void forwarder_replay_free(struct forwarder_replay *replay);

/* To be called when one was added to the inbox or stopped there. */
void forwarder_replay_look(struct forwarder_replay *replay);

/* Another host does replays from now on. is_lost: it may have begun, so that
 * nothing is stored any more. */
void forwarder_replay_leave(struct forwarder_replay *replay, bool is_lost);

/* This host does them again. */
void forwarder_replay_come(struct forwarder_replay *replay);

/* True if another host does them, and nothing of them is left here. */
bool forwarder_replay_is_elsewhere(const struct forwarder_replay *replay);

/* Does what can be done now, except sending. */
void forwarder_replay_work(struct forwarder_replay *replay);

/* Passes its next parcel to the outlet, if the messages that are forwarded for
 * the first time leave room for it. */
void forwarder_replay_deliver(struct forwarder_replay *replay);

/* When to call forwarder_replay_work(); HEAP_NEVER: never. */
uint64_t forwarder_replay_due_ms(const struct forwarder_replay *replay);

/* At the end, when the outlet is closed: stores what is done. True: call it
 * again when that has happened. */
bool forwarder_replay_finish(struct forwarder_replay *replay);

/* True if there is no replay, or it waits for its next try. */
bool forwarder_replay_is_at_rest(const struct forwarder_replay *replay);

/* True if there is none that is not done. */
bool forwarder_replay_is_over(const struct forwarder_replay *replay);

#endif
