/*
 * sweep_unit.c - sweeps one unit.
 *
 *   - It runs in a child process, from one point to the next, as long as all
 *     is well.
 *   - A child that dies has found a defect: a crash, a hang (no end within
 *     SWEEP_HANG_S) or, by an assertion of the unit, a loss or a false success.
 * It is counted, and the next child continues after that point.
 *   - Blocks that remain after a point but did not after the previous run have
 *     leaked. With the leak sanitizer, its findings count instead.
 *   - Damage that a library does to itself when out of memory is not a defect
 *     of the product. It is counted and shown: libuv aborts the process if it
 *     cannot grow its table of descriptors. For others, see is_excused().
 */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fault.h"
#include "sweep.h"

#define SAMPLE_POINTS 60
#define SAMPLE_CALLS 4
#define EXIT_WRONG 71 /* an assertion of the unit */
#define EXIT_LIBUV 72 /* libuv's abort() */
#define EXIT_GOES_ON 73
#define EXIT_LEAK 23 /* the leak sanitizer's */

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif

/* Of a coverage build; there is no other way out that would write it. */
void __gcov_dump(void) __attribute__((weak));

/* What is swept */

/* Points of one kind, one after the other. */
struct phase {
    bool is_call;         /* else memory */
    unsigned askers;      /* of memory */
    enum fault_call call; /* that fails */
    bool is_after;        /* see fault_arm_call() */
    unsigned long stride; /* from point to point */
    unsigned long last;   /* point; 0: until a run is untouched */
};

#define PHASES_MAX (2 * CALL_COUNT)

struct plan {
    const struct sweep_unit *unit;   /* to be swept */
    struct phase phases[PHASES_MAX]; /* in this order */
    unsigned count;                  /* length of phases */
};

/* What a child leaves behind, however it ends. */
struct shared {
    struct fault_record record;       /* */
    atomic_uint phase;                /* at work on */
    atomic_ulong point;               /* the same; 0: a run untouched */
    atomic_ulong points;              /* made by this child */
    atomic_ulong leaks;               /* found by it */
    atomic_ulong others;              /* the same, but see is_excused() */
    unsigned long counts[CALL_COUNT]; /* of calls in a run untouched */
    unsigned long library_count;      /* of allocations, not ours */
};

static struct shared *shared;
static bool is_full;
static bool is_child;

/* What libcurl 7.88 does to itself where it finds no memory: when a TLS session
 * is kept and its configuration cannot be copied, the session's name is freed,
 * and once more at the end. */
static bool is_excused(const struct plan *plan)
{
    int inside = atomic_load(&shared->record.failed_inside);
    return plan->unit->uses_tls && inside == CALL_curl_multi_socket_action &&
           atomic_load(&shared->record.failed_asker) == ASKER_LIBC;
}

static void verdict_print(const struct plan *plan, const char *verdict)
{
    unsigned long point = atomic_load(&shared->point);
    bool is_after = plan->phases[atomic_load(&shared->phase)].is_after;
    fprintf(stderr, "# %s: %s at point %lu: %s%s\n", plan->unit->name, verdict,
            point, point == 0 ? "a run untouched" : shared->record.what,
            point != 0 && is_after ? " after" : "");
}

/* In the child */

/* The return address shows who aborted. assert() does not get here, as glibc
 * calls its own abort(). */
__attribute__((visibility("default"), noreturn)) void abort(void)
{
    enum asker asker = fault_asker_at(__builtin_return_address(0));
    if (is_child && __gcov_dump != NULL) {
        __gcov_dump();
    }
    if (is_child && asker == ASKER_LIBUV) {
        _exit(EXIT_LIBUV);
    }
    if (is_child && asker == ASKER_SPARED) {
        _exit(EXIT_WRONG);
    }
    (void)raise(SIGABRT);
    _exit(EXIT_WRONG);
}

static bool has_leaked(long *held)
{
    long now = atomic_load(&memory_held);
    bool is_more = now > *held;
    *held = now;
#if defined(__SANITIZE_ADDRESS__)
    /* Reports only unreachable memory, so not what libraries keep for later. */
    is_more = is_full && __lsan_do_recoverable_leak_check() != 0;
#endif
    return is_more;
}

/* The sanitizer would tell of the same leak again and again: the rest is the
 * next child's. */
static void leak_note(const struct plan *plan)
{
    if (is_excused(plan)) {
        atomic_fetch_add(&shared->others, 1);
    } else {
        verdict_print(plan, "leak");
        atomic_fetch_add(&shared->leaks, 1);
    }
#if defined(__SANITIZE_ADDRESS__)
    _exit(EXIT_GOES_ON);
#endif
}

/* What is made once for a process is made in the first run, and not counted:
 * whole programs are swept elsewhere. */
static void count_run(const struct sweep_unit *unit)
{
    atomic_store(&shared->point, 0);
    (void)alarm(SWEEP_HANG_S);
    unit->run();
    fault_arm_memory(0, ASKERS_ALL & ~(1u << ASKER_OURS));
    unit->run();
    (void)fault_disarm();
    for (unsigned i = 0; i < CALL_COUNT; i++) {
        shared->counts[i] = atomic_load(&shared->record.call_counts[i]);
    }
    shared->library_count = atomic_load(&shared->record.allocation_count);
}

/* False if it was not reached. */
static bool point_try(const struct sweep_unit *unit, const struct phase *phase,
                      unsigned long point)
{
    (void)alarm(SWEEP_HANG_S);
    if (phase->is_call) {
        fault_arm_call(phase->call, point, phase->is_after);
    } else {
        fault_arm_memory(point, phase->askers);
    }
    unit->run();
    return fault_disarm();
}

static void phase_run(const struct plan *plan, const struct phase *phase,
                      unsigned long point, long *held)
{
    for (; phase->last == 0 || point <= phase->last; point += phase->stride) {
        atomic_store(&shared->point, point);
        if (!point_try(plan->unit, phase, point)) {
            break;
        }
        atomic_fetch_add(&shared->points, 1);
        if (has_leaked(held)) {
            leak_note(plan);
        }
        if (is_excused(plan)) {
            exit(EXIT_GOES_ON); /* the heap may be in disorder */
        }
    }
}

static void child_run(const struct plan *plan, unsigned phase,
                      unsigned long point)
{
    is_child = true;
    (void)setenv("CMOCKA_TEST_ABORT", "1", 1);
    count_run(plan->unit);
    long held = atomic_load(&memory_held);
    for (; phase < plan->count; phase++, point = 1) {
        atomic_store(&shared->phase, phase);
        phase_run(plan, &plan->phases[phase], point, &held);
    }
    (void)alarm(SWEEP_HANG_S);
    exit(0);
}

/* In the parent */

/* Counts what ended the child at a point. What the unit asserts is excused by
 * nothing. */
static void death_judge(const struct plan *plan, int status,
                        struct sweep_result *result)
{
    result->points++;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) {
        result->hangs++;
        verdict_print(plan, "hang");
    } else if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_WRONG) {
        result->wrong++;
        verdict_print(plan, "lost or wrong");
    } else if (atomic_load(&shared->point) != 0 &&
               (is_excused(plan) ||
                (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_LIBUV))) {
        result->others++;
    } else {
        result->crashes++;
        verdict_print(plan, "crash");
    }
}

/* True if there are points left. */
static bool child_judge(const struct plan *plan, int status,
                        struct sweep_result *result)
{
    result->points += atomic_load(&shared->points);
    result->leaks += atomic_load(&shared->leaks);
    result->others += atomic_load(&shared->others);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return false;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_LEAK &&
        !atomic_load(&shared->record.has_failed)) {
        result->leaks++; /* in any of its points */
        verdict_print(plan, "leak");
        return false;
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != EXIT_GOES_ON) {
        death_judge(plan, status, result);
    }
    return atomic_load(&shared->point) != 0;
}

static int child_wait(const struct plan *plan, unsigned phase,
                      unsigned long point)
{
    int status = 0;
    atomic_store(&shared->points, 0);
    atomic_store(&shared->leaks, 0);
    atomic_store(&shared->others, 0);
    (void)fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        child_run(plan, phase, point);
    }
    if (child < 0 || waitpid(child, &status, 0) != child) {
        perror("sweep");
        exit(1);
    }
    return status;
}

static void plan_run(const struct plan *plan, struct sweep_result *result)
{
    unsigned phase = 0;
    unsigned long point = 1;
    while (child_judge(plan, child_wait(plan, phase, point), result)) {
        phase = atomic_load(&shared->phase);
        point = atomic_load(&shared->point) + plan->phases[phase].stride;
    }
}

static const char *when_of(enum fault_call call)
{
    static const char *const whens[] = {
#define CALL_WHEN(result, name, parameters, arguments, failure, when) #when,
#define CALL_WHEN_VARIADIC(result, name, failure) "BEFORE",
        CALLS_OF_LIBUV(CALL_WHEN) CALLS_OF_LIBCURL(CALL_WHEN)
            CALLS_OF_LIBCURL_VARIADIC(CALL_WHEN_VARIADIC) CALLS_OF_OPENSSL(
                CALL_WHEN) CALLS_OF_TRE(CALL_WHEN) CALLS_OF_YAJL(CALL_WHEN)
                CALLS_OF_SQLITE(CALL_WHEN) CALLS_OF_YAML(CALL_WHEN)
                    CALLS_OF_ZLIB(CALL_WHEN) CALLS_OF_MICROHTTPD(CALL_WHEN)
                        CALLS_OF_MICROHTTPD_VARIADIC(CALL_WHEN_VARIADIC)
                            CALLS_OF_LIBC(CALL_WHEN)
                                CALLS_OF_LIBC_VARIADIC(CALL_WHEN_VARIADIC)};
    static_assert(sizeof whens / sizeof *whens == CALL_COUNT, "as in CALLS");
    return whens[call];
}

static void phase_add(struct plan *plan, const struct phase *phase)
{
    plan->phases[plan->count++] = *phase;
}

static void sweep_memory(const struct sweep_unit *unit, unsigned every,
                         unsigned long library_count,
                         struct sweep_result *result)
{
    struct plan plan = {.unit = unit};
    struct phase phase = {.askers = ASKERS_ALL, .stride = every};
    if (!is_full) {
        phase.askers = 1u << ASKER_OURS;
        phase.stride = unit->sample_stride;
        phase_add(&plan, &phase);
        phase.askers = ASKERS_ALL & ~phase.askers;
        phase.stride =
            unit->sample_stride * (1 + library_count / SAMPLE_POINTS);
    }
    phase_add(&plan, &phase);
    plan_run(&plan, result);
}

/* The first call of each function is part of every sample. */
static void sweep_calls(const struct sweep_unit *unit,
                        const unsigned long *counts,
                        struct sweep_result *result)
{
    struct plan plan = {.unit = unit};
    for (unsigned i = 0; i < CALL_COUNT; i++) {
        struct phase phase = {
            .is_call = true, .call = (enum fault_call)i, .stride = 1};
        if (!is_full) {
            phase.stride = unit->sample_stride * (1 + counts[i] / SAMPLE_CALLS);
            phase.last = counts[i];
        }
        if (counts[i] > 0 && strcmp(when_of(phase.call), "AFTER") != 0) {
            phase_add(&plan, &phase);
        }
        phase.is_after = true;
        if (counts[i] > 0 && strcmp(when_of(phase.call), "BEFORE") != 0) {
            phase_add(&plan, &phase);
        }
    }
    plan_run(&plan, result);
}

void sweep_unit(const struct sweep_unit *unit, unsigned every,
                struct sweep_result *result)
{
    static unsigned long counts[CALL_COUNT];
    const struct plan nothing = {.unit = unit};
    is_full = every > 0;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        perror("sweep");
        exit(1);
    }
    fault_record = &shared->record;
    if (unit->set_up != NULL) {
        unit->set_up();
    }
    plan_run(&nothing, result);
    if (result->points > 0) {
        return; /* it fails by itself */
    }
    memcpy(counts, shared->counts, sizeof counts);
    sweep_memory(unit, every, shared->library_count, result);
    result->memory_points = result->points;
    sweep_calls(unit, counts, result);
    for (unsigned i = 0; i < CALL_COUNT; i++) {
        result->call_failures[i] =
            atomic_load(&shared->record.call_failures[i]);
    }
    for (unsigned i = 0; i < ASKER_COUNT; i++) {
        result->memory_failures[i] =
            atomic_load(&shared->record.memory_failures[i]);
    }
}
