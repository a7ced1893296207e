/*
 * container_of.h - gets from an embedded struct to the struct that contains
 * it.
 */
#ifndef BASE_CONTAINER_OF_H
#define BASE_CONTAINER_OF_H

#include <stddef.h>

#define container_of(pointer, type, field) \
    ((type *)(void *)((char *)(pointer)-offsetof(type, field)))

#endif
