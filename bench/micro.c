/*
 * micro.c - measures single parts of the product:
 *
 *     micro NAME COUNT FOLDER
 *
 * Runs a part COUNT times after a warm-up, and prints the number of operations
 * and the nanoseconds per operation. Under callgrind with --instr-atstart=no,
 * only these operations are counted, and their instruction counts are the same
 * in every run. FOLDER contains body.json; inboxes are created in it.
 */
#include "micro.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <valgrind/callgrind.h>

const char *micro_folder;

static double started_ns;

_Noreturn void micro_fail(const char *what)
{
    (void)fprintf(stderr, "micro: %s\n", what);
    exit(1);
}

static double now_ns(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) {
        micro_fail("cannot read the clock");
    }
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

void micro_begin(void)
{
    CALLGRIND_START_INSTRUMENTATION;
    started_ns = now_ns();
}

void micro_end(uint64_t operations)
{
    double ns = now_ns() - started_ns;
    CALLGRIND_STOP_INSTRUMENTATION;
    printf("{\"operations\": %llu, \"ns\": %.1f}\n",
           (unsigned long long)operations, ns / (double)operations);
}

static const struct {
    const char *name;               /* as given on the command line */
    void (*run_cb)(uint64_t count); /* runs the part count times */
} parts[] = {
    {"parse-fetch", micro_parse_fetch},
    {"parse-mark", micro_parse_mark},
    {"queue-step", micro_queue_step},
    {"scheduler-1k", micro_scheduler_1k},
    {"scheduler-100k", micro_scheduler_100k},
    {"scheduler-1m", micro_scheduler_1m},
    {"inbox-message", micro_inbox_message},
    {"inbox-confirm", micro_inbox_confirm},
    {"route-type", micro_route_type},
    {"route-workflow", micro_route_workflow},
    {"route-whole", micro_route_whole},
};

int main(int argc, char **argv)
{
    if (argc != 4) {
        micro_fail("arguments: NAME COUNT FOLDER");
    }
    micro_folder = argv[3];
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (strcmp(parts[i].name, argv[1]) == 0) {
            parts[i].run_cb(strtoull(argv[2], NULL, 10));
            return 0;
        }
    }
    micro_fail("unknown part");
}
