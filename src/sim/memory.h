/*
 * memory.h - allocation that never fails: the simulator stops with a message
 * when memory runs out, as it has no data worth saving.
 */
#ifndef SIM_MEMORY_H
#define SIM_MEMORY_H

#include <stddef.h>

/* Zeroed memory. */
void *sim_new(size_t size);

/* realloc() for an array of count elements. */
void *sim_resize(void *memory, size_t count, size_t size);

/* A NUL-terminated copy of size bytes. */
char *sim_copy(const char *bytes, size_t size);

/* Grows *memory, doubling *capacity, until it holds count elements. */
void sim_reserve(void **memory, size_t *capacity, size_t count, size_t size);

#endif
