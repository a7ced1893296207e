/*
 * abandon.h - ends the process while a name is still being looked up.
 *
 * getaddrinfo() cannot be cancelled, and with an unresponsive name server it
 * may take a minute. The loop waits for it, and so does exit(), because libuv
 * joins its threads there. So once everything is stored and closed, the loop is
 * given a moment to end by itself, and is then abandoned.
 *
 * A write to a disk that hangs cannot be cancelled either. abandon_within()
 * sets the time after which the process exits whatever it waits for.
 */
#ifndef DAEMON_ABANDON_H
#define DAEMON_ABANDON_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "daemon/command.h"

struct abandon {
    uv_timer_t timer; /* runs while the loop is given its moment, and does not
                         keep it running */
    uv_timer_t limit; /* of abandon_within(); does not keep it running either */
    bool is_done;     /* the loop was stopped, with handles left in it */
};

void abandon_init(struct abandon *abandon, uv_loop_t *loop);

/* Nothing is left but to close handles and to wait for look-ups: stops the
 * loop if these take more than a moment. */
void abandon_soon(struct abandon *abandon);

/* Exits in this time, with EXIT_CODE_FAILED, unless the loop ends before. The
 * earliest call counts. */
void abandon_within(struct abandon *abandon, uint64_t limit_ms);

/* To be called when the loop has ended by itself, before it is closed: closes
 * the timers. */
void abandon_close(struct abandon *abandon);

/* To be called last, while the loop is still in memory, because a look-up may
 * end and report to it. Returns the code, or exits with it if the loop was
 * abandoned. */
enum exit_code abandon_exit(const struct abandon *abandon, enum exit_code code);

#endif
