/*
 * nats_private.h - what the parts of nats.c share: the outlet and its flights.
 * nats.c and nats_flight.c run on the loop, nats_sender.c on other threads.
 */
#ifndef OUTLETS_NATS_PRIVATE_H
#define OUTLETS_NATS_PRIVATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "outlets/flight.h"
#include "outlets/nats/nats.h"
#include "outlets/nats/nats_connection.h"

struct nats;

/* A parcel on its way. Fields are guarded by the mutex of the outlet, except
 * those that only one thread uses. */
struct nats_flight {
    struct nats *nats;          /* whose */
    struct flight state;        /* what became of its messages */
    uint64_t slot;              /* where it is among the slots */
    uint64_t serial;            /* unique in the outlet */
    uint64_t connection_serial; /* of its connection; 0: none */
    uint64_t submitted_at_ns;   /* for the worker: when it was submitted */
    uint64_t deadline_ms; /* for the loop: when acknowledgements are due */
    bool is_waiting;      /* for the loop: listed in waiting */
    TAILQ_ENTRY(nats_flight) link; /* in waiting */
};

TAILQ_HEAD(nats_flights, nats_flight);

struct nats {
    struct outlet base;                 /* must be first */
    const struct nats_options *options; /* borrowed */
    const char *inbox_uuid;             /* borrowed */
    struct worker worker;               /* the thread that publishes */
    struct worker_job closing;          /* closes the connection */
    uv_async_t async;                   /* has_news has been set */
    uv_timer_t timer;                   /* looks at deadlines */
    struct nats_flights waiting;        /* published; oldest first */
    size_t flight_count;                /* parcels outstanding */
    uint64_t serial_last;               /* of flights */
    bool is_closing;                    /* between close and closed_cb */
    outlet_closed_cb closed_cb;         /* of nats_close() */
    void *closed_data;                  /* for closed_cb */
    unsigned handle_count;              /* handles that are not closed yet */
    atomic_bool is_ending;              /* is_closing, for the worker */
    atomic_bool is_doubtful;            /* the connection did not respond */
    uv_mutex_t mutex;                   /* guards the following */
    struct nats_flight **slots;         /* owned; flights by slot, or NULL */
    uint64_t slot_count;                /* allocated */
    uint64_t ended_serial;              /* of the last connection that ended */
    /* Used on the worker's thread: */
    struct nats_connection *connection;       /* NULL: none */
    struct nats_connection_listener listener; /* for the connection */
    struct nats_place place;                  /* which one it is, and to whom */
    uint64_t failed_at_ns;    /* last failed attempt to connect */
    struct reason failed_why; /* of that attempt */
};

/* Flights on the loop: nats_flight.c */

/* NULL if memory runs out. Borrows parcel. */
struct nats_flight *nats_flight_new(struct nats *nats,
                                    struct outlet_parcel *parcel);

/* The job of a flight, job->data, has been done: it is completed, or waits. */
void nats_flight_published(struct worker_job *job);

/* Completes those that are over, or have waited too long. */
void nats_flights_look(struct nats *nats);

/* Passes a parcel back, with what is set in it: nats.c */
void nats_parcel_complete(struct nats *nats, struct outlet_parcel *parcel);

/* Other threads: nats_sender.c */

/* Jobs of the worker: publishes a flight, job->data; closes the connection of
 * an outlet, job->data. */
void nats_send(struct worker_job *job);
void nats_hang_up(struct worker_job *job);

extern const struct nats_connection_listener nats_sender_listener;

#endif
