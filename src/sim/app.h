/*
 * app.h - one Haplo application: its queues, API keys and messages, which
 * share one sequence of ids. Pure: no I/O and no clock.
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
    char name[SIM_NAME_SIZE];
    struct sim_settings settings; /* as set by options and script lines */
    struct sim_app *server;       /* owner of its port; itself unless shared */
    struct sim_queue **queues;    /* owned */
    size_t queue_count;
    size_t queue_capacity;
    struct sim_table queue_table;  /* by name */
    struct sim_message **messages; /* borrowed; message id N is at N - 1 */
    size_t message_count;
    size_t message_capacity;
    struct sim_key **keys; /* owned */
    size_t key_count;
    size_t key_capacity;
    struct sim_key *wide_key;     /* borrowed; accepted for every queue */
    struct sim_table key_table;   /* by text */
    struct sim_throttle throttle; /* used if it owns a port */
    struct sim_random random;     /* for cookies and latency */
    uint64_t request_count;       /* that reached this application */
    uint64_t login_failed_count;  /* failures the throttle counted */
    uint64_t throttled_count;     /* requests refused by the throttle */
    uint64_t session_count;       /* cookies set, one per refused POST */

    /* Maintained by the running server. */
    struct sim_listener *listener; /* NULL until it is opened */
    bool failed; /* opening its port failed; it is not retried */
    struct sim_listener *redirect_listener; /* plain HTTP; NULL: none */
    char url[384];                          /* https://localhost:4711 */
    char http_url[384];                     /* of redirect_listener */
    uint64_t running_count;                 /* requests in progress */
    uint64_t running_peak;                  /* highest value so far */
    uint64_t waiting_count;         /* requests that wait for a free slot */
    uint64_t waiting_peak;          /* highest value so far */
    struct sim_turn *waiting_first; /* first in, first out */
    struct sim_turn *waiting_last;
};

struct sim_app *sim_app_new(const char *name,
                            const struct sim_settings *settings);

void sim_app_free(struct sim_app *app);

struct sim_queue *sim_app_find_queue(const struct sim_app *app,
                                     const char *name, size_t size);

/* Creates a queue with its key, its edge cases and its generated messages. */
struct sim_queue *sim_app_add_queue(struct sim_app *app, const char *name,
                                    const struct sim_settings *settings);

/* Adds a message with the next id and returns it, or NULL if the data is not
 * exactly one JSON value. A negative date_s stands for the queue's next
 * date. */
struct sim_message *sim_app_add_message(struct sim_app *app,
                                        struct sim_queue *queue, int64_t date_s,
                                        const char *data, size_t size);

/* The same, but fetches return these exact bytes, JSON or not. */
struct sim_message *sim_app_add_raw(struct sim_app *app,
                                    struct sim_queue *queue, int64_t date_s,
                                    const char *bytes, size_t size);

/* Adds count generated messages. */
void sim_app_generate(struct sim_app *app, struct sim_queue *queue,
                      uint64_t count, int64_t date_s);

struct sim_message *sim_app_find_message(const struct sim_app *app,
                                         uint64_t id);

/* Adds a key for a queue, or for the whole application if queue is NULL. text
 * NULL generates one. Returns NULL if the text is in use already. */
struct sim_key *sim_app_add_key(struct sim_app *app, struct sim_queue *queue,
                                const char *text);

#endif
