#include "sim/faults.h"

#include <fnmatch.h>
#include <string.h>

#include "sim/memory.h"

struct kind {
    const char *name; /* in scripts */
    bool done;        /* the mark takes effect by default */
};

static const struct kind kinds[] = {
#define X(NAME, name, done, help) {name, done},
    SIM_FAULT_MAP(X)
#undef X
};

const char *sim_fault_name(int kind)
{
    return kinds[kind].name;
}

bool sim_fault_is_done(const struct sim_fault *fault)
{
    if (fault->done == SIM_FAULT_DONE_AUTO) {
        return kinds[fault->kind].done;
    }
    return fault->done == SIM_FAULT_DONE_YES;
}

uint64_t sim_faults_add(struct sim_faults *faults, struct sim_fault fault)
{
    sim_reserve((void **)&faults->list, &faults->capacity, faults->count + 1,
                sizeof *faults->list);
    fault.id = ++faults->id_last;
    fault.random.state = fault.seed;
    faults->list[faults->count++] = fault;
    return fault.id;
}

bool sim_faults_remove(struct sim_faults *faults, uint64_t id)
{
    if (id == 0) {
        faults->count = 0;
        return true;
    }
    for (size_t i = 0; i < faults->count; i++) {
        if (faults->list[i].id == id) {
            memmove(&faults->list[i], &faults->list[i + 1],
                    (faults->count - i - 1) * sizeof *faults->list);
            faults->count--;
            return true;
        }
    }
    return false;
}

bool sim_faults_have(const struct sim_faults *faults, uint64_t id)
{
    for (size_t i = 0; i < faults->count; i++) {
        if (faults->list[i].id == id) {
            return true;
        }
    }
    return false;
}

static bool fault_strikes(struct sim_fault *fault)
{
    if (fault->times > 0 && fault->hit_count >= fault->times) {
        return false;
    }
    if (++fault->seen_count <= fault->skip) {
        return false;
    }
    if (fault->probability < 1 &&
        sim_random_unit(&fault->random) >= fault->probability) {
        return false;
    }
    fault->hit_count++;
    return true;
}

static bool fault_fits(const struct sim_fault *fault, const char *app,
                       const char *queue, enum sim_verb verb)
{
    if (fault->kind == SIM_FAULT_CLOSE || fault->kind == SIM_FAULT_REFUSE) {
        return false;
    }
    if ((fault->on == SIM_FAULT_ON_FETCH && verb != SIM_VERB_FETCH) ||
        (fault->on == SIM_FAULT_ON_MARK && verb != SIM_VERB_MARK)) {
        return false;
    }
    if (fault->kind == SIM_FAULT_HALF_MARK && verb != SIM_VERB_MARK) {
        return false;
    }
    return fnmatch(fault->app, app, 0) == 0 &&
           fnmatch(fault->queue, queue == NULL ? "" : queue, 0) == 0;
}

const struct sim_fault *sim_faults_strike(struct sim_faults *faults,
                                          const char *app, const char *queue,
                                          enum sim_verb verb)
{
    for (size_t i = 0; i < faults->count; i++) {
        struct sim_fault *fault = &faults->list[i];
        if (fault_fits(fault, app, queue, verb) && fault_strikes(fault)) {
            return fault;
        }
    }
    return NULL;
}

const struct sim_fault *sim_faults_strike_accept(struct sim_faults *faults,
                                                 const char *app)
{
    for (size_t i = 0; i < faults->count; i++) {
        struct sim_fault *fault = &faults->list[i];
        if (fault->kind == SIM_FAULT_CLOSE &&
            fnmatch(fault->app, app, 0) == 0 && fault_strikes(fault)) {
            return fault;
        }
    }
    return NULL;
}
