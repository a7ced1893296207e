/*
 * fleet_command.c - `fleet`: the hosts that share the servers of the
 * configuration, as the database has them. No process need run here.
 */
#include "daemon/commands/fleet_command.h"

#include <stdio.h>
#include <stdlib.h>

#include "config/config_digest.h"
#include "daemon/commands/status_fleet.h"
#include "daemon/fleet/fleet_json.h"
#include "daemon/log/log.h"
#include "daemon/text/json_tree.h"
#include "daemon/text/json_writer.h"

/* What the command has found out. */
struct finding {
    struct inbox_fleet_view view;     /* the tables */
    struct observer_member *members;  /* owned; of the view */
    size_t desired[FLEET_SLOT_COUNT]; /* owners */
    char digest[CONFIG_DIGEST_SIZE];  /* of the configuration here */
    size_t free_count;                /* slots without an owner */
};

enum exit_code fleet_command_inbox(const struct config *config,
                                   const struct config_inbox **inbox)
{
    *inbox = config->fleet.inbox;
    if (*inbox == NULL) {
        log_line(LOG_LEVEL_ERROR,
                 "%s has no fleet: only this host polls its servers, unless it "
                 "has \"coordination: postgres\"",
                 config->path);
        return EXIT_CODE_USAGE;
    }
    return EXIT_CODE_FINE;
}

/* As all hosts do it, from the same rows. */
static bool place(struct finding *finding)
{
    const struct inbox_fleet_view *view = &finding->view;
    struct placement_host *hosts =
        calloc(view->member_count + 1, sizeof *hosts);
    if (hosts == NULL) {
        return false;
    }
    for (size_t i = 0; i < view->member_count; i++) {
        const struct fleet_member *member = &view->members[i];
        bool has_share = member->left_ms > 0 && !member->is_draining;
        hosts[i].hash = placement_hash(member->host);
        hosts[i].weight = has_share ? member->weight : 0;
    }
    for (unsigned slot = 0; slot < FLEET_SLOT_COUNT; slot++) {
        finding->desired[slot] =
            placement_owner(slot, hosts, view->member_count);
    }
    free(hosts);
    return true;
}

/* False if memory runs out. */
static bool judge(struct finding *finding)
{
    const struct inbox_fleet_view *view = &finding->view;
    const struct observer_tables tables = {
        .members = view->members,
        .details = view->details,
        .member_count = view->member_count,
        .slots = view->slots,
        .desired = finding->desired,
        .digest = finding->digest,
    };
    if (!place(finding)) {
        return false;
    }
    finding->members = observer_members_make(&tables);
    for (size_t i = 0; i < FLEET_SLOT_COUNT; i++) {
        size_t owner = view->slots[i].owner;
        finding->free_count +=
            owner >= view->member_count || view->members[owner].left_ms <= 0;
    }
    return finding->members != NULL;
}

/* Output */

static void write_json(const struct finding *finding, struct json_writer *json)
{
    json_object(json, NULL);
    json_time(json, "now", finding->view.now_ms);
    json_text(json, "digest", finding->digest);
    json_count(json, "slots_total", FLEET_SLOT_COUNT);
    json_count(json, "slots_without_owner", finding->free_count);
    fleet_json_hosts(json, "hosts", finding->members,
                     finding->view.member_count, NULL);
    json_object_end(json);
}

/* The same as a table. Returns 0, or HAPLO_ENOMEM. */
static int print_table(const struct finding *finding, struct json_writer *json)
{
    struct terminal terminal;
    json_raw(json, "", 1); /* ends the text */
    struct json_tree *tree =
        json->is_failed ? NULL : json_tree_read(json->data);
    if (tree == NULL) {
        return HAPLO_ENOMEM;
    }
    terminal_init(&terminal, stdout);
    int error = status_fleet_hosts(&terminal, tree, finding->view.now_ms);
    json_tree_free(tree);
    if (finding->view.member_count == 0) {
        printf("no host has joined yet\n");
    } else if (finding->free_count > 0) {
        printf("slots without an owner: %zu of %d\n", finding->free_count,
               FLEET_SLOT_COUNT);
    }
    return error;
}

static int print(const struct finding *finding, bool is_json)
{
    struct json_writer json = {0};
    int error;
    write_json(finding, &json);
    if (is_json) {
        json_end_line(&json);
        error = json_writer_print(&json, stdout);
    } else {
        error = print_table(finding, &json);
    }
    json_writer_free(&json);
    return error;
}

/* The command */

static enum exit_code show(const struct config *config,
                           const struct config_inbox *inbox, bool is_json)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    struct finding finding = {.free_count = 0};
    if (inbox_fleet_view(inbox->type, inbox->options, &finding.view, why,
                         sizeof why) != 0) {
        log_line(LOG_LEVEL_ERROR, "inbox %s: %s", inbox->name, why);
        return EXIT_CODE_FAILED;
    }
    bool is_printed = config_digest(config, finding.digest) == 0 &&
                      judge(&finding) && print(&finding, is_json) == 0;
    if (!is_printed) {
        log_line(LOG_LEVEL_ERROR,
                 "out of memory: what was printed is incomplete");
    }
    free(finding.members);
    inbox_fleet_view_free(&finding.view);
    return is_printed && finding.free_count == 0 ? EXIT_CODE_FINE
                                                 : EXIT_CODE_FAILED;
}

enum exit_code command_fleet(const struct command_options *options)
{
    struct config *config;
    const struct config_inbox *inbox;
    log_open(options->is_verbose, false);
    enum exit_code code = command_load_config(options, CONFIG_RUN, &config);
    if (code != EXIT_CODE_FINE) {
        return code;
    }
    code = fleet_command_inbox(config, &inbox);
    if (code == EXIT_CODE_FINE) {
        code = show(config, inbox, options->is_json);
    }
    config_free(config);
    return code;
}
