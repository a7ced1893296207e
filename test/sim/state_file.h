/*
 * state_file.h - the daemon's state file, and the functions of the C library
 * and of others with which the daemon maintains it: fopen(), rename(), stat(),
 * the log.
 */
#ifndef TEST_SIM_STATE_FILE_H
#define TEST_SIM_STATE_FILE_H

#include <stdbool.h>
#include <stddef.h>

struct world;

#define STATE_FILE_SIZE_MAX 4096

struct state_file {
    char text[STATE_FILE_SIZE_MAX];
    size_t size; /* of that */
    bool is_there;
};

/* Deletes the first machine's file. */
void state_file_lose(struct world *world);

#endif
