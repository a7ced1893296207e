/*
 * run_log.h - logs what happens while `run` is at work: what the reporter
 * decides, a daily summary, and early warnings.
 */
#ifndef DAEMON_RUN_LOG_H
#define DAEMON_RUN_LOG_H

#include <uv.h>

#include "daemon/gather/gather.h"
#include "daemon/log/hourly.h"
#include "daemon/log/reporter.h"
#include "daemon/log/summary.h"
#include "daemon/observe/observer.h"

#define RUN_LOG_DAY_MS UINT64_C(86400000)

struct run_log {
    struct observer_listener listener; /* of the observer */
    struct reporter reporter;          /* decides */
    struct gather *gather;             /* borrowed */
    uv_timer_t timer;                  /* when something is due; unreferenced */
    bool is_open;                      /* the timer is initialised */
    struct summary before;             /* as of the last daily summary */
    uint64_t summary_due_ms;           /* wall clock */
    struct hourly hourly;              /* samples what changes slowly */
};

/* Prepares the listener, which must be told from the start. */
void run_log_init(struct run_log *log, struct gather *gather);

/* To be called when everything has started. */
void run_log_open(struct run_log *log);

/* To be called when nothing is polled any more, while everything is still
 * readable: logs what is left. */
void run_log_close(struct run_log *log);

/* Frees the memory. */
void run_log_free(struct run_log *log);

#endif
