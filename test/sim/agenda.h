/*
 * agenda.h - what happens in a simulated world, and when. Events of the same
 * millisecond happen in an order that the seed decides.
 */
#ifndef TEST_SIM_AGENDA_H
#define TEST_SIM_AGENDA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct world;

/* stamp: chosen by the caller, to recognise entries that are outdated. */
typedef void (*agenda_cb)(struct world *world, void *subject, uint64_t stamp);

struct agenda_entry {
    uint64_t due_ms;
    uint64_t order; /* among those of the same time */
    agenda_cb happen;
    void *subject;   /* for it */
    uint64_t stamp;  /* for it */
    uint64_t life;   /* of the process that it is for; 0: for no one's */
    bool is_outside; /* of what it has sent: happens also if it stands still */
};

/* Zeroed: empty. */
struct agenda {
    struct agenda_entry *entries; /* owned; a binary heap */
    size_t count;
    size_t capacity;
};

/* Ends the program if out of memory. */
void agenda_add(struct agenda *agenda, struct agenda_entry entry);

/* Removes the first entry; false if there is none. */
bool agenda_take(struct agenda *agenda, struct agenda_entry *entry);

void agenda_free(struct agenda *agenda);

#endif
