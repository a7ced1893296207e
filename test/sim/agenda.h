/*
 * agenda.h - what happens in a simulated world, and when. What happens in the
 * same millisecond happens in an order that the seed decides.
 */
#ifndef TEST_SIM_AGENDA_H
#define TEST_SIM_AGENDA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct world;

/* stamp: the caller's own, to tell what is out of date by then. */
typedef void (*agenda_cb)(struct world *world, void *subject, uint64_t stamp);

struct agenda_entry {
    uint64_t due_ms;  /* */
    uint64_t order;   /* among those of the same time */
    agenda_cb happen; /* */
    void *subject;    /* for it */
    uint64_t stamp;   /* for it */
    uint64_t life;    /* of the process that it is for; 0: for no one's */
};

/* Zeroed: empty. */
struct agenda {
    struct agenda_entry *entries; /* owned; a binary heap */
    size_t count;                 /* */
    size_t capacity;              /* */
};

/* Ends the program if there is no memory. */
void agenda_add(struct agenda *agenda, struct agenda_entry entry);

/* The first, taken out; false if there is none. */
bool agenda_take(struct agenda *agenda, struct agenda_entry *entry);

void agenda_free(struct agenda *agenda);

#endif
