/*
 * An application as scripts make it and requests find it: queues, keys and
 * messages are added, never removed, so pointers to them stay valid for as
 * long as the simulator runs.
 */
#include "sim/app.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/json.h"
#include "sim/memory.h"
#include "sim/observation.h"

struct sim_app *sim_app_new(const char *name,
                            const struct sim_settings *settings)
{
    struct sim_app *app = sim_new(sizeof *app);
    strncpy(app->name, name, sizeof app->name - 1);
    app->settings = *settings;
    app->server = app;
    app->random = sim_random_named(settings->seed, name, "", 0);
    app->wide_key = sim_app_add_key(app, NULL, NULL);
    return app;
}

void sim_app_free(struct sim_app *app)
{
    for (size_t i = 0; i < app->queue_count; i++) {
        sim_queue_free(app->queues[i]);
    }
    for (size_t i = 0; i < app->key_count; i++) {
        free(app->keys[i]);
    }
    free(app->queues);
    free(app->keys);
    free(app->messages);
    free(app->throttle.list);
    sim_table_free(&app->queue_table);
    sim_table_free(&app->key_table);
    free(app);
}

struct sim_queue *sim_app_find_queue(const struct sim_app *app,
                                     const char *name, size_t size)
{
    return sim_table_find(&app->queue_table, name, size);
}

struct sim_queue *sim_app_add_queue(struct sim_app *app, const char *name,
                                    const struct sim_settings *settings)
{
    struct sim_queue *queue = sim_queue_new(app, name, settings);
    sim_reserve((void **)&app->queues, &app->queue_capacity,
                app->queue_count + 1, sizeof(struct sim_queue *));
    app->queues[app->queue_count++] = queue;
    sim_table_add(&app->queue_table, queue->name, queue);
    queue->key = sim_app_add_key(app, queue, NULL);
    for (size_t i = 0; settings->edge && sim_message_edge(i) != NULL; i++) {
        const char *data = sim_message_edge(i);
        sim_app_add_message(app, queue, -1, data, strlen(data));
    }
    sim_app_generate(app, queue, settings->message_count, -1);
    return queue;
}

static struct sim_message *app_add(struct sim_app *app, struct sim_queue *queue,
                                   struct sim_message *message)
{
    sim_reserve((void **)&app->messages, &app->message_capacity,
                app->message_count + 1, sizeof(struct sim_message *));
    app->messages[app->message_count++] = message;
    sim_queue_add(queue, message);
    return message;
}

struct sim_message *sim_app_add_message(struct sim_app *app,
                                        struct sim_queue *queue, int64_t date_s,
                                        const char *data, size_t size)
{
    const char *start = sim_json_blank(data, data + size);
    const char *end = sim_json_skip(start, data + size);
    if (end != data + size) {
        return NULL;
    }
    date_s = date_s < 0 ? sim_queue_next_date(queue) : date_s;
    return app_add(app, queue,
                   sim_message_new(app->message_count + 1, date_s, start,
                                   (size_t)(end - start)));
}

struct sim_message *sim_app_add_raw(struct sim_app *app,
                                    struct sim_queue *queue, int64_t date_s,
                                    const char *bytes, size_t size)
{
    date_s = date_s < 0 ? sim_queue_next_date(queue) : date_s;
    return app_add(
        app, queue,
        sim_message_new_raw(app->message_count + 1, date_s, bytes, size));
}

static bool is_global(const struct sim_queue *queue)
{
    return queue->settings.shape == SIM_SHAPE_GLOBAL ||
           (queue->settings.shape == SIM_SHAPE_AUTO &&
            strcmp(queue->name, "global") == 0);
}

/* The next message of a queue. */
static void generate_one(const struct sim_app *app, struct sim_queue *queue,
                         struct sim_buffer *data)
{
    const struct sim_settings *settings = &queue->settings;
    uint64_t number = ++queue->generated_count;
    if (is_global(queue)) {
        const struct sim_observed what = {settings->seed,
                                          app->name,
                                          queue->name,
                                          number,
                                          settings->object_count,
                                          settings->message_bytes};
        sim_observation_generate(data, &what);
    } else {
        sim_message_generate(data, settings->seed, app->name, queue->name,
                             number, settings->message_bytes);
    }
}

void sim_app_generate(struct sim_app *app, struct sim_queue *queue,
                      uint64_t count, int64_t date_s)
{
    struct sim_buffer data = {0};
    for (uint64_t i = 0; i < count; i++) {
        data.size = 0;
        generate_one(app, queue, &data);
        sim_app_add_message(app, queue, date_s, data.bytes, data.size);
    }
    sim_buffer_free(&data);
}

struct sim_message *sim_app_find_message(const struct sim_app *app, uint64_t id)
{
    return id >= 1 && id <= app->message_count ? app->messages[id - 1] : NULL;
}

struct sim_key *sim_app_add_key(struct sim_app *app, struct sim_queue *queue,
                                const char *text)
{
    struct sim_key *key = sim_new(sizeof *key);
    if (queue != NULL) {
        strcpy(key->queue, queue->name);
    }
    if (text != NULL) {
        strncpy(key->text, text, sizeof key->text - 1);
    } else {
        struct sim_random random = sim_random_named(
            app->settings.seed, app->name, key->queue, ~app->key_count);
        sim_random_letters(&random, key->text, SIM_KEY_SIZE);
    }
    if (sim_table_find(&app->key_table, key->text, strlen(key->text)) != NULL) {
        free(key);
        return NULL;
    }
    sim_reserve((void **)&app->keys, &app->key_capacity, app->key_count + 1,
                sizeof(struct sim_key *));
    app->keys[app->key_count++] = key;
    sim_table_add(&app->key_table, key->text, key);
    return key;
}
