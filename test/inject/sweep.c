/*
 * sweep.c - sweeps all units, some at once as they mostly wait, and prints the
 * table: a line for each, in TAP.
 *
 *   test_sweep [--full | --every=N] [UNIT ...]
 *
 * --every: every call, and of the allocations every Nth. Without either, a
 * sample that is soon done: of a slow unit only every Nth point
 * (sample_stride), of others all of our own allocations, and of what else there
 * is as many points as sweep_unit.c says; and always the first call of each
 * function. UNIT is a part of a name.
 *
 *   test_sweep --point=memory:N UNIT
 *   test_sweep --point=CALL:N UNIT        (or CALL:N:after)
 *
 * runs one unit at one point in this process, for a debugger.
 */
#include "sweep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define UNITS_MAX 64
#define AT_ONCE_MAX 6

const char *sweep_build = "build";

static const struct sweep_unit *units[UNITS_MAX]; /* asked for */
static unsigned unit_count;
static struct sweep_result *results; /* in memory that is shared */

/* The table */

static bool is_fine(const struct sweep_result *result)
{
    return result->is_done &&
           result->crashes + result->hangs + result->leaks + result->wrong == 0;
}

static void row_print(unsigned number, const char *name,
                      const struct sweep_result *result)
{
    printf("%sok %u - %-18s %6lu allocations %5lu calls failed: %lu crashes, "
           "%lu hangs, %lu leaks, %lu lost; %lu by libraries\n",
           is_fine(result) ? "" : "not ", number, name, result->memory_points,
           result->points - result->memory_points, result->crashes,
           result->hangs, result->leaks, result->wrong, result->others);
}

static void result_add(struct sweep_result *sum,
                       const struct sweep_result *result)
{
    sum->is_done &= result->is_done;
    sum->points += result->points;
    sum->memory_points += result->memory_points;
    sum->crashes += result->crashes;
    sum->hangs += result->hangs;
    sum->leaks += result->leaks;
    sum->wrong += result->wrong;
    sum->others += result->others;
    for (unsigned i = 0; i < CALL_COUNT; i++) {
        sum->call_failures[i] += result->call_failures[i];
    }
    for (unsigned i = 0; i < ASKER_COUNT; i++) {
        sum->memory_failures[i] += result->memory_failures[i];
    }
}

static void askers_print(const struct sweep_result *sum)
{
    printf("# allocations failed, by who asked:");
    for (unsigned i = 0; i < ASKER_COUNT; i++) {
        printf(" %s %lu%s", fault_asker_name((enum asker)i),
               sum->memory_failures[i], i + 1 < ASKER_COUNT ? "," : "\n");
    }
}

/* How many functions were never made to fail. */
static unsigned calls_print(const struct sweep_result *sum)
{
    unsigned missed = 0;
    for (unsigned i = 0; i < CALL_COUNT; i++) {
        if (sum->call_failures[i] == 0) {
            printf("# never made to fail: %s\n",
                   fault_call_name((enum fault_call)i));
            missed++;
        }
    }
    return missed;
}

/* Returns how many are not as they should be. */
static unsigned table_print(bool is_whole)
{
    struct sweep_result sum = {.is_done = true};
    unsigned failed = 0;
    for (unsigned i = 0; i < unit_count; i++) {
        row_print(i + 1, units[i]->name, &results[i]);
        result_add(&sum, &results[i]);
        failed += !is_fine(&results[i]);
    }
    askers_print(&sum);
    if (is_whole) {
        unsigned missed = calls_print(&sum);
        printf("%sok %u - each of %d functions was made to fail\n",
               missed == 0 ? "" : "not ", unit_count + 1, CALL_COUNT);
        failed += missed != 0;
    }
    printf("# in all: %lu failure points, %lu crashes, %lu hangs, %lu leaks, "
           "%lu lost; %lu by libraries\n",
           sum.points, sum.crashes, sum.hangs, sum.leaks, sum.wrong,
           sum.others);
    printf("1..%u\n", unit_count + is_whole);
    return failed;
}

/* Running */

static pid_t unit_start(unsigned index, unsigned every)
{
    (void)fflush(NULL);
    pid_t child = fork();
    if (child < 0) {
        perror("sweep");
        exit(1);
    }
    if (child == 0) {
        sweep_unit(units[index], every, &results[index]);
        results[index].is_done = true;
        exit(0);
    }
    return child;
}

/* A full sweep takes hours, and what it has found by then is of interest. */
static void end_tell(pid_t ended, const pid_t *children)
{
    for (unsigned i = 0; i < unit_count; i++) {
        if (children[i] == ended) {
            fprintf(stderr, "# %s: ended after %lu points\n", units[i]->name,
                    results[i].points);
        }
    }
}

static void units_run(unsigned every)
{
    static pid_t children[UNITS_MAX];
    unsigned running = 0;
    for (unsigned i = 0; i < unit_count || running > 0;) {
        if (i < unit_count && running < AT_ONCE_MAX) {
            children[i] = unit_start(i, every);
            i++;
            running++;
            continue;
        }
        pid_t ended = wait(NULL);
        if (ended > 0) {
            running--;
        }
        if (every > 0) {
            end_tell(ended, children);
        }
    }
}

/* As fault_arm_from_environment() has it. */
static int point_run(const char *point)
{
    const struct sweep_unit *unit = units[0];
    if (unit_count == 0 || setenv("HAPLO_INJECT", point, 1) != 0 ||
        setenv("HAPLO_INJECT_REPORT", "/dev/stderr", 1) != 0) {
        return 1;
    }
    if (unit->set_up != NULL) {
        unit->set_up();
    }
    unit->run();
    fault_arm_from_environment();
    unit->run();
    return 0;
}

/* The command line */

static bool is_asked_for(const char *name, int argc, char **argv)
{
    bool is_any = false;
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-') {
            is_any = true;
            if (strstr(name, argv[i]) != NULL) {
                return true;
            }
        }
    }
    return !is_any;
}

static void units_find(int argc, char **argv)
{
    static const struct sweep_unit *const lists[] = {
        sweep_core_units,   sweep_http_units,    sweep_poller_units,
        sweep_inbox_units,  sweep_outlets_units, sweep_config_units,
        sweep_admin_units,  sweep_daemon_units,  sweep_retention_units,
        sweep_replay_units,
    };
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        for (const struct sweep_unit *unit = lists[i]; unit->name != NULL;
             unit++) {
            if (is_asked_for(unit->name, argc, argv) &&
                unit_count < UNITS_MAX) {
                units[unit_count++] = unit;
            }
        }
    }
}

static void build_find(const char *program)
{
    static char folder[4096];
    (void)snprintf(folder, sizeof folder, "%s", program);
    for (int i = 0; i < 2; i++) {
        char *slash = strrchr(folder, '/');
        if (slash != NULL) {
            *slash = '\0';
        }
    }
    sweep_build = folder;
}

int main(int argc, char **argv)
{
    unsigned every = 0; /* a sample */
    bool is_whole = true;
    const char *point = NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--full") == 0) {
            every = 1;
        } else if (strncmp(argv[i], "--every=", 8) == 0) {
            every = (unsigned)atoi(argv[i] + 8);
        }
        is_whole &= argv[i][0] == '-';
        if (strncmp(argv[i], "--point=", 8) == 0) {
            point = argv[i] + 8;
        }
    }
    build_find(argv[0]);
    units_find(argc, argv);
    if (point != NULL) {
        return point_run(point);
    }
    results = mmap(NULL, UNITS_MAX * sizeof *results, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (results == MAP_FAILED) {
        perror("sweep");
        return 1;
    }
    units_run(every);
    return table_print(is_whole) == 0 && unit_count > 0 ? 0 : 1;
}
