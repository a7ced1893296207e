/*
 * destination.h - where outlets deliver to: which messages it has received,
 * and what is wrong with it. It survives processes.
 */
#ifndef TEST_SIM_DESTINATION_H
#define TEST_SIM_DESTINATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/route.h"
#include "remote.h"

#define DESTINATIONS_MAX 3

struct store;
struct store_row;
struct world;

/* Which messages of these queues it receives. */
struct destination_rules {
    const char *id_ends;      /* digits that their ids end in */
    struct route_rules rules; /* the same for the product */
};

/* A temporary fault of a destination. */
enum malady {
    MALADY_NONE,
    MALADY_BROKEN,   /* unreachable, or the password is wrong */
    MALADY_UNOPENED, /* the outlet cannot even be opened */
    MALADY_FUSSY,    /* refuses every message as invalid */
    MALADY_BUSY,     /* asks to try again later */
    MALADY_COUNT
};

struct destination {
    struct world *world;
    unsigned index;      /* in the world */
    char name[12];       /* "o1" */
    struct store *store; /* from whose inbox it is fed */
    enum malady malady;
    bool is_slow;
    bool has_dead_letters;                 /* refused messages become such */
    unsigned pattern_count;                /* 0: all queues */
    const char *patterns[2];               /* "a/q1" or "*" with a part */
    const struct destination_rules *rules; /* NULL: all messages */
    unsigned in_flight_max;                /* parcels */
    size_t read_ahead_bytes_max;
    uint64_t backoff_max_ms;
    unsigned breaker_failures;
    unsigned breaker_refusals;
    uint64_t refused_count; /* refusals that a process has learned of */
    uint64_t proven_to;     /* the greatest of these after which a message was
                               sent that is known to be accepted */
    bool has_unsaved_end;   /* its last save failed */
    bool has_closed;        /* its progress is loaded again, if it goes on */
    unsigned config_number; /* version of its options */
    uint64_t life;          /* of the outlet that was opened last */
};

/* What happened to one stored message at one destination. */
struct reach {
    uint64_t life;       /* of the outlet that it came from last */
    uint64_t refused_at; /* refused_count when it was refused first */
    uint8_t received_count;
    bool is_told;      /* to the process that sent it */
    bool was_told;     /* the same, of any that sent it before */
    bool is_refused;   /* and never taken since */
    bool is_skipped;   /* an operator said so */
    bool is_sentenced; /* an operator made it a dead letter */
    bool is_buried;    /* the process says so */
    bool is_deferred;  /* as the inbox has it */
    bool is_dead;      /* the same */
    bool is_excused;   /* it may come again */
};

/* Draws the seed's destinations. */
void destinations_draw(struct world *world);

/* True if it receives the messages of that queue. */
bool destination_wants(const struct destination *destination,
                       const struct remote_queue *queue);

/* True if it receives that message: of such a queue, and as its rules say. */
bool destination_wants_row(const struct destination *destination,
                           const struct store_row *row);

/* True if it never accepts that message. */
bool destination_is_poisoned(const struct destination *destination,
                             const struct store_row *row);

/* Gives a destination a fault for a while, or until it is healed. */
void destination_falls_ill(struct world *world);
void destination_heal(struct destination *destination);

#endif
