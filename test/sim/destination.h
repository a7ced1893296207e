/*
 * destination.h - where outlets deliver to: what it has received, of which
 * messages, and what is wrong with it. It outlasts processes.
 */
#ifndef TEST_SIM_DESTINATION_H
#define TEST_SIM_DESTINATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "remote.h"

#define DESTINATIONS_MAX 3

struct store;
struct store_row;
struct world;

/* What a destination suffers from for a while. */
enum malady {
    MALADY_NONE,
    MALADY_BROKEN,   /* it is gone, or the password is wrong */
    MALADY_UNOPENED, /* the outlet cannot even be opened */
    MALADY_FUSSY,    /* refuses whatever comes, as if that were bad data */
    MALADY_BUSY,     /* asks for another try, and when */
    MALADY_COUNT
};

struct destination {
    struct world *world;         /* */
    unsigned index;              /* in the world */
    char name[12];               /* "o1" */
    struct store *store;         /* from whose inbox it is fed */
    enum malady malady;          /* */
    bool is_slow;                /* */
    bool has_dead_letters;       /* refused messages become such */
    unsigned pattern_count;      /* 0: all queues */
    const char *patterns[2];     /* "a/q1" or "*" with a part */
    unsigned in_flight_max;      /* parcels */
    size_t read_ahead_bytes_max; /* */
    uint64_t backoff_max_ms;     /* */
    unsigned breaker_failures;   /* */
    unsigned breaker_refusals;   /* */
    uint64_t accepted_count;     /* messages */
    bool has_unsaved_end;        /* the newest try to save it failed */
};

/* What of one stored message has become of it at one destination. */
struct reach {
    uint64_t life;                /* of the process that it came from last */
    uint64_t accepted_at_refusal; /* how many the destination had taken, when
                                     it refused it first */
    uint8_t received_count;       /* */
    bool is_told;                 /* to the process that sent it */
    bool is_refused;              /* and never taken since */
    bool is_skipped;              /* an operator said so */
    bool is_sentenced;            /* an operator made it a dead letter */
    bool is_buried;               /* the process says so */
    bool is_deferred;             /* as the inbox has it */
    bool is_dead;                 /* the same */
    bool is_excused;              /* it may come again */
};

/* Draws what the seed has. */
void destinations_draw(struct world *world);

/* True if it is fed from that queue. */
bool destination_wants(const struct destination *destination,
                       const struct remote_queue *queue);

/* True if it never takes that message. */
bool destination_is_poisoned(const struct destination *destination,
                             const struct store_row *row);

/* For a while, or until it is healed. */
void destination_falls_ill(struct world *world);
void destination_heal(struct destination *destination);

#endif
