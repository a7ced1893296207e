/*
 * config_twins.c - finds queues that are the same one on the server, under two
 * names: each would mark messages before the other has seen them.
 *
 *   - The URL of each server, with the path of its marks, is reduced to its
 *     target, which has one spelling:
 *     "https://server.example.ac.uk:443/poll/{queue}/mark".
 *   - Where several servers have the same target, the queues of a later one
 *     are looked up among those of the earlier ones.
 *
 * Usually all targets differ, and no queue is looked at. An alias of the host
 * or another address cannot be recognised here.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/config_mapping.h"
#include "config/config_resolve.h"

#define PORT_SIZE 8 /* ":65535" and a NUL */

/* Servers with the same target. */
struct twins {
    const char *target;                /* owned by the loading's arena */
    const struct config_server *first; /* the first one */
    struct name_table queues; /* struct config_queue of all of them, if there
                                 are several; owned */
};

static const char *target_of(const void *twins)
{
    return ((const struct twins *)twins)->target;
}

static const char *queue_name_of(const void *queue)
{
    return ((const struct config_queue *)queue)->name;
}

/* The size of the host in front of a port, a slash or the end. */
static size_t host_size(const char *host)
{
    const char *end = host[0] == '[' ? strchr(host, ']') : NULL;
    return end != NULL ? (size_t)(end + 1 - host) : strcspn(host, ":/");
}

/* Writes "SCHEME://HOST:PORT" in lower case, and returns its end. */
static char *origin_write(char *to, const char *url, size_t size,
                          unsigned long port)
{
    char *end = to + size;
    memcpy(to, url, size);
    end -= to[size - 1] == '.'; /* the root of all names */
    end += sprintf(end, ":%lu", port);
    for (char *c = to; c < end; c++) {
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + ('a' - 'A') : *c);
    }
    return end;
}

/* The target of a server with a valid URL; NULL if memory runs out. */
static char *target_make(struct arena *arena,
                         const struct haplo_server_options *options)
{
    const char *url = options->url;
    bool is_http = strncasecmp(url, "http:", 5) == 0;
    const char *host = strstr(url, "://") + 3;
    const char *rest = host + host_size(host);
    const char *path = rest + strcspn(rest, "/");
    size_t path_size = strlen(path);
    unsigned long port = *rest == ':' ? strtoul(rest + 1, NULL, 10)
                         : is_http    ? 80
                                      : 443;
    char *target =
        arena_room(arena, strlen(url) + PORT_SIZE + strlen(options->mark_path));
    if (target == NULL) {
        return NULL;
    }
    path_size -= path_size > 0 && path[path_size - 1] == '/';
    char *end = origin_write(target, url, (size_t)(rest - url), port);
    end = mempcpy(end, path, path_size);
    strcpy(end, options->mark_path);
    return target;
}

static void twin_fail(struct config_loading *loading,
                      const struct config_queue *queue,
                      const struct config_queue *first)
{
    char shown[CONFIG_PLACE_SIZE];
    const struct config *config = loading->config;
    struct config_errors *errors = &loading->errors;
    errors->scope = (struct config_scope){CONFIG_SCOPE_QUEUE,
                                          (size_t)(queue - config->queues)};
    config_errors_add(
        errors, HP_QUEUE_TWICE, queue->place,
        "queue %s/%s: it is the queue %s/%s of %s: both have the same URL and "
        "name: remove one of them",
        queue->server->options.name, queue->name, first->server->options.name,
        first->name,
        config_place_show(config, queue->place, first->place, shown));
    config_errors_share(
        errors, (struct config_scope){CONFIG_SCOPE_QUEUE,
                                      (size_t)(first - config->queues)});
}

/* Adds the queues of a server, or reports those that are there. */
static int queues_add(struct config_loading *loading, struct twins *twins,
                      const struct config_server *server)
{
    for (size_t i = 0; i < server->queue_count; i++) {
        struct config_queue *queue = &server->queues[i];
        const struct config_queue *first =
            queue->name != NULL ? name_table_find(&twins->queues, queue->name)
                                : queue;
        if (first == NULL && name_table_add(&twins->queues, queue) != 0) {
            return -1;
        }
        /* Within one server, or one name, that has been reported. */
        if (first != NULL &&
            strcmp(first->server->options.name, server->options.name) != 0) {
            twin_fail(loading, queue, first);
        }
    }
    return 0;
}

static int server_add(struct config_loading *loading, struct name_table *table,
                      const struct config_server *server)
{
    const char *target = target_make(&loading->arena, &server->options);
    struct twins *twins =
        target != NULL ? name_table_find(table, target) : NULL;
    if (twins != NULL) {
        if (twins->queues.count == 0 &&
            queues_add(loading, twins, twins->first) != 0) {
            return -1;
        }
        return queues_add(loading, twins, server);
    }
    twins = arena_bytes(&loading->arena, sizeof *twins);
    if (target == NULL || twins == NULL) {
        return -1;
    }
    twins->target = target;
    twins->first = server;
    twins->queues.name_of = queue_name_of;
    return name_table_add(table, twins);
}

static void twins_free(struct name_table *table)
{
    struct twins *twins;
    size_t cursor = 0;
    while ((twins = name_table_next(table, &cursor)) != NULL) {
        name_table_free(&twins->queues);
    }
    name_table_free(table);
}

void config_twins_find(struct config_loading *loading)
{
    const struct config *config = loading->config;
    struct name_table table = {.name_of = target_of};
    for (size_t i = 0; i < config->server_count; i++) {
        const struct config_server *server = &config->servers[i];
        if (server->options.url != NULL && server->options.name != NULL &&
            server_add(loading, &table, server) != 0) {
            config_loading_no_memory(loading);
            break;
        }
    }
    twins_free(&table);
}
