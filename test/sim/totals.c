#include "totals.h"

#include <inttypes.h>

#define KILLED_IN_LEAST 20 /* queues in each state, in 10,000 seeds */
#define EDGES 45           /* of the queue's transition table: all */
#define EDGES_OF_FEW 40    /* in some hundred seeds */

void totals_init(struct totals *totals)
{
    *totals = (struct totals){.first_violation = UINT64_MAX};
}

static unsigned larger(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

void totals_note_logins(struct totals *totals, unsigned by_runs, unsigned by_us)
{
    totals->failed_by_runs_most = larger(totals->failed_by_runs_most, by_runs);
    totals->failed_by_us_most = larger(totals->failed_by_us_most, by_us);
}

void totals_add(struct totals *totals, const struct totals *more)
{
    totals->seeds += more->seeds;
    totals->violations += more->violations;
    if (more->first_violation < totals->first_violation) {
        totals->first_violation = more->first_violation;
    }
    totals->virtual_ms += more->virtual_ms;
    totals->messages += more->messages;
    totals->unsends += more->unsends;
    totals->fetches += more->fetches;
    totals->marks += more->marks;
    totals->confirmed += more->confirmed;
    totals->stored += more->stored;
    totals->reached += more->reached;
    totals->repeats += more->repeats;
    totals_note_logins(totals, more->failed_by_runs_most,
                       more->failed_by_us_most);
    for (int i = 0; i < SITUATION_COUNT; i++) {
        totals->situations[i] += more->situations[i];
    }
    for (int i = 0; i < CRASH_COUNT; i++) {
        totals->crashes[i] += more->crashes[i];
    }
    for (int i = 0; i < TOTALS_QUEUE_STATES; i++) {
        totals->killed_in[i] += more->killed_in[i];
        for (int j = 0; j < TOTALS_QUEUE_STATES; j++) {
            totals->edges[i][j] += more->edges[i][j];
        }
    }
}

static uint64_t crashes_of(const struct totals *totals)
{
    uint64_t sum = 0;
    for (int i = 0; i < CRASH_COUNT; i++) {
        sum += totals->crashes[i];
    }
    return sum;
}

void totals_print(const struct totals *totals, FILE *file)
{
    fprintf(file,
            "%" PRIu64 " seeds, %" PRIu64 " virtual hours: %" PRIu64
            " messages, %" PRIu64 " unsends, %" PRIu64 " fetches, %" PRIu64
            " marks, %" PRIu64 " confirmed, %" PRIu64 " crashes, %" PRIu64
            " stored, %" PRIu64 " sent out, %" PRIu64 " repeats (explained), "
            "%u failed logins counted at most, %u of all\n",
            totals->seeds, totals->virtual_ms / 3600000, totals->messages,
            totals->unsends, totals->fetches, totals->marks, totals->confirmed,
            crashes_of(totals), totals->stored, totals->reached,
            totals->repeats, totals->failed_by_runs_most,
            totals->failed_by_us_most);
    fprintf(file, "%" PRIu64 " violations", totals->violations);
    if (totals->violations > 0) {
        fprintf(file, ", the first with seed %" PRIu64,
                totals->first_violation);
    }
    fprintf(file, "\n");
}

static bool check_one(uint64_t seeds, const char *text, uint64_t count,
                      uint64_t least, bool is_terse, FILE *file)
{
    uint64_t wanted = least * seeds / 10000;
    if (seeds < 10000) {
        wanted = seeds < 500 ? 0 : wanted / 2;
    }
    if (count < wanted || !is_terse) {
        fprintf(file, "%10" PRIu64 "  %s", count, text);
        if (count < wanted) {
            fprintf(file, ": too few, %" PRIu64 " expected", wanted);
        }
        fprintf(file, "\n");
    }
    return count >= wanted;
}

static uint64_t count_edges(const struct totals *totals)
{
    uint64_t count = 0;
    for (int i = 0; i < TOTALS_QUEUE_STATES; i++) {
        for (int j = 0; j < TOTALS_QUEUE_STATES; j++) {
            count += totals->edges[i][j] > 0;
        }
    }
    return count;
}

bool totals_check(const struct totals *totals, bool is_terse, FILE *file)
{
    uint64_t seeds = totals->seeds;
    bool holds = true;
#define CHECK_SITUATION(name, least, text)                                \
    holds &= check_one(seeds, text, totals->situations[SITUATION_##name], \
                       least, is_terse, file);
    SITUATION_MAP(CHECK_SITUATION)
#undef CHECK_SITUATION
#define CHECK_CRASH(name, least, text)                                        \
    holds &= check_one(seeds, "crashes " text, totals->crashes[CRASH_##name], \
                       least, is_terse, file);
    CRASH_MAP(CHECK_CRASH)
#undef CHECK_CRASH
    for (int i = 0; i < TOTALS_QUEUE_STATES; i++) {
        char text[64];
        snprintf(text, sizeof text, "queues %s at a crash",
                 haplo_queue_state_name((enum haplo_queue_state)i));
        holds &= check_one(seeds, text, totals->killed_in[i], KILLED_IN_LEAST,
                           is_terse, file);
    }
    uint64_t edges = seeds < 500 ? 0 : seeds < 5000 ? EDGES_OF_FEW : EDGES;
    holds &= check_one(10000, "edges between the states of a queue",
                       count_edges(totals), edges, is_terse, file);
    return holds;
}
