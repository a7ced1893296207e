#include "sim/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *memory_check(void *memory)
{
    if (memory == NULL) {
        fputs("haplo-sim: out of memory\n", stderr);
        exit(1);
    }
    return memory;
}

void *sim_new(size_t size)
{
    return memory_check(calloc(1, size));
}

void *sim_resize(void *memory, size_t count, size_t size)
{
    return memory_check(reallocarray(memory, count == 0 ? 1 : count, size));
}

char *sim_copy(const char *bytes, size_t size)
{
    char *copy = sim_resize(NULL, size + 1, 1);
    if (size > 0) {
        memcpy(copy, bytes, size);
    }
    copy[size] = '\0';
    return copy;
}

void sim_reserve(void **memory, size_t *capacity, size_t count, size_t size)
{
    if (count <= *capacity) {
        return;
    }
    size_t wanted = *capacity == 0 ? 8 : *capacity;
    while (wanted < count) {
        wanted *= 2;
    }
    *memory = sim_resize(*memory, wanted, size);
    *capacity = wanted;
}
