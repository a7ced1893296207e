/*
 * memory.h - the memory that a simulated process has allocated. A crash frees
 * all of it; an orderly exit must leave none.
 */
#ifndef TEST_SIM_MEMORY_H
#define TEST_SIM_MEMORY_H

#include <stddef.h>

struct memory_block {
    struct memory_block *previous; /* in a ring */
    struct memory_block *next;     /* the same */
    size_t size;                   /* of what follows */
    size_t filler;                 /* keeps what follows aligned */
};

struct memory {
    struct memory_block ring; /* of all blocks; itself none */
    size_t count;             /* blocks */
};

void memory_init(struct memory *memory);

/* Frees all blocks. */
void memory_free(struct memory *memory);

/* The product allocates from there from now on. NULL: it must not. */
void memory_use(struct memory *memory);

/* These replace malloc() and its relatives in the product's objects. */
void *simulated_malloc(size_t size);
void *simulated_calloc(size_t count, size_t size);
void *simulated_realloc(void *old, size_t size);
void simulated_free(void *old);
char *simulated_strdup(const char *text);

#endif
