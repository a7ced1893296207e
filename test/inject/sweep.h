/*
 * sweep.h - runs a unit repeatedly, each time with a different failure, until
 * a run completes without one: allocation 1, 2, 3 ..., and call 1, 2, 3 ... of
 * each function of calls.h.
 *
 * A unit is a function that does its work once, handles one failure anywhere,
 * and asserts (cmocka.h) what must hold whatever fails:
 * success is reported only for complete work, nothing is lost, and nothing is
 * marked that was not accepted. While it waits for a retry, nothing fails any
 * more, so that it must succeed in the end.
 */
#ifndef INJECT_SWEEP_H
#define INJECT_SWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "fault.h"

#define SWEEP_HANG_S 30 /* a run takes no longer */

struct sweep_unit {
    const char *name;       /* "core/json_batch"; NULL ends a list */
    void (*run)(void);      /* see above */
    void (*set_up)(void);   /* once, before; or NULL */
    bool uses_tls;          /* so that OpenSSL and its excuses matter */
    unsigned sample_stride; /* a sample skips points where runs are slow */
};

/* What a sweep has found. */
struct sweep_result {
    bool is_done;                               /* to the last point */
    unsigned long points;                       /* failures made */
    unsigned long memory_points;                /* of them, allocations */
    unsigned long crashes;                      /* by a signal or assert() */
    unsigned long hangs;                        /* no end in SWEEP_HANG_S */
    unsigned long leaks;                        /* points that left memory */
    unsigned long wrong;                        /* lost, marked wrongly, or a
                                                   success that is none */
    unsigned long others;                       /* libraries' own ends */
    unsigned long memory_failures[ASKER_COUNT]; /* by who asked */
    unsigned long call_failures[CALL_COUNT];    /* by function */
};

/* Sweeps one unit: all of its calls and every Nth allocation, or with 0 a
 * sample. Once in a process. */
void sweep_unit(const struct sweep_unit *unit, unsigned every,
                struct sweep_result *result);

extern const struct sweep_unit sweep_core_units[];      /* up to a NULL name */
extern const struct sweep_unit sweep_http_units[];      /* the same */
extern const struct sweep_unit sweep_poller_units[];    /* the same */
extern const struct sweep_unit sweep_inbox_units[];     /* the same */
extern const struct sweep_unit sweep_retention_units[]; /* the same */
extern const struct sweep_unit sweep_replay_units[];    /* the same */
extern const struct sweep_unit sweep_outlets_units[];   /* the same */
extern const struct sweep_unit sweep_config_units[];    /* the same */
extern const struct sweep_unit sweep_admin_units[];     /* the same */
extern const struct sweep_unit sweep_daemon_units[];    /* the same */

/* One turn of the loop. Waits cost no time: where nothing comes for some
 * milliseconds, the clock skips to the next timer. */
void sweep_turn(uv_loop_t *loop);

/* Lets so much time pass. */
void sweep_skip(uint64_t ms);

/* How long. What comes over the loopback of one process is there at once, what
 * threads and other processes do is not. */
extern int sweep_quiet_ms;

/* Turns until it is true. */
#define SWEEP_UNTIL(loop, condition)                         \
    do {                                                     \
        unsigned turns = 0;                                  \
        while (!(condition)) {                               \
            if (++turns > 100000) {                          \
                fail_msg("never came true: %s", #condition); \
            }                                                \
            sweep_turn(loop);                                \
        }                                                    \
    } while (0)

/* The folder of the programs that were built: "build". */
extern const char *sweep_build;

#endif
