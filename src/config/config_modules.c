/*
 * config_modules.c - checks inboxes and outlets once the whole file has been
 * read: names and paths that are used twice, however they are written, the
 * inbox of each outlet, and the queues that its patterns match.
 */
#include <stdlib.h>
#include <string.h>

#include "config/config_mapping.h"
#include "config/config_path.h"
#include "config/config_resolve.h"
#include "config/config_suggest.h"

/* A path and what uses it: an inbox, an outlet or the state directory. */
struct path_owner {
    const char *path;          /* without symbolic links */
    struct config_place place; /* of what uses it */
};

static const char *inbox_name_of(const void *inbox)
{
    return ((const struct config_inbox *)inbox)->name;
}

static const char *outlet_name_of(const void *outlet)
{
    return ((const struct config_outlet *)outlet)->forward.name;
}

static const char *path_of(const void *owner)
{
    return ((const struct path_owner *)owner)->path;
}

static void path_check(struct config_loading *loading, const char *path,
                       const char *option, struct config_place place,
                       const char *where)
{
    struct path_owner *owner = arena_bytes(&loading->arena, sizeof *owner);
    const char *real = config_path_real(&loading->arena, path);
    if (owner == NULL || real == NULL) {
        config_loading_no_memory(loading);
        return;
    }
    *owner = (struct path_owner){real, place};
    loading->paths.name_of = path_of;
    const struct path_owner *first =
        config_name_add(loading, &loading->paths, owner, real);
    if (first != NULL) {
        config_twice_fail(loading, HP_PATH_TWICE, place, where, option,
                          first->place);
    }
}

/* No two may write to the same path. */
static void paths_check(struct config_loading *loading,
                        const struct option_table *table, const void *options,
                        struct config_place place, const char *where)
{
    for (size_t i = 0; options != NULL && i < table->count; i++) {
        const struct option_row *row = &table->rows[i];
        if (row->value != OPTION_PATH && row->value != OPTION_FOLDER) {
            continue;
        }
        const void *stored = (const char *)options + row->offset;
        const char *path = *(const char *const *)stored;
        if (path != NULL) {
            path_check(loading, path, row->name, place, where);
        }
    }
}

static void inbox_check(struct config_loading *loading,
                        struct config_inbox *inbox, size_t index,
                        struct name_table *names)
{
    char where[CONFIG_WHERE_SIZE];
    char name[CONFIG_SHOW_SIZE];
    const struct config_inbox *first = NULL;
    snprintf(where, sizeof where, "inbox %s",
             config_entry_name(inbox->name, index, name));
    if (inbox->name != NULL) {
        first = config_name_add(loading, names, inbox, inbox->name);
    }
    if (first != NULL) {
        config_twice_fail(loading, HP_NAME_TWICE, inbox->place, where, "name",
                          first->place);
    }
    if (inbox->type != NULL) {
        const struct option_table table = {inbox->type->options,
                                           inbox->type->option_count};
        paths_check(loading, &table, inbox->options, inbox->place, where);
    }
}

void config_inboxes_resolve(struct config_loading *loading)
{
    struct config *config = loading->config;
    struct name_table names = {.name_of = inbox_name_of};
    config->inboxes =
        calloc(loading->inboxes.count + 1, sizeof *config->inboxes);
    if (config->inboxes == NULL) {
        config_loading_no_memory(loading);
        return;
    }
    config->inbox_count = loading->inboxes.count;
    if (config->state_dir != NULL) {
        path_check(loading, config->state_dir, "path", loading->state_dir_place,
                   "state_dir");
    }
    for (size_t i = 0; i < config->inbox_count; i++) {
        config->inboxes[i] =
            *(const struct config_inbox *)list_at(&loading->inboxes, i);
        inbox_check(loading, &config->inboxes[i], i, &names);
    }
    name_table_free(&names);
}

void config_inbox_check(struct config_loading *loading, const char *name,
                        struct config_place place, const char *where)
{
    char quoted[CONFIG_SHOW_SIZE];
    char advice[CONFIG_SUGGEST_SIZE];
    const struct config *config = loading->config;
    if (name != NULL && config_inbox_find(config, name) == NULL) {
        config_errors_add(
            &loading->errors, HP_INBOX_UNKNOWN, place,
            "%s: inbox: no inbox is named %s: %s", where,
            config_quote(name, quoted),
            config_suggest_inbox(config, name,
                                 "give the name of an inbox of this file",
                                 advice));
    }
}

/* True if a pattern without wildcards is the name of a queue. */
static bool is_queue(const struct config_loading *loading, const char *pattern)
{
    char server[HAPLO_NAME_SIZE_MAX + 1];
    size_t size = strcspn(pattern, "/");
    if (size > HAPLO_NAME_SIZE_MAX) {
        return false;
    }
    memcpy(server, pattern, size);
    server[size] = '\0';
    const struct config_server *found =
        name_table_find(&loading->server_names, server);
    return found != NULL &&
           name_table_find(
               &loading->queue_names[found - loading->config->servers],
               pattern + size + 1) != NULL;
}

static bool pattern_matches_any(const struct config_loading *loading,
                                const char *pattern)
{
    const struct config *config = loading->config;
    if (strpbrk(pattern, "*?[\\") == NULL) {
        return is_queue(loading, pattern);
    }
    for (size_t i = 0; i < config->queue_count; i++) {
        const struct config_queue *queue = &config->queues[i];
        const char *server = queue->server->options.name;
        if (server != NULL && queue->name != NULL &&
            forwarder_pattern_matches(pattern, server, queue->name)) {
            return true;
        }
    }
    return false;
}

static void pattern_check(struct config_loading *loading, const char *pattern,
                          struct config_place place, const char *where)
{
    char quoted[CONFIG_SHOW_SIZE];
    char advice[CONFIG_SUGGEST_SIZE];
    const char *slash = strchr(pattern, '/');
    if (slash == NULL || slash == pattern || slash[1] == '\0' ||
        strchr(slash + 1, '/') != NULL) {
        config_errors_add(&loading->errors, HP_PATTERN_INVALID, place,
                          "%s: queues: %s: write SERVER/QUEUE, with * in place "
                          "of any text",
                          where, config_quote(pattern, quoted));
    } else if (!pattern_matches_any(loading, pattern)) {
        config_errors_add(&loading->errors, HP_PATTERN_MATCHES_NOTHING, place,
                          "%s: queues: %s matches no queue of this file: %s",
                          where, config_quote(pattern, quoted),
                          config_suggest_queue(loading->config, pattern,
                                               "correct it, or remove it",
                                               advice));
    }
}

/* Resolves the inbox and the queues of an outlet. */
static void outlet_connect(struct config_loading *loading,
                           struct config_outlet *outlet,
                           const struct outlet_draft *draft, const char *where)
{
    const struct config *config = loading->config;
    const struct forwarder_options *forward = &outlet->forward;
    if (draft->inbox != NULL) {
        outlet->inbox = config_inbox_find(config, draft->inbox);
    } else if (config->inbox_count == 1) {
        outlet->inbox = config->inboxes;
    } else if (config->inbox_count > 1) {
        config_errors_add(&loading->errors, HP_INBOX_AMBIGUOUS, outlet->place,
                          "%s: it has no inbox and there are several: add "
                          "\"inbox: NAME\"",
                          where);
    }
    /* "": the error has been reported. */
    if (draft->inbox != NULL && draft->inbox[0] != '\0') {
        config_inbox_check(loading, draft->inbox, draft->inbox_place, where);
    }
    /* Stop searching once no more errors are printed. */
    for (size_t i = 0;
         draft->queue_places != NULL && i < forward->queue_count &&
         loading->errors.count <= CONFIG_ERRORS_MAX;
         i++) {
        pattern_check(loading, forward->queues[i], draft->queue_places[i],
                      where);
    }
}

static void outlet_check(struct config_loading *loading,
                         struct config_outlet *outlet,
                         const struct outlet_draft *draft, size_t index,
                         struct name_table *names)
{
    char where[CONFIG_WHERE_SIZE];
    char name[CONFIG_SHOW_SIZE];
    const struct config_outlet *first = NULL;
    const struct forwarder_options *forward = &outlet->forward;
    snprintf(where, sizeof where, "outlet %s",
             config_entry_name(forward->name, index, name));
    if (forward->name != NULL) {
        first = config_name_add(loading, names, outlet, forward->name);
    }
    if (first != NULL) {
        config_twice_fail(loading, HP_NAME_TWICE, outlet->place, where, "name",
                          first->place);
    }
    if (forward->type != NULL) {
        const struct option_table table = {forward->type->options,
                                           forward->type->option_count};
        paths_check(loading, &table, forward->type_options, outlet->place,
                    where);
    }
    outlet_connect(loading, outlet, draft, where);
}

void config_outlets_resolve(struct config_loading *loading)
{
    struct config *config = loading->config;
    struct name_table names = {.name_of = outlet_name_of};
    config->outlets =
        calloc(loading->outlets.count + 1, sizeof *config->outlets);
    if (config->outlets == NULL) {
        config_loading_no_memory(loading);
        return;
    }
    config->outlet_count = loading->outlets.count;
    for (size_t i = 0; i < config->outlet_count; i++) {
        const struct outlet_draft *draft = list_at(&loading->outlets, i);
        config->outlets[i] = draft->outlet;
        outlet_check(loading, &config->outlets[i], draft, i, &names);
    }
    name_table_free(&names);
}
