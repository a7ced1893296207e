/*
 * app.h - one Haplo application: its queues, keys and message ids. Pure.
 */
#ifndef SIM_APP_H
#define SIM_APP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/auth.h"
#include "sim/message.h"
#include "sim/queue.h"
#include "sim/random.h"
#include "sim/settings.h"
#include "sim/table.h"

struct sim_listener;
struct sim_turn;

struct sim_app {
    char name[SIM_NAME_SIZE];      /* */
    struct sim_settings settings;  /* */
    struct sim_app *server;        /* whose port it is on; often itself */
    struct sim_queue **queues;     /* owned */
    size_t queue_count;            /* */
    size_t queue_capacity;         /* */
    struct sim_table queue_table;  /* by name */
    struct sim_message **messages; /* borrowed; the one of id N at N - 1 */
    size_t message_count;          /* */
    size_t message_capacity;       /* */
    struct sim_key **keys;         /* owned */
    size_t key_count;              /* */
    size_t key_capacity;           /* */
    struct sim_key *wide_key;      /* borrowed; valid for any path */
    struct sim_table key_table;    /* by text */
    struct sim_throttle throttle;  /* when it is a server */
    struct sim_random random;      /* cookies, latency */
    uint64_t request_count;        /* */
    uint64_t login_failed_count;   /* counted failures */
    uint64_t throttled_count;      /* requests refused as throttled */
    uint64_t session_count;        /* cookies set: refused POSTs */

    /* The running server keeps these. */
    struct sim_listener *listener; /* NULL: not opened yet */
    bool failed; /* its port cannot be opened; not tried again */
    struct sim_listener *redirect_listener; /* plain, with http-redirect */
    char url[384];                          /* https://localhost:4711 */
    char http_url[384];                     /* of the redirect listener */
    uint64_t running_count;                 /* requests being worked on */
    uint64_t running_peak;                  /* the most at a time */
    uint64_t waiting_count;                 /* requests in the fair queue */
    uint64_t waiting_peak;                  /* */
    struct sim_turn *waiting_first;         /* that queue */
    struct sim_turn *waiting_last;          /* */
};

struct sim_app *sim_app_new(const char *name,
                            const struct sim_settings *settings);

void sim_app_free(struct sim_app *app);

struct sim_queue *sim_app_find_queue(const struct sim_app *app,
                                     const char *name, size_t size);

/* Makes a queue with its key, edge messages and generated ones. */
struct sim_queue *sim_app_add_queue(struct sim_app *app, const char *name,
                                    const struct sim_settings *settings);

/* Adds a message with the next id. NULL or the message; the data must be one
 * valid JSON value. date_s below 0: the queue's next date. */
struct sim_message *sim_app_add_message(struct sim_app *app,
                                        struct sim_queue *queue, int64_t date_s,
                                        const char *data, size_t size);

/* The same, byte for byte. */
struct sim_message *sim_app_add_raw(struct sim_app *app,
                                    struct sim_queue *queue, int64_t date_s,
                                    const char *bytes, size_t size);

/* Adds count messages of made-up data. */
void sim_app_generate(struct sim_app *app, struct sim_queue *queue,
                      uint64_t count, int64_t date_s);

struct sim_message *sim_app_find_message(const struct sim_app *app,
                                         uint64_t id);

/* A key for a queue, or a wide one (queue NULL). It gets the next made-up text
 * unless text is given. NULL when the text is taken. */
struct sim_key *sim_app_add_key(struct sim_app *app, struct sim_queue *queue,
                                const char *text);

#endif
