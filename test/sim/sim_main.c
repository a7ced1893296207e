/*
 * sim_main.c - the command line of the simulation: many seeds, or one with its
 * trace.
 */
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "totals.h"
#include "world.h"

#define JOBS_MAX 64

struct run {
    uint64_t first;   /* seed */
    uint64_t count;   /* seeds */
    uint64_t step;    /* from seed to seed */
    bool stops;       /* at the first violation */
    FILE *trace_file; /* or NULL */
};

static struct world world;

/* An assertion of the product is a violation like any other. What the process
 * had in memory is in no state to be freed. */
static void on_abort(int signal_number)
{
    (void)signal_number;
    memset(world.processes, 0, sizeof world.processes);
    snprintf(world.violation, sizeof world.violation, "an assertion failed");
    longjmp(world.violation_jump, 1);
}

static void catch_assertions(void)
{
    struct sigaction action = {.sa_handler = on_abort, .sa_flags = SA_NODEFER};
    sigemptyset(&action.sa_mask);
    sigaction(SIGABRT, &action, NULL);
}

static void run_seeds(const struct run *run, struct totals *totals)
{
    for (uint64_t i = 0; i < run->count; i++) {
        uint64_t seed = run->first + i * run->step;
        if (world_run(&world, seed, totals, run->trace_file)) {
            continue;
        }
        printf("seed %llu, at %llu ms: %s\n", (unsigned long long)seed,
               (unsigned long long)world.now_ms, world.violation);
        fflush(stdout);
        if (run->stops) {
            break;
        }
    }
    world_free(&world);
}

static void write_totals(int descriptor, const struct totals *totals)
{
    if (write(descriptor, totals, sizeof *totals) != (ssize_t)sizeof *totals) {
        perror("sim: pipe");
        exit(2);
    }
}

/* What is left of count for one of jobs. */
static uint64_t share_of(uint64_t count, unsigned jobs, unsigned index)
{
    return count / jobs + (index < count % jobs);
}

static int start_job(const struct run *run, unsigned jobs, unsigned index)
{
    int ends[2];
    if (pipe(ends) != 0) {
        perror("sim: pipe");
        exit(2);
    }
    fflush(stdout);
    pid_t child = fork();
    if (child < 0) {
        perror("sim: fork");
        exit(2);
    }
    if (child == 0) {
        struct run own = *run;
        struct totals totals;
        totals_init(&totals);
        own.first += index;
        own.step = jobs;
        own.count = share_of(run->count, jobs, index);
        run_seeds(&own, &totals);
        write_totals(ends[1], &totals);
        exit(0);
    }
    close(ends[1]);
    return ends[0];
}

/* A child that died without its totals has found something, too. */
static void end_job(int descriptor, struct totals *totals)
{
    struct totals own;
    size_t size = 0;
    ssize_t got;
    while (size < sizeof own && (got = read(descriptor, (char *)&own + size,
                                            sizeof own - size)) > 0) {
        size += (size_t)got;
    }
    close(descriptor);
    if (size == sizeof own) {
        totals_add(totals, &own);
    } else {
        totals->violations++;
        printf("a process of the simulation died\n");
    }
}

static void run_jobs(const struct run *run, unsigned jobs,
                     struct totals *totals)
{
    int descriptors[JOBS_MAX];
    for (unsigned i = 0; i < jobs; i++) {
        descriptors[i] = start_job(run, jobs, i);
    }
    for (unsigned i = 0; i < jobs; i++) {
        end_job(descriptors[i], totals);
    }
    while (wait(NULL) > 0) {
    }
}

static const char usage[] =
    "usage: sim [--first=N] [--seeds=N] [--jobs=N] [--stop] [--situations]\n"
    "       sim --seed=N [--trace]\n";

static uint64_t number_of(const char *text)
{
    char *end;
    unsigned long long number = strtoull(text, &end, 10);
    if (text[0] == '\0' || *end != '\0') {
        fputs(usage, stderr);
        exit(2);
    }
    return number;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"first", required_argument, NULL, 'f'},
        {"seeds", required_argument, NULL, 'n'},
        {"seed", required_argument, NULL, 's'},
        {"jobs", required_argument, NULL, 'j'},
        {"trace", no_argument, NULL, 't'},
        {"stop", no_argument, NULL, 'x'},
        {"situations", no_argument, NULL, 'c'},
        {NULL, 0, NULL, 0},
    };
    struct run run = {.first = 1, .count = 10000, .step = 1};
    struct totals totals;
    uint64_t jobs = 1;
    bool is_checked = false;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'f':
            run.first = number_of(optarg);
            break;
        case 'n':
            run.count = number_of(optarg);
            break;
        case 's':
            run.first = number_of(optarg);
            run.count = 1;
            break;
        case 'j':
            jobs = number_of(optarg);
            break;
        case 't':
            run.trace_file = stdout;
            break;
        case 'x':
            run.stops = true;
            break;
        case 'c':
            is_checked = true;
            break;
        default:
            fputs(usage, stderr);
            return 2;
        }
    }
    if (jobs == 0 || jobs > JOBS_MAX || optind != argc) {
        fputs(usage, stderr);
        return 2;
    }
    totals_init(&totals);
    catch_assertions();
    if (jobs > 1) {
        run_jobs(&run, (unsigned)jobs, &totals);
    } else {
        run_seeds(&run, &totals);
    }
    bool is_seen = !is_checked || totals_check(&totals, false, stdout);
    totals_print(&totals, stdout);
    if (totals.violations > 0) {
        printf("to see it: make sim SEED=%llu TRACE=1\n",
               (unsigned long long)totals.first_violation);
    }
    return totals.violations == 0 && is_seen ? 0 : 1;
}
