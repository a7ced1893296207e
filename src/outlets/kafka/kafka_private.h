/*
 * kafka_private.h - what the parts of kafka.c share: the outlet and its
 * flights.
 */
#ifndef OUTLETS_KAFKA_PRIVATE_H
#define OUTLETS_KAFKA_PRIVATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "outlets/flight.h"
#include "outlets/kafka/kafka.h"
#include "outlets/kafka/kafka_producer.h"

/*
 *           a parcel            created
 *   IDLE ------------> OPENING ----------> READY
 *    ^ ^                  |                  |  failed, too late, closing...
 *    | +------------------+                  v
 *    |      not created                    ENDING: no more messages; those on
 *    |                                       |     their way may still arrive
 *    +------------- DISCARDING <-------------+
 *        freed                  all reported, or GRACE_MS later
 */
enum kafka_state {
    KAFKA_IDLE,      /* no producer */
    KAFKA_OPENING,   /* the worker creates one */
    KAFKA_READY,     /* it is in use */
    KAFKA_ENDING,    /* it is not given any more */
    KAFKA_DISCARDING /* the worker frees it */
};

/* What a delivery report leads back to. */
struct kafka_ticket {
    struct kafka_flight *flight; /* of the message */
    size_t index;                /* of the message in the parcel */
};

/* A parcel on its way. */
struct kafka_flight {
    struct flight state;            /* what became of its messages */
    struct kafka *kafka;            /* whose */
    uint64_t deadline_ms;           /* when all reports are due; 0: not sent */
    TAILQ_ENTRY(kafka_flight) link; /* in pending or sent */
    struct kafka_ticket tickets[];  /* of its messages */
};

TAILQ_HEAD(kafka_flights, kafka_flight);

struct kafka {
    struct outlet base;                  /* must be first */
    const struct kafka_options *options; /* borrowed */
    const char *inbox_uuid;              /* borrowed */
    uv_poll_t poll;                      /* watches the descriptor */
    uv_timer_t timer;                    /* looks at deadlines */
    unsigned handle_count;               /* handles that are not closed yet */
    int descriptor;               /* an eventfd: something has happened */
    struct kafka_flights pending; /* not sent as a whole */
    struct kafka_flights sent;    /* waiting for reports; oldest first */
    size_t flight_count;          /* parcels outstanding */
    bool is_closing;              /* between close and closed_cb */
    bool is_ended;                /* and the worker is being closed */
    outlet_closed_cb closed_cb;   /* of kafka_close() */
    void *closed_data;            /* for closed_cb */
    /* The producer: */
    enum kafka_state state;          /* see above */
    struct kafka_producer *producer; /* from READY on; NULL: none */
    struct worker worker;            /* the thread that creates and frees it */
    struct worker_job job;           /* creates or frees it */
    atomic_bool is_ending;           /* is_closing, for the worker */
    struct reason job_why;           /* why it was not created */
    uint64_t grace_end_ms;           /* when ENDING ends at the latest */
    enum outlet_verdict end_verdict; /* of what is not reported by then */
    struct reason end_why;           /* the same */
    bool is_unreachable;             /* no broker can be reached */
    struct reason trouble;           /* why */
    bool wants_single;               /* one message per request, at the next */
    uint64_t single_end_ms;          /* until then */
};

/* Flights: kafka_flight.c */

/* NULL if memory runs out. Borrows parcel. */
struct kafka_flight *kafka_flight_new(struct kafka *kafka,
                                      struct outlet_parcel *parcel);

/* Sends what can be sent of a flight. Returns false if there is no more room
 * for now. */
bool kafka_flight_send(struct kafka_flight *flight);

/* Completes a flight that is over, and frees it. */
void kafka_flight_complete(struct kafka_flight *flight);

/* The same for one that is not; what is not reported gets this verdict. */
void kafka_flight_give_up(struct kafka_flight *flight,
                          enum outlet_verdict verdict, const char *why);

/* The producer of an outlet: kafka_state.c */

/* Does what is to be done now. Flights may be completed. */
void kafka_step(struct kafka *kafka);

/* Begins to end the producer, if it is in use. */
void kafka_end(struct kafka *kafka, enum outlet_verdict verdict,
               const char *why);

/* Handles and parcels: kafka.c */

/* Passes a parcel back, with what is set in it. */
void kafka_parcel_complete(struct kafka *kafka, struct outlet_parcel *parcel);

/* Continues closing, if nothing is outstanding. */
void kafka_close_if_idle(struct kafka *kafka);

#endif
