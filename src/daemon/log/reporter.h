/*
 * reporter.h - decides what to log of all that happens, and when: one line for
 * each cause, however many queues it affects; reminders while it lasts; one
 * line when it is over. Pure: no I/O and no clock, so that weeks of failure
 * take a moment in a test.
 *
 *   - Objects that are in trouble for the same reason share a cause: queues of
 *     a server with the same error, queues of an inbox that cannot store, the
 *     lanes of an outlet. Numbers in a text make no other reason.
 *   - A cause is logged REPORTER_SETTLE_MS after it began, with the number of
 *     objects, which is one line for what begins together.
 *   - After a minute it is logged again if it has spread; after an hour, six
 *     hours, a day, and each day from then on, as a reminder.
 *   - When nothing is left in it, that it is over, and how long it took; what
 *     was over before it was logged is one line.
 *   - While a server is down or silent, its line speaks for its queues: those
 *     that fail because of it have none of their own.
 *   - What comes and goes all the time is logged a few times, and then only by
 *     reminders, until it has been steady for a while. If the newest line says
 *     that it is over, and it has been back for a minute, that is logged.
 *   - A line about a server, outlet or inbox has its newest reason: "cannot
 *     connect" rather than that a connection was lost, which came first.
 *   - Warnings that recur are counted, and logged like reminders.
 *   - That a replay starts or ends is logged at once, whatever else happens; so
 *     is what happens in the fleet.
 */
#ifndef DAEMON_REPORTER_H
#define DAEMON_REPORTER_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/log/cause.h"
#include "daemon/log/log.h"
#include "daemon/observe/history.h"

#define REPORTER_SETTLE_MS 1000
#define REPORTER_SPREAD_MS 60000      /* then: has it spread? */
#define REPORTER_HOUR_MS 3600000      /* first reminder */
#define REPORTER_LINGER_MS 600000     /* it is over only then if it flaps */
#define REPORTER_CAUSE_COUNT_MAX 1024 /* more are logged without being kept */

/* A line of the log. All strings are borrowed during the call. */
struct report {
    enum log_level level;
    const char *event;  /* "failing", "reminder", "working", "replay" ... */
    const char *text;   /* one line for people */
    const char *server; /* what it is about; NULL: not about one */
    const char *queue;
    const char *outlet;
    const char *inbox;
    const char *host;   /* of a fleet */
    const char *class;  /* label of a failure class; NULL: none */
    uint64_t count;     /* of queues; 0: does not apply */
    uint64_t lasted_ms; /* likewise */
};

typedef void (*reporter_cb)(void *data, const struct report *report);

struct reporter {
    reporter_cb report_cb; /* required */
    void *data;            /* for report_cb */
    struct causes causes;  /* owned */
    uint64_t due_ms;       /* when to call reporter_run(); UINT64_MAX: never */
};

void reporter_init(struct reporter *reporter, reporter_cb report_cb,
                   void *data);
void reporter_free(struct reporter *reporter);

/* Something has happened. transition->at_ms is the time. */
void reporter_note(struct reporter *reporter,
                   const struct transition *transition);

/* The time has come. */
void reporter_run(struct reporter *reporter, uint64_t now_ms);

/* Logs what has not been logged yet because it settles: at the end. */
void reporter_flush(struct reporter *reporter, uint64_t now_ms);

#endif
