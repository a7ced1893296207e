/*
 * config_fleet.c - how several hosts share the servers: the option
 * `coordination`, and the map `fleet` with its options and rules.
 *
 * All hosts have the same file. So it is refused if it says something that only
 * one of them could do: an inbox in a file would be another one on each host,
 * and so would the destination of some outlets.
 *
 * How long a membership lasts, and how often it is renewed, is configured. All
 * other times follow from these two, so that they fit together. The timeouts of
 * requests are not among them: a slow server may take longer to respond than a
 * membership lasts. What is under way when it ends is cancelled then.
 */
#include "config/config_fleet.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/reason.h"
#include "config/config_resolve.h"
#include "config/config_value.h"
#include "config/units.h"

#define SECOND UINT64_C(1000)
#define HOUR (3600 * SECOND)
#define RENEWALS_MIN 3 /* in a membership: two may fail */
#define WEIGHT_MAX 10000
#define MOVES_PER_S 8

#define IN_FLEET(member) .offset = offsetof(struct config_fleet, member)

static const struct option_row rows[] = {
    {
        .name = "inbox",
        .value = OPTION_REFERENCE,
        .fallback = "the only inbox",
        .word = "name",
        .help = "The inbox whose database coordinates the hosts. It may be "
                "omitted if there is exactly one.",
    },
    {
        .name = "ttl",
        .value = OPTION_DURATION,
        .min = SECOND,
        .max = HOUR,
        .fallback = "30s",
        IN_FLEET(policy.ttl_ms),
        .help = "How long a host that is not heard of keeps its servers. Other "
                "hosts begin to poll them a sixth of that later, a host that "
                "cannot reach the database stops a sixth earlier. Shorter: a "
                "failed host is replaced sooner, and a database that is busy "
                "or restarts for a moment interrupts polling sooner. At least "
                "three renewals.",
    },
    {
        .name = "renewal",
        .value = OPTION_DURATION,
        .min = 100,
        .max = HOUR,
        .fallback = "none",
        IN_FLEET(policy.renew_ms),
        .help = "How often a host says that it is alive: one statement of the "
                "database each time. With none, a sixth of ttl.",
    },
    {
        .name = "weights",
        .value = OPTION_GROUP,
        .fallback = "100 for each host",
        .word = "mapping",
        .help = "The share of servers that a host gets, relative to the other "
                "hosts, from 0 to 10000: {big.example.ac.uk: 200}. With 0 it "
                "polls nothing, and replaces nobody.",
    },
};
const struct option_table config_fleet_rows = OPTION_TABLE(rows);

int config_host_check(const char *name, char *why, size_t why_size)
{
    char reason[HAPLO_TEXT_SIZE_MAX];
    if (strlen(name) >= FLEET_HOST_SIZE) {
        return reason_write(why, why_size, HAPLO_EINVAL,
                            "longer than %d characters: shorten it",
                            FLEET_HOST_SIZE - 1);
    }
    if (haplo_name_check(name, reason, sizeof reason) != 0) {
        return reason_write(why, why_size, HAPLO_EINVAL,
                            "it has a character that no name can have: write "
                            "it like poll1.example.ac.uk");
    }
    return 0;
}

uint32_t config_fleet_weight(const struct config_fleet *fleet, const char *host)
{
    for (size_t i = 0; i < fleet->weight_count; i++) {
        if (strcmp(fleet->weights[i].host, host) == 0) {
            return fleet->weights[i].weight;
        }
    }
    return CONFIG_FLEET_WEIGHT;
}

/* Weights */

/* While `weights` is being read. */
struct reading {
    const struct config_mapping *mapping; /* of `fleet` */
    struct list weights;                  /* struct config_fleet_weight */
};

/* False after reporting what is wrong with the name. */
static bool host_check(const struct reading *reading,
                       const struct config_event *key)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    char quoted[CONFIG_SHOW_SIZE];
    const struct config_pair at = {.place = key->place};
    if (config_host_check(key->text, why, sizeof why) != 0) {
        config_mapping_fail(reading->mapping, HP_NAME_INVALID, &at,
                            "weights: %s: %s", config_quote(key->text, quoted),
                            why);
        return false;
    }
    for (size_t i = 0; i < reading->weights.count; i++) {
        const struct config_fleet_weight *other = list_at(&reading->weights, i);
        if (strcmp(other->host, key->text) == 0) {
            config_mapping_fail(reading->mapping, HP_KEY_TWICE, &at,
                                "weights: %s is already given: remove one of "
                                "them",
                                other->host);
            return false;
        }
    }
    return true;
}

/* False after reporting that it is no weight. */
static bool weight_parse(const struct reading *reading,
                         const struct config_event *value, uint64_t *weight)
{
    char quoted[CONFIG_SHOW_SIZE];
    const struct config_pair at = {.place = value->place};
    if (value->kind == CONFIG_EVENT_VALUE &&
        count_parse(value->text, weight) == 0 && *weight <= WEIGHT_MAX) {
        return true;
    }
    config_mapping_fail(reading->mapping, HP_NOT_A_COUNT, &at,
                        "weights: %s is not a weight: write a whole number, 0 "
                        "to %d",
                        value->kind == CONFIG_EVENT_VALUE
                            ? config_quote(value->text, quoted)
                            : "this",
                        WEIGHT_MAX);
    return false;
}

/* Reads the weight of a host; takes the text of the key. */
static void weight_read(struct reading *reading, struct config_event *key)
{
    struct config_event value;
    uint64_t weight;
    struct config_loading *loading = reading->mapping->loading;
    config_events_next(loading->events, &value);
    if (value.kind == CONFIG_EVENT_END) {
        free(key->text);
        return;
    }
    if (host_check(reading, key) && weight_parse(reading, &value, &weight)) {
        struct config_fleet_weight *added = list_add(&reading->weights);
        const char *host = arena_string(&loading->config->arena, key->text);
        if (added == NULL || host == NULL) {
            config_loading_no_memory(loading);
        } else {
            *added = (struct config_fleet_weight){host, (uint32_t)weight};
        }
    }
    free(key->text);
    config_events_skip(loading->events, &value);
}

static void weights_keep(const struct reading *reading)
{
    struct config_loading *loading = reading->mapping->loading;
    struct config_fleet *fleet = &loading->config->fleet;
    size_t size = reading->weights.count * sizeof *fleet->weights;
    fleet->weights = arena_bytes(&loading->config->arena, size);
    if (fleet->weights == NULL) {
        config_loading_no_memory(loading);
    } else if (size > 0) {
        memcpy(fleet->weights, reading->weights.items, size);
        fleet->weight_count = reading->weights.count;
    }
}

void config_fleet_weights_read(const struct config_mapping *mapping,
                               struct config_pair *pair,
                               struct config_event *event)
{
    struct config_event key;
    struct config_loading *loading = mapping->loading;
    struct reading reading = {
        .mapping = mapping,
        .weights.item_size = sizeof(struct config_fleet_weight),
    };
    if (event->kind != CONFIG_EVENT_MAPPING) {
        config_mapping_fail(mapping, HP_VALUE_SHAPE, pair,
                            "weights: it is not a mapping: write it like "
                            "{HOST: 200}");
        config_events_skip(loading->events, event);
        return;
    }
    while (!loading->has_no_memory) {
        config_events_next(loading->events, &key);
        if (key.kind == CONFIG_EVENT_MAPPING_END ||
            key.kind == CONFIG_EVENT_END) {
            break;
        }
        if (key.kind == CONFIG_EVENT_VALUE) {
            weight_read(&reading, &key);
            continue;
        }
        const struct config_pair at = {.place = key.place};
        config_mapping_fail(mapping, HP_KEY_NOT_A_WORD, &at,
                            "a key is not a plain word: write HOST: WEIGHT");
        config_events_skip(loading->events, &key);
        config_events_next(loading->events, &key);
        config_events_skip(loading->events, &key);
    }
    if (!loading->has_no_memory) {
        weights_keep(&reading);
    }
    list_free(&reading.weights);
}

/* The map, and the option */

static uint64_t at_most(uint64_t value, uint64_t limit)
{
    return value < limit ? value : limit;
}

/* At the default of 30 s and 5 s: 500 ms, 1 s, 5 s, 5 s and 3 s. What others
 * take over was free for a third of ttl before: enough for most requests to
 * end by themselves. */
static void policy_complete(struct fleet_policy *policy)
{
    if (policy->renew_ms == 0) {
        policy->renew_ms = policy->ttl_ms / 6;
    }
    policy->soon_ms = at_most(policy->renew_ms / 2, SECOND / 2);
    policy->retry_ms = at_most(policy->renew_ms / 2, SECOND);
    policy->margin_ms = policy->ttl_ms / 6;
    policy->grace_ms = policy->ttl_ms / 6;
    policy->jitter_ms = policy->ttl_ms / 10;
    policy->moves_per_s = MOVES_PER_S;
}

static void ttl_check(const struct config_mapping *mapping,
                      const struct fleet_policy *policy)
{
    char ttl[UNITS_TEXT_SIZE];
    char renewal[UNITS_TEXT_SIZE];
    const struct config_pair *pair = config_mapping_find(mapping, "renewal");
    if (policy->ttl_ms < RENEWALS_MIN * policy->renew_ms) {
        config_mapping_fail(mapping, HP_FLEET_TTL_SHORT, pair,
                            "renewal (%s) is more than a third of ttl (%s), so "
                            "that a single failure could end a membership: "
                            "lower the one or raise the other",
                            duration_format(policy->renew_ms, renewal),
                            duration_format(policy->ttl_ms, ttl));
    }
}

void config_fleet_begin(struct config_loading *loading)
{
    struct config_fleet *fleet = &loading->config->fleet;
    if (config_values_default(loading->config, &config_fleet_rows, fleet) !=
        0) {
        config_loading_no_memory(loading);
    }
    policy_complete(&fleet->policy);
}

void config_fleet_take(const struct config_mapping *mapping)
{
    struct config_loading *loading = mapping->loading;
    struct fleet_policy *policy = &loading->config->fleet.policy;
    const struct config_pair *inbox = config_mapping_find(mapping, "inbox");
    policy->renew_ms = 0;
    if (config_mapping_apply(mapping, &config_fleet_rows,
                             &loading->config->fleet, NULL) == 0) {
        policy_complete(policy);
        ttl_check(mapping, policy);
    }
    if (inbox != NULL) {
        const char *name = config_mapping_text(mapping, "inbox");
        loading->fleet_inbox_place = inbox->value_place;
        loading->fleet_inbox =
            arena_string(&loading->arena, name != NULL ? name : "");
    }
}

void config_coordination_take(const struct config_mapping *top)
{
    struct config_fleet *fleet = &top->loading->config->fleet;
    const struct config_pair *pair = config_mapping_find(top, "coordination");
    const struct config_pair *map = config_mapping_find(top, "fleet");
    if (fleet->coordination != CONFIG_COORDINATION_NONE) {
        fleet->place = pair->value_place;
    } else if (map != NULL && pair == NULL) {
        config_mapping_fail(top, HP_OPTION_WITHOUT_EFFECT, map,
                            "fleet has no effect, and this host would poll "
                            "everything: add \"coordination: postgres\", or "
                            "remove it");
    }
}

/* What fits together */

/* The type that is called like the way of coordination. */
static bool is_shared(const struct config_inbox *inbox)
{
    return inbox->type == NULL || strcmp(inbox->type->name, "postgres") == 0;
}

static void inboxes_check(struct config_loading *loading)
{
    char name[CONFIG_SHOW_SIZE];
    const struct config *config = loading->config;
    for (size_t i = 0; i < config->inbox_count; i++) {
        const struct config_inbox *inbox = &config->inboxes[i];
        if (!is_shared(inbox)) {
            config_errors_add(
                &loading->errors, HP_COORDINATION_INBOX, inbox->place,
                "inbox %s: it is of the type %s, which only one host can use, "
                "and a takeover would split the data: use the type postgres, "
                "or remove coordination",
                config_entry_name(inbox->name, i, name), inbox->type->name);
        }
    }
}

static void outlets_check(struct config_loading *loading)
{
    char name[CONFIG_SHOW_SIZE];
    const struct config *config = loading->config;
    for (size_t i = 0; i < config->outlet_count; i++) {
        const struct config_outlet *outlet = &config->outlets[i];
        const struct outlet_type *type = outlet->forward.type;
        if (type != NULL && type->is_local) {
            config_errors_add(
                &loading->errors, HP_COORDINATION_OUTLET, outlet->place,
                "outlet %s: it is of the type %s, so each host would have a "
                "part of the messages: use an outlet that all hosts reach, or "
                "remove coordination",
                config_entry_name(outlet->forward.name, i, name), type->name);
        }
    }
}

static void inbox_find(struct config_loading *loading)
{
    struct config *config = loading->config;
    struct config_fleet *fleet = &config->fleet;
    if (loading->fleet_inbox != NULL) {
        fleet->inbox = config_inbox_find(config, loading->fleet_inbox);
    } else if (config->inbox_count == 1) {
        fleet->inbox = config->inboxes;
    } else if (config->inbox_count > 1) {
        config_errors_add(&loading->errors, HP_INBOX_AMBIGUOUS, fleet->place,
                          "coordination: there are several inboxes: add "
                          "\"fleet: {inbox: NAME}\"");
    }
    /* "": the error has been reported. */
    if (loading->fleet_inbox != NULL && loading->fleet_inbox[0] != '\0') {
        config_inbox_check(loading, loading->fleet_inbox,
                           loading->fleet_inbox_place, "fleet");
    }
}

void config_fleet_resolve(struct config_loading *loading)
{
    if (loading->config->fleet.coordination == CONFIG_COORDINATION_NONE) {
        return;
    }
    inbox_find(loading);
    inboxes_check(loading);
    outlets_check(loading);
}
