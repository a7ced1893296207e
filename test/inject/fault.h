/*
 * fault.h - makes one thing fail in this process: the Nth allocation by anyone,
 * or the Nth call of a function by the product.
 *
 * memory.c is this process's malloc(); calls.c is between the product and the
 * functions of calls.h. Both ask here whether to fail.
 */
#ifndef INJECT_FAULT_H
#define INJECT_FAULT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "calls.h"

enum fault_call {
#define FAULT_CALL_ENUM(result, name, ...) CALL_##name,
    CALLS(FAULT_CALL_ENUM)
#undef FAULT_CALL_ENUM
        CALL_COUNT
};

/* Who asks for memory. X(name, text). The loader is spared: it ends the
 * process when it finds none, and says so. So is what belongs to the test. */
#define FAULT_ASKERS(X)   \
    X(OURS, "haplo-poll") \
    X(LIBUV, "libuv")     \
    X(LIBCURL, "libcurl") \
    X(YAJL, "yajl")       \
    X(TRE, "TRE")         \
    X(SQLITE, "SQLite")   \
    X(YAML, "libyaml")    \
    X(OPENSSL, "OpenSSL") \
    X(LIBC, "libc")       \
    X(OTHER, "others")

enum asker {
#define FAULT_ASKER_ENUM(name, text) ASKER_##name,
    FAULT_ASKERS(FAULT_ASKER_ENUM)
#undef FAULT_ASKER_ENUM
        ASKER_COUNT,
    ASKER_SPARED
};

#define ASKERS_ALL ((1u << ASKER_COUNT) - 1)

/* What was observed. It may be in shared memory, so that another process can
 * read it after this one died. */
struct fault_record {
    atomic_ulong call_counts[CALL_COUNT];      /* since armed */
    atomic_ulong allocation_count;             /* the same, of those asked */
    atomic_ulong call_failures[CALL_COUNT];    /* made, in all */
    atomic_ulong memory_failures[ASKER_COUNT]; /* the same */
    atomic_int inside;        /* enum fault_call that is under way;
                                 CALL_COUNT: none */
    atomic_int failed_inside; /* the same, at the failure */
    atomic_int failed_asker;  /* enum asker, of memory */
    atomic_bool has_failed;   /* since armed */
    char what[64];            /* has failed */
};

extern struct fault_record *fault_record;

/* Blocks that are allocated now. */
extern atomic_long memory_held;

const char *fault_call_name(enum fault_call call);
const char *fault_asker_name(enum asker asker);

/* From now on, allocation number nth by one of the askers (a set of bits)
 * fails; 0: none, but they are counted. */
void fault_arm_memory(unsigned long nth, unsigned askers);

/* From now on, call number nth fails: it is not made or, with is_after, its
 * success is denied. */
void fault_arm_call(enum fault_call call, unsigned long nth, bool is_after);

/* True if it has failed. Nothing fails any more. */
bool fault_disarm(void);

/* In between, what is done is the test's. */
void fault_pause(void);
void fault_resume(void);

/* Who the code at this address belongs to; ASKER_SPARED also if unknown. */
enum asker fault_asker_at(const void *address);

/* For memory.c and calls.c. */
bool fault_hits_memory(enum asker asker);
bool fault_is_armed(void);

enum fault_hit { FAULT_NONE, FAULT_BEFORE, FAULT_AFTER };
enum fault_hit fault_hits_call(enum fault_call call);

/* The real call begins; CALL_COUNT: it has ended. */
void fault_enter(enum fault_call call);

/* One of several ways to fail: changes with nth. */
unsigned fault_way(unsigned count);

/* The environment says what fails, for whole programs: HAPLO_INJECT is
 * "memory:N", "memory:N:ASKERS", "CALL:N" or "CALL:N:after", N 0: none.
 * HAPLO_INJECT_REPORT is the file to which failures and final counts are
 * written. */
void fault_arm_from_environment(void);

#endif
