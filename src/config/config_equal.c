#include "config/config_equal.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "config/config_when.h"

static bool differs(struct option_names *names, const char *name)
{
    if (names != NULL) {
        option_names_add(names, name);
    }
    return false;
}

bool config_inbox_equals(const struct config_inbox *a,
                         const struct config_inbox *b,
                         struct option_names *names)
{
    const struct option_table table = {a->type->options, a->type->option_count};
    return a->type == b->type
               ? option_table_equals(&table, a->options, b->options, names)
               : differs(names, "type");
}

static bool weights_equal(const struct config_fleet *a,
                          const struct config_fleet *b)
{
    bool is_equal = a->weight_count == b->weight_count;
    for (size_t i = 0; is_equal && i < a->weight_count; i++) {
        is_equal = strcmp(a->weights[i].host, b->weights[i].host) == 0 &&
                   a->weights[i].weight == b->weights[i].weight;
    }
    return is_equal;
}

bool config_fleet_equals(const struct config_fleet *a,
                         const struct config_fleet *b,
                         struct option_names *names)
{
    if (a->inbox == NULL || b->inbox == NULL) {
        return a->inbox == b->inbox || differs(names, "coordination");
    }
    bool is_equal =
        strcmp(a->inbox->name, b->inbox->name) == 0 || differs(names, "inbox");
    is_equal = option_table_equals(&config_fleet_rows, a, b, names) && is_equal;
    return (weights_equal(a, b) || differs(names, "weights")) && is_equal;
}

static bool patterns_equal(const struct forwarder_options *a,
                           const struct forwarder_options *b)
{
    bool is_equal = a->queue_count == b->queue_count;
    for (size_t i = 0; is_equal && i < a->queue_count; i++) {
        is_equal = strcmp(a->queues[i], b->queues[i]) == 0;
    }
    return is_equal;
}

static bool tests_equal(const struct route_test *a, const struct route_test *b)
{
    bool is_equal =
        a->value_count == b->value_count && strcmp(a->key, b->key) == 0;
    for (size_t i = 0; is_equal && i < a->value_count; i++) {
        is_equal = strcmp(a->values[i], b->values[i]) == 0;
    }
    return is_equal;
}

static bool alternatives_equal(const struct route_alternative *a,
                               const struct route_alternative *b)
{
    bool is_equal = a->count == b->count;
    for (size_t i = 0; is_equal && i < a->count; i++) {
        is_equal = tests_equal(&a->tests[i], &b->tests[i]);
    }
    return is_equal;
}

static bool rules_equal(const struct route_rules *a,
                        const struct route_rules *b)
{
    if (a == NULL || b == NULL) {
        return a == b;
    }
    bool is_equal = a->count == b->count;
    for (size_t i = 0; is_equal && i < a->count; i++) {
        is_equal = alternatives_equal(&a->alternatives[i], &b->alternatives[i]);
    }
    return is_equal;
}

bool config_outlet_equals(const struct config_outlet *a,
                          const struct config_outlet *b,
                          struct option_names *names)
{
    const struct forwarder_options *first = &a->forward;
    const struct forwarder_options *second = &b->forward;
    const struct option_table common = {forwarder_option_rows,
                                        forwarder_option_count};
    const struct option_table own = {first->type->options,
                                     first->type->option_count};
    bool is_equal = option_table_equals(&common, first, second, names);
    if (first->type != second->type) {
        return differs(names, "type");
    }
    is_equal &= option_table_equals(&own, first->type_options,
                                    second->type_options, names);
    is_equal &=
        strcmp(a->inbox->name, b->inbox->name) == 0 || differs(names, "inbox");
    is_equal &= patterns_equal(first, second) || differs(names, "queues");
    is_equal &=
        rules_equal(first->when, second->when) || differs(names, "when");
    return is_equal;
}

bool config_server_equals(const struct config_server *a,
                          const struct config_server *b,
                          struct option_names *names)
{
    bool is_equal = option_table_equals(&server_own_options, &a->options,
                                        &b->options, names);
    return option_table_equals(&config_server_rows, &a->options, &b->options,
                               names) &&
           is_equal;
}

static bool key_equals(const struct config_key *a, const struct config_key *b)
{
    return a == b || (a->kind == b->kind && strcmp(a->name, b->name) == 0 &&
                      (a->path == NULL || b->path == NULL
                           ? a->path == b->path
                           : strcmp(a->path, b->path) == 0));
}

static bool settings_equal(const struct config_queue_settings *a,
                           const struct config_queue_settings *b,
                           struct option_names *names)
{
    static_assert(offsetof(struct queue_values, options) == 0,
                  "the rows of queues fit settings->options, too");
    return a == b || option_table_equals(&config_queue_rows, &a->options,
                                         &b->options, names);
}

bool config_queue_equals(const struct config_queue *a,
                         const struct config_queue *b,
                         struct option_names *names)
{
    bool is_equal = settings_equal(a->settings, b->settings, names);
    is_equal &=
        strcmp(a->settings->inbox->name, b->settings->inbox->name) == 0 ||
        differs(names, "inbox");
    is_equal &= key_equals(a->key, b->key) || differs(names, "API key");
    return is_equal;
}
