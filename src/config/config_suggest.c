#include "config/config_suggest.h"

#include <string.h>

#include "base/similar.h"

static const char *suggest(const char *name, const char *otherwise,
                           char text[CONFIG_SUGGEST_SIZE])
{
    if (name != NULL) {
        snprintf(text, CONFIG_SUGGEST_SIZE, "did you mean \"%s\"?", name);
    } else {
        snprintf(text, CONFIG_SUGGEST_SIZE, "%s", otherwise);
    }
    return text;
}

/* The server with this name, or the one whose name is most similar. */
static const struct config_server *server_find(const struct config *config,
                                               const char *name)
{
    struct similar similar;
    const struct config_server *best = NULL;
    similar_begin(&similar, name);
    for (size_t i = 0; i < config->server_count; i++) {
        const struct config_server *server = &config->servers[i];
        if (server->options.name == NULL) {
            continue;
        }
        if (strcmp(server->options.name, name) == 0) {
            return server;
        }
        if (similar_consider(&similar, server->options.name)) {
            best = server;
        }
    }
    return best;
}

/* The same for the name of a queue of a server. */
static const char *queue_find(const struct config_server *server,
                              const char *name)
{
    struct similar similar;
    similar_begin(&similar, name);
    for (size_t i = 0; i < server->queue_count; i++) {
        const char *queue = server->queues[i].name;
        if (queue != NULL && strcmp(queue, name) == 0) {
            return queue;
        }
        if (queue != NULL) {
            similar_consider(&similar, queue);
        }
    }
    return similar.best;
}

/* The server first: of a hundred thousand queues, only its own are compared. */
const char *config_suggest_queue(const struct config *config, const char *name,
                                 const char *otherwise,
                                 char text[CONFIG_SUGGEST_SIZE])
{
    char server_name[HAPLO_NAME_SIZE_MAX + 1];
    char both[2 * HAPLO_NAME_SIZE_MAX + 2];
    size_t size = strcspn(name, "/");
    if (name[size] != '/' || size > HAPLO_NAME_SIZE_MAX ||
        strpbrk(name, "*?[\\") != NULL) {
        return suggest(NULL, otherwise, text);
    }
    memcpy(server_name, name, size);
    server_name[size] = '\0';
    const struct config_server *server = server_find(config, server_name);
    const char *queue =
        server != NULL ? queue_find(server, name + size + 1) : NULL;
    if (queue == NULL) {
        return suggest(NULL, otherwise, text);
    }
    snprintf(both, sizeof both, "%s/%s", server->options.name, queue);
    return suggest(both, otherwise, text);
}

const char *config_suggest_inbox(const struct config *config, const char *name,
                                 const char *otherwise,
                                 char text[CONFIG_SUGGEST_SIZE])
{
    struct similar similar;
    similar_begin(&similar, name);
    for (size_t i = 0; i < config->inbox_count; i++) {
        if (config->inboxes[i].name != NULL) {
            similar_consider(&similar, config->inboxes[i].name);
        }
    }
    return suggest(similar.best, otherwise, text);
}

const char *config_suggest_outlet(const struct config *config, const char *name,
                                  const char *otherwise,
                                  char text[CONFIG_SUGGEST_SIZE])
{
    struct similar similar;
    similar_begin(&similar, name);
    for (size_t i = 0; i < config->outlet_count; i++) {
        if (config->outlets[i].forward.name != NULL) {
            similar_consider(&similar, config->outlets[i].forward.name);
        }
    }
    return suggest(similar.best, otherwise, text);
}
