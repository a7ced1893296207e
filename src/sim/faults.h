/*
 * faults.h - what is to go wrong, for which requests, how often. Pure: it says
 * what applies, http.c and service.c do it.
 */
#ifndef SIM_FAULTS_H
#define SIM_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/path.h"
#include "sim/random.h"
#include "sim/settings.h"

/* X(NAME, "name", action is done before it, help) */
#define SIM_FAULT_MAP(X)                                                     \
    X(CLOSE, "close", false, "close the connection when it is accepted")     \
    X(REFUSE, "refuse", false, "refuse connects to the port for a while")    \
    X(STALL, "stall", true, "send the first `at` bytes, then nothing")       \
    X(DRIP, "drip", true, "send `bytes` bytes each `every`")                 \
    X(CUT, "cut", true, "send `at` bytes, then FIN")                         \
    X(RESET, "reset", true, "send `at` bytes, then RST")                     \
    X(STATUS, "status", false, "answer `code`, with `retry-after` if given") \
    X(HTML, "html", false, "answer 200 with a page")                         \
    X(REDIRECT, "redirect", false, "answer 302 to the URL `to`")             \
    X(HALF_MARK, "half-mark", true, "mark half of the ids, answer 500")      \
    X(JSON_TRUNCATED, "json-truncated", true, "whole body, half a document") \
    X(JSON_TRAILING, "json-trailing", true, "garbage after the document")    \
    X(JSON_VERSION, "json-version", true, "another version")                 \
    X(JSON_TOKEN, "json-token", true, "a token that is not a string")        \
    X(HUGE, "huge", false, "a body of `size` bytes")                         \
    X(DELAY, "delay", true, "wait `for`, then answer")                       \
    X(LENGTH, "length", true, "a Content-Length that is off `by` bytes")     \
    X(GARBAGE, "garbage", false, "bytes that are not HTTP")                  \
    X(HANG_UP, "hang-up", true, "answer, then close without a notice")

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
    SIM_FAULT_DONE_AUTO, /* as its kind has it */
    SIM_FAULT_DONE_NO,
    SIM_FAULT_DONE_YES,
};

struct sim_fault {
    uint64_t id;               /* from 1 */
    char app[SIM_NAME_SIZE];   /* pattern as of fnmatch(3) */
    char queue[SIM_NAME_SIZE]; /* the same */
    int on;                    /* enum sim_fault_on */
    int kind;                  /* enum sim_fault_kind */
    int done;                  /* enum sim_fault_done */
    uint64_t times;            /* 0: always */
    uint64_t skip;             /* matching requests let through first */
    double probability;        /* of each matching request */
    uint64_t seed;             /* of that chance */
    uint64_t at;               /* bytes of the answer, head included */
    uint64_t bytes;            /* of a drop of drip */
    int64_t every_ms;          /* between them */
    uint64_t code;             /* status */
    char retry_after[64];      /* header value; "": none */
    char to[512];              /* URL of redirect */
    uint64_t size;             /* of a huge body */
    int64_t for_ms;            /* delay; refuse: 0 is until cleared */
    int64_t by;                /* Content-Length is off by this */
    bool drop;                 /* refuse: close open connections too */
    int64_t start_ms;          /* when it was added */
    struct sim_random random;  /* of the chance */
    uint64_t seen_count;       /* matching requests */
    uint64_t hit_count;        /* it happened */
};

struct sim_faults {
    struct sim_fault *list; /* owned */
    size_t count;           /* */
    size_t capacity;        /* */
    uint64_t id_last;       /* */
};

const char *sim_fault_name(int kind);

/* Is the request's own action (a mark) done nevertheless? */
bool sim_fault_is_done(const struct sim_fault *fault);

/* Copies the fault in and returns its id. */
uint64_t sim_faults_add(struct sim_faults *faults, struct sim_fault fault);

/* Removes one, or all with id 0: false when there is no such fault. */
bool sim_faults_remove(struct sim_faults *faults, uint64_t id);

/* The first fault that strikes a request now; it is counted. queue may be
 * NULL. */
const struct sim_fault *sim_faults_strike(struct sim_faults *faults,
                                          const char *app, const char *queue,
                                          enum sim_verb verb);

/* The same for a connection that is accepted. */
const struct sim_fault *sim_faults_strike_accept(struct sim_faults *faults,
                                                 const char *app);

#endif
