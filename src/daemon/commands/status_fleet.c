#include "daemon/commands/status_fleet.h"

#include <inttypes.h>
#include <string.h>

#include "daemon/commands/status_cells.h"
#include "daemon/text/human.h"

static const struct table_column columns[] = {
    {"HOST", false, 12},   {"STATE", false, 0},         {"WEIGHT", true, 0},
    {"SLOTS", true, 0},    {"DESIRED", true, 0},        {"HEARD", true, 0},
    {"VERSION", false, 0}, {"CONFIGURATION", false, 0},
};

static bool is_text(const struct json_tree *item, const char *name,
                    const char *wanted)
{
    const char *text = json_tree_text(item, name);
    return text != NULL && strcmp(text, wanted) == 0;
}

static uint64_t count_of(const struct json_tree *fleet, const char *name)
{
    return json_tree_count(json_tree_member(fleet, "slots"), name);
}

bool status_fleet_is_fine(const struct json_tree *fleet)
{
    const char *state = json_tree_text(fleet, "state");
    return state == NULL || (strcmp(state, "member") == 0 &&
                             count_of(fleet, "without_owner") == 0 &&
                             !json_tree_bool(fleet, "configurations_differ"));
}

/* The summary */

static void print_trouble(const struct terminal *terminal,
                          const struct json_tree *fleet, uint64_t now_ms)
{
    char text[HUMAN_TEXT_SIZE];
    const char *what = json_tree_text(fleet, "state_text");
    const char *cause = json_tree_text(fleet, "cause");
    uint64_t stops_ms = json_tree_time(fleet, "stops_polling_at");
    fprintf(terminal->out, "%sthis host %s",
            terminal_begin(terminal, TERMINAL_BAD), what != NULL ? what : "?");
    if (cause != NULL) {
        fprintf(terminal->out, ": %s", cause);
    }
    if (stops_ms > now_ms) {
        fprintf(terminal->out, "; it stops polling in %s",
                human_duration(stops_ms - now_ms, text));
    }
    fprintf(terminal->out, "%s\n", terminal_end(terminal, TERMINAL_BAD));
}

static void print_slots(const struct terminal *terminal,
                        const struct json_tree *fleet)
{
    uint64_t leaving = count_of(fleet, "draining") + count_of(fleet, "drained");
    uint64_t unowned = count_of(fleet, "without_owner");
    fprintf(terminal->out, "slots: %" PRIu64 " of %" PRIu64,
            count_of(fleet, "own"), count_of(fleet, "total"));
    if (leaving > 0) {
        fprintf(terminal->out, ", %" PRIu64 " leaving", leaving);
    }
    if (unowned > 0) {
        fprintf(terminal->out, "; %s%" PRIu64 " without an owner%s",
                terminal_begin(terminal, TERMINAL_BAD), unowned,
                terminal_end(terminal, TERMINAL_BAD));
    }
    fputc('\n', terminal->out);
}

static uint64_t count_hosts(const struct json_tree *fleet, const char *state)
{
    const struct json_tree *hosts = json_tree_member(fleet, "hosts");
    const struct json_tree *host;
    uint64_t count = 0;
    for (size_t i = 0; (host = json_tree_item(hosts, i)) != NULL; i++) {
        count += is_text(host, "state", state);
    }
    return count;
}

void status_fleet_summary(const struct terminal *terminal,
                          const struct json_tree *fleet, uint64_t now_ms)
{
    const char *host = json_tree_text(fleet, "host");
    uint64_t expired = count_hosts(fleet, "expired");
    if (host == NULL) {
        return;
    }
    fprintf(terminal->out, "fleet: host %s; hosts: %" PRIu64, host,
            count_hosts(fleet, "alive") + count_hosts(fleet, "draining"));
    if (expired > 0) {
        fprintf(terminal->out, ", %s%" PRIu64 " expired%s",
                terminal_begin(terminal, TERMINAL_BAD), expired,
                terminal_end(terminal, TERMINAL_BAD));
    }
    fputs("; ", terminal->out);
    print_slots(terminal, fleet);
    if (!is_text(fleet, "state", "member")) {
        print_trouble(terminal, fleet, now_ms);
    }
}

/* The table */

static enum terminal_style style_of(const struct json_tree *host)
{
    return is_text(host, "state", "alive")      ? TERMINAL_GOOD
           : is_text(host, "state", "draining") ? TERMINAL_WARNING
           : is_text(host, "state", "expired")  ? TERMINAL_BAD
                                                : TERMINAL_DIM;
}

static void put_configuration(struct table *table, const struct json_tree *host)
{
    if (json_tree_bool(host, "configuration_differs")) {
        table_text(table, TERMINAL_WARNING, "differs");
    } else {
        table_text(table, TERMINAL_PLAIN,
                   is_text(host, "state", "alive") ||
                           is_text(host, "state", "draining")
                       ? "same"
                       : "");
    }
}

int status_fleet_hosts(const struct terminal *terminal,
                       const struct json_tree *fleet, uint64_t now_ms)
{
    const struct json_tree *hosts = json_tree_member(fleet, "hosts");
    const struct json_tree *host;
    struct table table;
    table_init(&table, terminal, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; (host = json_tree_item(hosts, i)) != NULL; i++) {
        const char *state = json_tree_text(host, "state");
        status_put_text(&table, host, "name");
        table_text(&table, style_of(host), state != NULL ? state : "?");
        status_put_number(&table, host, "weight");
        status_put_number(&table, host, "slots");
        status_put_number(&table, host, "desired_slots");
        status_put_since(&table, host, "renewed_at", now_ms);
        status_put_text(&table, host, "version");
        put_configuration(&table, host);
    }
    return table_end(&table);
}
