/*
 * machine.h - a machine that a process runs on: what it cannot reach, and which
 * of several stand still or start just now.
 */
#ifndef TEST_SIM_MACHINE_H
#define TEST_SIM_MACHINE_H

#include <stdbool.h>

struct world;

struct machine {
    bool is_cut_from_servers;
    bool is_cut_from_stores;
};

/* Cuts one of them off for a while, or suspends what runs on it. */
void machine_is_cut_off(struct world *world);
void machine_stands_still(struct world *world);

/* A process starts on another one, for a while, with the configuration of the
 * first. */
void machine_joins(struct world *world);

/* Nothing is wrong with any of them, from now on. */
void machine_mend_all(struct world *world);

/* The processes on other hosts than the first one end. True if none runs. */
bool machine_end_others(struct world *world);

#endif
