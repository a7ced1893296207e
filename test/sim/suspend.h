/*
 * suspend.h - a process that stands still, as after SIGSTOP or while its
 * machine is suspended, and then goes on. The world goes on meanwhile: what
 * the process has sent arrives, and is answered.
 *
 * Often, it is stopped between two callbacks of its loop. The first of those
 * that follow then runs with the time that the loop remembers.
 */
#ifndef TEST_SIM_SUSPEND_H
#define TEST_SIM_SUSPEND_H

#include <stdbool.h>
#include <stdint.h>

#include "agenda.h"

struct process;
struct world;

struct suspension {
    bool is_stopped;     /* it stands still */
    bool is_midway;      /* stopped between two callbacks */
    uint64_t due_ms;     /* to stop before its next callback; 0: not */
    uint64_t until_ms;   /* then it goes on */
    uint64_t went_on_ms; /* the newest time that it did */
    struct agenda held;  /* what has happened to it meanwhile */
};

/* Stops the process for some time, now or before its next callback. */
void suspend_process(struct process *process);

/* It goes on now, if it stands still. */
void suspend_end(struct process *process);

/* Puts off what is to happen in the process, if it stands still. Else its loop
 * has looked at the clock. */
bool suspend_holds(struct process *process, struct agenda_entry *entry);

/* True if what was put off may not have happened yet. */
bool suspend_is_behind(const struct process *process);

#endif
