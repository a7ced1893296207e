#include "config/config_diff.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/name_table.h"
#include "config/config_equal.h"

const char *config_part_name(enum config_part part)
{
    static const char *const names[] = {
        [CONFIG_PART_INBOX] = "inbox",
        [CONFIG_PART_OUTLET] = "outlet",
        [CONFIG_PART_SERVER] = "server",
        [CONFIG_PART_QUEUE] = "queue",
    };
    return names[part];
}

/* Lists */

static int add(struct config_diff *diff, const struct config_change *change)
{
    if (diff->count == diff->capacity) {
        size_t capacity = diff->capacity == 0 ? 16 : 2 * diff->capacity;
        struct config_change *larger =
            realloc(diff->changes, capacity * sizeof *larger);
        if (larger == NULL) {
            return HAPLO_ENOMEM;
        }
        diff->changes = larger;
        diff->capacity = capacity;
    }
    diff->changes[diff->count++] = *change;
    diff->counts[change->part][change->kind]++;
    return 0;
}

/* The text of the previous change, if it is the same: a changed default
 * concerns many. */
static const char *what_of(struct config_diff *diff, const char *text)
{
    const char *previous =
        diff->count > 0 ? diff->changes[diff->count - 1].what : "";
    return strcmp(previous, text) == 0 ? previous
                                       : arena_string(&diff->arena, text);
}

static int add_changed(struct config_diff *diff, struct config_change change,
                       const struct option_names *names)
{
    change.what = what_of(diff, names->text);
    return change.what == NULL ? HAPLO_ENOMEM : add(diff, &change);
}

/* Inboxes, outlets and servers are found by name in a table of pointers to
 * them; each row of `parts` is one of the three. */
struct part {
    enum config_part part;
    const char *(*name_of)(const void *object);
    const void *(*at)(const struct config *config, size_t index);
    bool (*equals)(const void *a, const void *b, struct option_names *names);
};

static const char *inbox_name_of(const void *inbox)
{
    return ((const struct config_inbox *)inbox)->name;
}

static const char *outlet_name_of(const void *outlet)
{
    return ((const struct config_outlet *)outlet)->forward.name;
}

static const char *server_name_of(const void *server)
{
    return ((const struct config_server *)server)->options.name;
}

static const char *queue_name_of(const void *queue)
{
    return ((const struct config_queue *)queue)->name;
}

static const void *inbox_at(const struct config *config, size_t index)
{
    return index < config->inbox_count ? &config->inboxes[index] : NULL;
}

static const void *outlet_at(const struct config *config, size_t index)
{
    return index < config->outlet_count ? &config->outlets[index] : NULL;
}

static const void *server_at(const struct config *config, size_t index)
{
    return index < config->server_count ? &config->servers[index] : NULL;
}

static bool inbox_same(const void *a, const void *b, struct option_names *names)
{
    return config_inbox_equals(a, b, names);
}

static bool outlet_same(const void *a, const void *b,
                        struct option_names *names)
{
    return config_outlet_equals(a, b, names);
}

static bool server_same(const void *a, const void *b,
                        struct option_names *names)
{
    return config_server_equals(a, b, names);
}

static const struct part parts[] = {
    {CONFIG_PART_INBOX, inbox_name_of, inbox_at, inbox_same},
    {CONFIG_PART_OUTLET, outlet_name_of, outlet_at, outlet_same},
    {CONFIG_PART_SERVER, server_name_of, server_at, server_same},
};

static int fill(struct name_table *table, const struct part *part,
                const struct config *config)
{
    const void *object;
    int error = 0;
    table->name_of = part->name_of;
    for (size_t i = 0; error == 0 && (object = part->at(config, i)) != NULL;
         i++) {
        error = name_table_add(table, (void *)object);
    }
    return error;
}

/* Adds the change from one object to another, either of which may be NULL. */
static int compare(struct config_diff *diff, const struct part *part,
                   const void *from, const void *to)
{
    struct option_names names = {.size = 0};
    struct config_change change = {.part = part->part, .what = ""};
    if (from == NULL || to == NULL) {
        change.kind = from == NULL ? CONFIG_ADDED : CONFIG_REMOVED;
        change.name = part->name_of(from == NULL ? to : from);
        return add(diff, &change);
    }
    if (part->equals(from, to, &names)) {
        return 0;
    }
    change.kind = CONFIG_CHANGED;
    change.name = part->name_of(to);
    return add_changed(diff, change, &names);
}

static int compare_part(struct config_diff *diff, const struct part *part,
                        const struct config *from, const struct config *to)
{
    struct name_table olds = {.name_of = NULL};
    struct name_table news = {.name_of = NULL};
    const void *object;
    int error = fill(&olds, part, from);
    if (error == 0) {
        error = fill(&news, part, to);
    }
    for (size_t i = 0; error == 0 && (object = part->at(to, i)) != NULL; i++) {
        error = compare(diff, part,
                        name_table_find(&olds, part->name_of(object)), object);
    }
    for (size_t i = 0; error == 0 && (object = part->at(from, i)) != NULL;
         i++) {
        if (name_table_find(&news, part->name_of(object)) == NULL) {
            error = compare(diff, part, object, NULL);
        }
    }
    name_table_free(&olds);
    name_table_free(&news);
    return error;
}

/* Queues */

static int compare_queue(struct config_diff *diff,
                         const struct config_queue *from,
                         const struct config_queue *to)
{
    struct option_names names = {.size = 0};
    const struct config_queue *named = to != NULL ? to : from;
    struct config_change change = {
        .part = CONFIG_PART_QUEUE,
        .server = named->server->options.name,
        .name = named->name,
        .what = "",
    };
    if (from == NULL || to == NULL) {
        change.kind = from == NULL ? CONFIG_ADDED : CONFIG_REMOVED;
        return add(diff, &change);
    }
    if (config_queue_equals(from, to, &names)) {
        return 0;
    }
    change.kind =
        strcmp(from->settings->inbox->name, to->settings->inbox->name) == 0
            ? CONFIG_CHANGED
            : CONFIG_MOVED;
    return add_changed(diff, change, &names);
}

static int fill_queues(struct name_table *table,
                       const struct config_server *server)
{
    size_t count = server == NULL ? 0 : server->queue_count;
    table->name_of = queue_name_of;
    int error = name_table_reserve(table, count);
    for (size_t i = 0; error == 0 && i < count; i++) {
        error = name_table_add(table, &server->queues[i]);
    }
    return error;
}

/* Of one server; from or to may be NULL. */
static int compare_queues(struct config_diff *diff,
                          const struct config_server *from,
                          const struct config_server *to)
{
    struct name_table olds = {.name_of = NULL};
    struct name_table news = {.name_of = NULL};
    int error = fill_queues(&olds, from);
    if (error == 0) {
        error = fill_queues(&news, to);
    }
    for (size_t i = 0; error == 0 && to != NULL && i < to->queue_count; i++) {
        const struct config_queue *queue = &to->queues[i];
        error = compare_queue(diff, name_table_find(&olds, queue->name), queue);
    }
    for (size_t i = 0; error == 0 && from != NULL && i < from->queue_count;
         i++) {
        const struct config_queue *queue = &from->queues[i];
        if (name_table_find(&news, queue->name) == NULL) {
            error = compare_queue(diff, queue, NULL);
        }
    }
    name_table_free(&olds);
    name_table_free(&news);
    return error;
}

static int compare_all_queues(struct config_diff *diff,
                              const struct config *from,
                              const struct config *to)
{
    const struct part *part = &parts[CONFIG_PART_SERVER];
    struct name_table olds = {.name_of = NULL};
    struct name_table news = {.name_of = NULL};
    int error = fill(&olds, part, from);
    if (error == 0) {
        error = fill(&news, part, to);
    }
    for (size_t i = 0; error == 0 && i < to->server_count; i++) {
        const struct config_server *server = &to->servers[i];
        error = compare_queues(
            diff, name_table_find(&olds, server->options.name), server);
    }
    for (size_t i = 0; error == 0 && i < from->server_count; i++) {
        const struct config_server *server = &from->servers[i];
        if (name_table_find(&news, server->options.name) == NULL) {
            error = compare_queues(diff, server, NULL);
        }
    }
    name_table_free(&olds);
    name_table_free(&news);
    return error;
}

int config_diff(const struct config *from, const struct config *to,
                struct config_diff *diff)
{
    int error = 0;
    *diff = (struct config_diff){.count = 0};
    (void)option_table_equals(&config_top_rows, from, to, &diff->top);
    (void)option_table_equals(&config_admin_rows, &from->admin, &to->admin,
                              &diff->admin);
    for (size_t i = 0; error == 0 && i < sizeof parts / sizeof parts[0]; i++) {
        assert(parts[i].part == (enum config_part)i);
        error = compare_part(diff, &parts[i], from, to);
    }
    if (error == 0) {
        error = compare_all_queues(diff, from, to);
    }
    if (error != 0) {
        config_diff_free(diff);
    }
    return error;
}

void config_diff_free(struct config_diff *diff)
{
    free(diff->changes);
    arena_free(&diff->arena);
    *diff = (struct config_diff){.count = 0};
}
