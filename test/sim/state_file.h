/*
 * state_file.h - the one file that the daemon itself keeps, and what it asks of
 * the C library and of others for that: fopen(), rename(), stat(), the log.
 */
#ifndef TEST_SIM_STATE_FILE_H
#define TEST_SIM_STATE_FILE_H

#include <stdbool.h>
#include <stddef.h>

struct world;

#define STATE_FILE_SIZE_MAX 4096

struct state_file {
    char text[STATE_FILE_SIZE_MAX]; /* */
    size_t size;                    /* of that */
    bool is_there;                  /* */
};

/* The first machine's is gone. */
void state_file_lose(struct world *world);

#endif
