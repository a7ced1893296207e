/*
 * scheduler_sim.h - a scheduler with servers, queues and an application that
 * are simulated in virtual time: a driver carries out what the scheduler says
 * and answers from scripts. For golden traces and randomised runs.
 */
#ifndef TEST_SCHEDULER_SIM_H
#define TEST_SCHEDULER_SIM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/scheduler.h"
#include "trace.h"

#define SIM_SERVERS 12
#define SIM_QUEUES 128 /* of all servers */
#define SIM_SCRIPT 32
#define SIM_LATENCY_MS 100
#define BATCH 16
#define MINUTE_MS 60000

enum sim_token { TOKEN_NONE, TOKEN_DELIVERED, TOKEN_ACCEPTED };

struct sim_server {
    struct server core;
    char name[16];
    struct sim_server *actual;   /* the first one at its site: it counts */
    unsigned in_flight_most;     /* that were ever seen at once */
    unsigned unproven_in_flight; /* begun with a key that was not proven */
    unsigned requests;           /* begun */
    unsigned failed_logins;      /* as the server counts them */
    unsigned failed_logins_most; /* that it ever counted */
    uint64_t failed_login_ms;    /* the newest */
    uint64_t throttled_ms;       /* the newest answer that said so */
    bool was_throttled;          /* */
};

struct sim_queue {
    struct queue core;
    struct queue_policy policy; /* of core */
    char name[32];
    struct sim_server *server;
    unsigned unread;         /* messages on the server */
    bool has_wrong_key;      /* every request is refused */
    bool keeps_batch;        /* the application answers later */
    int script[SIM_SCRIPT];  /* what the next requests come to; 0: all
                                right */
    size_t script_size;      /* */
    size_t script_position;  /* */
    uint64_t done_ms;        /* in flight: when the answer comes */
    bool was_proven;         /* in flight: as it began */
    bool is_added;           /* */
    enum sim_token token;    /* what became of its batch */
    unsigned posts;          /* of that token */
    uint64_t posted_ms;      /* first */
    unsigned confirmed;      /* batches, to the application */
    size_t held_bytes;       /* */
    unsigned fetches, marks; /* begun */
    unsigned deliveries;     /* to the application */
};

struct sim {
    struct scheduler scheduler;
    struct random random;
    uint64_t now_ms;
    struct trace trace;
    bool is_tracing;
    unsigned in_flight_most;
    struct sim_server servers[SIM_SERVERS];
    size_t server_count;
    struct sim_queue queues[SIM_QUEUES];
    size_t queue_count;
};

/* The seed of a randomised run, which a failing check reports. */
extern uint64_t run_seed;

void run_failed(const char *what, int line);

#define CHECK(condition)                      \
    do {                                      \
        if (!(condition)) {                   \
            run_failed(#condition, __LINE__); \
        }                                     \
    } while (0)

extern const struct queue_policy plain_policy;

struct sim *sim_new(unsigned in_flight_max, size_t held_bytes_max,
                    uint64_t seed);

/* The usual: no bound but the servers' own. */
struct sim *sim_new_plain(void);

void sim_free(struct sim *sim);

/* Servers are named a, b, c ..., and are all different. failed_logins: of an
 * earlier process, just now. */
struct sim_server *sim_add_server_after(struct sim *sim, unsigned in_flight_max,
                                        unsigned failed_logins);

/* The same actual server as that other one. */
struct sim_server *sim_add_alias(struct sim *sim, struct sim_server *other,
                                 unsigned in_flight_max);

struct sim_server *sim_add_server(struct sim *sim, unsigned in_flight_max);

void queue_add(struct sim *sim, struct sim_queue *queue,
               const struct queue_policy *policy, uint64_t due_ms);

/* A queue with unread messages, due at due_ms. */
struct sim_queue *sim_add_queue(struct sim *sim, struct sim_server *server,
                                const char *name, unsigned unread,
                                uint64_t due_ms);

/* The queue's next request comes to this. */
void script(struct sim_queue *queue, int error);

void script_times(struct sim_queue *queue, int error, unsigned times);

void sim_say(struct sim *sim, struct sim_queue *queue,
             enum queue_event_kind kind);

void forget_request(struct sim *sim, struct sim_queue *queue, int error);

/* What the application and the poller do about a step. */
void sim_step(struct sim *sim, struct sim_queue *queue,
              struct queue_event event);

/* The server's side of logins: it forgets 300 s after the last failure. */
void server_counts_login(const struct sim *sim, struct sim_server *server,
                         int error);

/* The request in flight comes to this. */
void sim_answer(struct sim *sim, struct sim_queue *queue, int error);

/* Deals with all that is due or may start now. */
void sim_pump(struct sim *sim);

/* Runs until all that happens up to until_ms has happened. */
void sim_run(struct sim *sim, uint64_t until_ms);

void assert_trace(struct sim *sim, const char *expected);

void assert_state(const struct sim_queue *queue, enum haplo_queue_state state);

void assert_server_state(const struct sim_server *server,
                         enum haplo_server_state state);

void sim_remove_queue(struct sim *sim, struct sim_queue *queue);

#endif
