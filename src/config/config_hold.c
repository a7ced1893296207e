/*
 * config_hold.c - takes what has a problem out of the configuration, so that
 * everything else can run.
 *
 *   - The problems that concern only a queue or a server are sorted by their
 *     position in the file.
 *   - A queue is held because of the first of its own problems, or else the
 *     first of its server: it moves to the list of held queues.
 *   - What is left moves together: servers without problems that have a queue
 *     left, and these queues.
 *
 * A section without a valid name is listed by its number in the file.
 */
#include <stdlib.h>
#include <string.h>

#include "config/config_mapping.h"
#include "config/config_resolve.h"

/* The first problem of each server and queue; NULL: none. */
struct firsts {
    const struct config_problem **of_servers; /* owned */
    const struct config_problem **of_queues;  /* owned */
};

static int confined_compare(const void *a, const void *b)
{
    const struct config_error *first =
        &((const struct config_confined *)a)->error;
    const struct config_error *second =
        &((const struct config_confined *)b)->error;
    return config_place_is_before(first->place, second->place) ? -1
           : config_place_is_before(second->place, first->place)
               ? 1
               : strcmp(first->text, second->text);
}

/* Copies the problems to the configuration, in the order of the file. */
static int problems_take(struct config_loading *loading)
{
    struct config *config = loading->config;
    struct list *confined = &loading->errors.confined;
    qsort(confined->items, confined->count, confined->item_size,
          confined_compare);
    config->problems = calloc(confined->count, sizeof *config->problems);
    if (config->problems == NULL) {
        return -1;
    }
    config->problem_count = confined->count;
    for (size_t i = 0; i < confined->count; i++) {
        const struct config_confined *from = list_at(confined, i);
        config->problems[i] = (struct config_problem){
            .code = from->error.code,
            .place = from->error.place,
            .text = arena_string(&config->arena, from->error.text),
        };
    }
    return 0;
}

static void first_note(const struct firsts *firsts, struct config_scope scope,
                       const struct config_problem *problem)
{
    const struct config_problem **first = NULL;
    if (scope.kind == CONFIG_SCOPE_SERVER) {
        first = &firsts->of_servers[scope.index];
    } else if (scope.kind == CONFIG_SCOPE_QUEUE) {
        first = &firsts->of_queues[scope.index];
    }
    if (first != NULL && *first == NULL) {
        *first = problem;
    }
}

static void firsts_find(const struct config_loading *loading,
                        const struct firsts *firsts)
{
    const struct config *config = loading->config;
    for (size_t i = 0; i < config->problem_count; i++) {
        const struct config_confined *confined =
            list_at(&loading->errors.confined, i);
        first_note(firsts, confined->scope, &config->problems[i]);
        first_note(firsts, confined->other, &config->problems[i]);
    }
}

/* Its name for operators, owned by the configuration. */
static const char *name_make(struct config *config, const char *name,
                             size_t index)
{
    char text[CONFIG_SHOW_SIZE];
    return arena_string(&config->arena, config_entry_name(name, index, text));
}

/* Lists the held queues of a server, and moves the others to `kept`. Returns
 * their number. */
static size_t queues_divide(struct config *config, size_t index,
                            const struct firsts *firsts,
                            struct config_queue *kept)
{
    const struct config_server *server = &config->servers[index];
    const struct config_problem *of_server = firsts->of_servers[index];
    const char *server_name = NULL;
    size_t kept_count = 0;
    for (size_t i = 0; i < server->queue_count; i++) {
        const struct config_queue *queue = &server->queues[i];
        const struct config_problem *problem =
            firsts->of_queues[queue - config->queues];
        if (problem == NULL && of_server == NULL) {
            kept[kept_count++] = *queue;
            continue;
        }
        if (server_name == NULL) {
            server_name = name_make(config, server->options.name, index);
        }
        config->held[config->held_count++] = (struct config_held){
            .server = server_name,
            .queue = name_make(config, queue->name, i),
            .problem = problem != NULL ? problem : of_server,
        };
    }
    return kept_count;
}

/* Never overtakes what it reads: nothing moves towards the end. */
static void servers_divide(struct config *config, const struct firsts *firsts)
{
    size_t server_count = 0;
    size_t queue_count = 0;
    for (size_t i = 0; i < config->server_count; i++) {
        struct config_server *server = &config->servers[server_count];
        struct config_queue *queues = &config->queues[queue_count];
        size_t count = queues_divide(config, i, firsts, queues);
        if (count == 0) {
            continue;
        }
        *server = config->servers[i];
        server->queues = queues;
        server->queue_count = count;
        for (size_t j = 0; j < count; j++) {
            queues[j].server = server;
        }
        server_count++;
        queue_count += count;
    }
    config->server_count = server_count;
    config->queue_count = queue_count;
}

void config_hold(struct config_loading *loading)
{
    struct config *config = loading->config;
    const size_t size = sizeof(const struct config_problem *);
    struct firsts firsts = {
        .of_servers = calloc(config->server_count + 1, size),
        .of_queues = calloc(config->queue_count + 1, size),
    };
    config->held = calloc(config->queue_count + 1, sizeof *config->held);
    if (firsts.of_servers == NULL || firsts.of_queues == NULL ||
        config->held == NULL || problems_take(loading) != 0) {
        config_loading_no_memory(loading);
    } else {
        firsts_find(loading, &firsts);
        servers_divide(config, &firsts);
    }
    free(firsts.of_servers);
    free(firsts.of_queues);
}
