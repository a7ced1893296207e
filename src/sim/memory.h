/*
 * memory.h - allocation that never fails. When memory runs out, the simulator
 * exits with a message; it has no data worth saving.
 */
#ifndef SIM_MEMORY_H
#define SIM_MEMORY_H

#include <stddef.h>

/* Allocates zeroed memory. */
void *sim_new(size_t size);

/* realloc() for an array of count elements of size bytes. */
void *sim_resize(void *memory, size_t count, size_t size);

/* Copies size bytes and appends a NUL. */
char *sim_copy(const char *bytes, size_t size);

/* Grows *memory, doubling *capacity, until it holds count elements. */
void sim_reserve(void **memory, size_t *capacity, size_t count, size_t size);

#endif
