/*
 * faults.h - faults that scripts plant: which requests they strike, how often,
 * and what goes wrong. Pure: this file decides whether a fault strikes;
 * spoil.c, service.c and the listener carry it out.
 */
#ifndef SIM_FAULTS_H
#define SIM_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/path.h"
#include "sim/random.h"
#include "sim/settings.h"

/* X(NAME, "name", the mark takes effect by default, help) */
#define SIM_FAULT_MAP(X)                                                       \
    X(CLOSE, "close", false, "close the connection on accept")                 \
    X(REFUSE, "refuse", false, "refuse connections to the port")               \
    X(STALL, "stall", true, "send the first `at` bytes, then nothing")         \
    X(DRIP, "drip", true, "send `bytes` bytes every `every`")                  \
    X(CUT, "cut", true, "send `at` bytes, then FIN")                           \
    X(RESET, "reset", true, "send `at` bytes, then RST")                       \
    X(STATUS, "status", false, "respond `code`, with `retry-after` if given")  \
    X(HTML, "html", false, "respond 200 with a page")                          \
    X(REDIRECT, "redirect", false, "respond 302 to the URL `to`")              \
    X(HALF_MARK, "half-mark", true, "mark half of the ids, then 500")          \
    X(JSON_TRUNCATED, "json-truncated", true, "half a document, right length") \
    X(JSON_TRAILING, "json-trailing", true, "garbage after the document")      \
    X(JSON_VERSION, "json-version", true, "an unsupported version")            \
    X(JSON_TOKEN, "json-token", true, "a token that is not a string")          \
    X(HUGE, "huge", false, "a body of `size` bytes")                           \
    X(DELAY, "delay", true, "wait `for`, then respond")                        \
    X(LENGTH, "length", true, "a Content-Length off `by` bytes")               \
    X(GARBAGE, "garbage", false, "bytes that are not HTTP")                    \
    X(HANG_UP, "hang-up", true, "respond, then close unannounced")

enum sim_fault_kind {
#define X(NAME, name, done, help) SIM_FAULT_##NAME,
    SIM_FAULT_MAP(X)
#undef X
};

enum sim_fault_on {
    SIM_FAULT_ON_ANY,
    SIM_FAULT_ON_FETCH,
    SIM_FAULT_ON_MARK,
};

enum sim_fault_done {
    SIM_FAULT_DONE_AUTO, /* the default of its kind */
    SIM_FAULT_DONE_NO,
    SIM_FAULT_DONE_YES,
};

struct sim_fault {
    uint64_t id;               /* from 1 */
    char app[SIM_NAME_SIZE];   /* fnmatch(3) pattern */
    char queue[SIM_NAME_SIZE]; /* fnmatch(3) pattern */
    int on;                    /* enum sim_fault_on */
    int kind;                  /* enum sim_fault_kind */
    int done;                  /* enum sim_fault_done */
    uint64_t times;            /* how often it strikes; 0: always */
    uint64_t skip;             /* matching requests it first lets pass */
    double probability;        /* that it strikes a matching request */
    uint64_t seed;             /* for probability */
    uint64_t at;               /* bytes of the response sent, head included */
    uint64_t bytes;            /* drip: sent at a time */
    int64_t every_ms;          /* drip: pause in between */
    uint64_t code;             /* HTTP status */
    char retry_after[64];      /* value of the header; "": none */
    char to[512];              /* redirect: target URL */
    uint64_t size;             /* huge: bytes of the body */
    int64_t for_ms;            /* delay, refuse; 0: until cleared */
    int64_t by;                /* length: added to Content-Length */
    bool drop;                 /* refuse: reset open connections too */
    int64_t start_ms;          /* when it was added */
    struct sim_random random;  /* seeded with `seed` */
    uint64_t seen_count;       /* matching requests */
    uint64_t hit_count;        /* requests it struck */
};

struct sim_faults {
    struct sim_fault *list; /* owned */
    size_t count;
    size_t capacity;
    uint64_t id_last;
};

const char *sim_fault_name(int kind);

/* Does the mark take effect although its response is spoiled? */
bool sim_fault_is_done(const struct sim_fault *fault);

/* Copies the fault and returns its id. */
uint64_t sim_faults_add(struct sim_faults *faults, struct sim_fault fault);

/* Removes one fault, or all for id 0; false if there is no such fault. */
bool sim_faults_remove(struct sim_faults *faults, uint64_t id);

/* False once the fault has been removed. */
bool sim_faults_have(const struct sim_faults *faults, uint64_t id);

/* Returns the first fault that strikes this request and counts the hit, or
 * NULL. queue may be NULL. */
const struct sim_fault *sim_faults_strike(struct sim_faults *faults,
                                          const char *app, const char *queue,
                                          enum sim_verb verb);

/* The same for an accepted connection. */
const struct sim_fault *sim_faults_strike_accept(struct sim_faults *faults,
                                                 const char *app);

#endif
