#include "fault.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct fault_record own_record = {.inside = CALL_COUNT};
struct fault_record *fault_record = &own_record;

static enum { OFF, MEMORY, CALL } armed;
static enum fault_call armed_call;
static unsigned armed_askers;
static unsigned long armed_nth;
static bool armed_after;
static bool is_paused;
static int report_fd = -1; /* of a whole program */

const char *fault_call_name(enum fault_call call)
{
    static const char *const names[] = {
#define CALL_NAME(result, name, ...) #name,
        CALLS(CALL_NAME)
#undef CALL_NAME
    };
    return names[call];
}

const char *fault_asker_name(enum asker asker)
{
    static const char *const names[] = {
#define ASKER_NAME(name, text) text,
        FAULT_ASKERS(ASKER_NAME)
#undef ASKER_NAME
    };
    return names[asker];
}

/* Arming */

static void counts_clear(void)
{
    for (unsigned i = 0; i < CALL_COUNT; i++) {
        atomic_store(&fault_record->call_counts[i], 0);
    }
    atomic_store(&fault_record->allocation_count, 0);
    atomic_store(&fault_record->inside, CALL_COUNT);
    atomic_store(&fault_record->failed_inside, CALL_COUNT);
    atomic_store(&fault_record->failed_asker, ASKER_COUNT);
    atomic_store(&fault_record->has_failed, false);
    fault_record->what[0] = '\0';
}

void fault_arm_memory(unsigned long nth, unsigned askers)
{
    counts_clear();
    armed_askers = askers;
    armed_nth = nth;
    armed = MEMORY;
}

void fault_arm_call(enum fault_call call, unsigned long nth, bool is_after)
{
    counts_clear();
    armed_call = call;
    armed_nth = nth;
    armed_after = is_after;
    armed = CALL;
}

bool fault_disarm(void)
{
    armed = OFF;
    return atomic_load(&fault_record->has_failed);
}

void fault_pause(void)
{
    is_paused = true;
}

void fault_resume(void)
{
    is_paused = false;
}

/* Failing */

bool fault_is_armed(void)
{
    return armed != OFF && !is_paused;
}

static char *append(char *to, const char *end, const char *text)
{
    while (*text != '\0' && to < end) {
        *to++ = *text++;
    }
    *to = '\0';
    return to;
}

/* Nothing here may allocate. */
static void tell(const char *verb, const char *name)
{
    char *what = fault_record->what;
    const char *end = what + sizeof fault_record->what - 1;
    int inside = atomic_load(&fault_record->inside);
    char *at = append(append(what, end, verb), end, name);
    if (inside != CALL_COUNT) {
        at = append(append(at, end, " in "), end,
                    fault_call_name((enum fault_call)inside));
    }
    if (report_fd >= 0 && write(report_fd, what, (size_t)(at - what)) < 0) {
        abort();
    }
    atomic_store(&fault_record->failed_inside, inside);
    atomic_store(&fault_record->has_failed, true);
}

bool fault_hits_memory(enum asker asker)
{
    if (armed != MEMORY || is_paused || asker >= ASKER_COUNT ||
        (armed_askers & (1u << asker)) == 0 ||
        atomic_fetch_add(&fault_record->allocation_count, 1) + 1 != armed_nth) {
        return false;
    }
    atomic_fetch_add(&fault_record->memory_failures[asker], 1);
    atomic_store(&fault_record->failed_asker, (int)asker);
    tell("memory for ", fault_asker_name(asker));
    return true;
}

/* Ours are made to fail in both sweeps, by name and by memory. */
static bool is_allocation(enum fault_call call)
{
    return call == CALL_malloc || call == CALL_calloc || call == CALL_realloc ||
           call == CALL_strdup || call == CALL_vasprintf;
}

enum fault_hit fault_hits_call(enum fault_call call)
{
    if (!fault_is_armed()) {
        return FAULT_NONE;
    }
    unsigned long count =
        atomic_fetch_add(&fault_record->call_counts[call], 1) + 1;
    if (is_allocation(call) && fault_hits_memory(ASKER_OURS)) {
        return FAULT_BEFORE;
    }
    if (armed != CALL || call != armed_call || count != armed_nth) {
        return FAULT_NONE;
    }
    atomic_fetch_add(&fault_record->call_failures[call], 1);
    tell("call of ", fault_call_name(call));
    return armed_after ? FAULT_AFTER : FAULT_BEFORE;
}

void fault_enter(enum fault_call call)
{
    atomic_store(&fault_record->inside, call);
}

unsigned fault_way(unsigned count)
{
    return (unsigned)(armed_nth % count);
}

/* Whole programs */

static void report_counts(void)
{
    char line[96];
    for (unsigned i = 0; i < CALL_COUNT; i++) {
        int size = snprintf(line, sizeof line, "%s %lu\n",
                            fault_call_name((enum fault_call)i),
                            atomic_load(&fault_record->call_counts[i]));
        if (write(report_fd, line, (size_t)size) != size) {
            abort();
        }
    }
    int size = snprintf(line, sizeof line, "memory %lu\n",
                        atomic_load(&fault_record->allocation_count));
    if (write(report_fd, line, (size_t)size) != size) {
        abort();
    }
}

static enum fault_call call_of(const char *name)
{
    for (unsigned i = 0; i < CALL_COUNT; i++) {
        if (strcmp(name, fault_call_name((enum fault_call)i)) == 0) {
            return (enum fault_call)i;
        }
    }
    abort();
}

void fault_arm_from_environment(void)
{
    const char *inject = getenv("HAPLO_INJECT");
    const char *report = getenv("HAPLO_INJECT_REPORT");
    char name[64] = "";
    char rest[16] = "";
    unsigned long nth = 0;
    if (inject == NULL || report == NULL) {
        return;
    }
    if (sscanf(inject, "%63[^:]:%lu:%15s", name, &nth, rest) < 2) {
        abort();
    }
    report_fd = open(report, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (report_fd < 0 || (nth == 0 && atexit(report_counts) != 0)) {
        abort();
    }
    if (strcmp(name, "memory") == 0) {
        unsigned long askers = strtoul(rest, NULL, 10);
        fault_arm_memory(nth, askers != 0 ? (unsigned)askers : ASKERS_ALL);
    } else {
        fault_arm_call(call_of(name), nth, strcmp(rest, "after") == 0);
    }
}
