/*
 * dispatch_doubts.h - the part of dispatch.h that decides whether a message was
 * refused because of its data, or because the destination is broken.
 */
#ifndef CORE_DISPATCH_DOUBTS_H
#define CORE_DISPATCH_DOUBTS_H

#include "core/dispatch.h"

/* The outlet has refused a message. True if it had refused it before, in this
 * run of the breaker. */
bool doubts_note_refusal(struct dispatch *dispatch, struct lane *lane,
                         uint64_t arrival);

/* Does with the first message of a span, which was refused, what the policy
 * says: blocks its lane, puts it in doubt, or makes it a dead letter. */
void doubts_on_refused(struct dispatch *dispatch, struct lane *lane,
                       struct span *span, const char *why, uint64_t now_ms);

/* The outlet has accepted a message of this lane. */
void doubts_on_accepted(struct dispatch *dispatch, struct lane *lane,
                        uint64_t now_ms);

/* The breaker has opened: what was proven before is not any more. */
void doubts_end_proofs(struct dispatch *dispatch);

/* Messages may have been refused in this run because the destination was about
 * to break: tries them again. */
void doubts_void_run(struct dispatch *dispatch, uint64_t now_ms);

#endif
