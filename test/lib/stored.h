/*
 * stored.h - what an application has stored of a queue: the bytes of its state.
 */
#ifndef TEST_STORED_H
#define TEST_STORED_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "haplopoll.h"

/* A copy; zeroed: nothing. */
struct stored {
    char *data;  /* owned; NULL: nothing */
    size_t size; /* */
};

static inline struct haplo_slice stored_slice(const struct stored *stored)
{
    return (struct haplo_slice){stored->data, stored->size};
}

static inline void stored_set(struct stored *stored, struct haplo_slice state)
{
    free(stored->data);
    stored->data = malloc(state.size > 0 ? state.size : 1);
    assert(stored->data != NULL);
    if (state.size > 0) {
        memcpy(stored->data, state.data, state.size);
    }
    stored->size = state.size;
}

static inline void stored_free(struct stored *stored)
{
    free(stored->data);
    *stored = (struct stored){0};
}

#endif
