/*
 * poller_scene.h - a stage for the public API: a loop whose waits cost no
 * time, Haplo servers with queues on the same loop, and an application that
 * answers as the test says.
 *
 * The clock is the test's: where nothing is in flight, a turn of the loop
 * skips the time to its next timer. A request in flight is never skipped over.
 */
#ifndef TEST_POLLER_SCENE_H
#define TEST_POLLER_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include <cmocka.h>

#include "fake_haplo.h"
#include "haplopoll.h"
#include "skipped_clock.h"

#define KEY "eB_RKYvYlpDbMLrJc7BBBgnd-SsyXh8qPEjXm2ZeRML0"
#define KEY_SENT \
    "aGFwbG86ZUJfUktZdllscERiTUxySmM3QkJCZ25kLVNzeVhoOHFQRWpYbTJaZVJNTDA="
#define TURNS_MAX 200000
#define QUEUES_MAX FAKE_QUEUES_MAX
#define SERVERS_MAX 2

/* What the application does inside deliver_cb. */
enum answer { ACCEPT, HOLD, RETRY, REJECT };

/* What the application knows of one queue, and what it does there. */
struct watch {
    struct scene *scene;                /* it is in */
    struct haplo_queue *queue;          /* NULL: removed, or not added */
    struct fake_queue *fake;            /* on the server */
    enum answer answer;                 /* to the next batch */
    uint64_t retry_ms;                  /* of RETRY */
    struct haplo_batch batch;           /* the newest; may be stale */
    bool has_batch;                     /* it is not answered yet */
    unsigned deliver_count;             /* calls */
    unsigned marked_count;              /* calls */
    unsigned removed_count;             /* calls */
    size_t message_count;               /* of the newest batch */
    size_t new_count;                   /* of those, no repeats */
    unsigned newest_id;                 /* in it */
    struct haplo_mark mark;             /* the newest; its state is gone */
    void (*in_deliver)(struct watch *); /* done before the answer; or NULL */
    void (*in_marked)(struct watch *);  /* or NULL */
    void (*in_removed)(struct watch *); /* or NULL */
    struct watch *other;                /* for these */
};

struct scene {
    uv_loop_t loop;                            /* of all that follows */
    struct fake_server fakes[SERVERS_MAX];     /* opened as needed */
    struct haplo_poller *poller;               /* NULL: closed */
    struct haplo_poller *second;               /* or NULL */
    struct haplo_server *servers[SERVERS_MAX]; /* as far as added */
    unsigned server_count;                     /* of those */
    struct watch watches[QUEUES_MAX];          /* one for each queue */
    unsigned watch_count;                      /* of those */
    unsigned calls;                     /* of the application, by the library */
    unsigned stopped_count;             /* calls of stopped_cb */
    size_t batches_left;                /* reported to stopped_cb */
    unsigned closed_count;              /* calls of close_cb */
    void (*in_stopped)(struct scene *); /* or NULL */
    char events[65536];                 /* lines: "a/q1: IDLE -> READY" */
    size_t events_size;                 /* of those */
    char text[HAPLO_TEXT_SIZE_MAX];     /* of the newest event with an error */
};

/* Setting the stage */

/* A loop, and nothing on it yet. */
struct scene *scene_new(void);

/* A poller on it. */
struct haplo_poller_options poller_options(struct scene *scene);
void scene_start(struct scene *scene,
                 const struct haplo_poller_options *options);

/* Both, and server "a". */
struct scene *scene_open(void);

/* Server "a", then "b", each with a fake of its own; struct_size and name are
 * filled in, and url, in front of a path that it may have. */
int scene_try_server(struct scene *scene, struct haplo_server_options options);
struct haplo_server *scene_add_server(struct scene *scene,
                                      struct haplo_server_options options);

/* A watch whose queue is on that server, but not yet added to the poller. */
struct watch *watch_new(struct scene *scene, unsigned server, const char *name,
                        unsigned unread);

/* Adds the queue to the newest server, and lets it be polled at once. */
struct haplo_queue_options queue_options(const char *name);
struct watch *scene_add_with(struct scene *scene,
                             struct haplo_queue_options options,
                             unsigned unread);
struct watch *scene_add(struct scene *scene, const char *name, unsigned unread);

/* Once the poller is closing: answers all batches that are held. */
void scene_release(struct scene *scene);

/* Closes the poller and all else; checks that nothing calls back after it, and
 * that no message was marked that was not accepted. */
void scene_close(struct scene *scene);

/* The application */

/* The batch that is held, for a test that answers it. */
struct haplo_batch watch_take(struct watch *watch);

/* Accepts the batch that is held. */
void watch_accept(struct watch *watch);

/* Its callbacks, for options that are made by hand. */
void scene_on_event(struct haplo_poller *poller,
                    const struct haplo_event *event);
void scene_on_deliver(struct haplo_queue *queue, struct haplo_batch batch);
void scene_on_marked(struct haplo_queue *queue, const struct haplo_mark *mark);
void scene_on_removed(struct haplo_queue *queue);
void scene_on_stopped(struct haplo_poller *poller, size_t left);
void scene_on_closed(void *data);

void scene_forget_events(struct scene *scene);

unsigned id_of(const struct haplo_message *message);
enum haplo_queue_state state_of(const struct watch *watch);
struct haplo_queue_stats stats_of(const struct watch *watch);

/* Running */

/* No request is in flight. */
bool scene_is_quiet(const struct scene *scene);

/* One turn of the loop. */
void scene_turn(struct scene *scene);

/* Long enough for anything that is going to happen at once. */
void scene_linger(struct scene *scene);

#define RUN_UNTIL(scene, condition)                                      \
    do {                                                                 \
        unsigned turns = 0;                                              \
        while (!(condition)) {                                           \
            if (++turns > TURNS_MAX) {                                   \
                fail_msg("never came true: %s; events:\n%s", #condition, \
                         (scene)->events);                               \
            }                                                            \
            scene_turn(scene);                                           \
        }                                                                \
    } while (0)

#endif
