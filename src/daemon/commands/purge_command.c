/*
 * purge_command.c - erases messages about a person or an object from an inbox,
 * for a request that the law grants.
 *
 *   - With --dry-run, the inbox is read, and the messages that match are
 *     listed.
 *   - Otherwise the process that uses the inbox erases them: see
 *     task_command.h and inbox/inbox_purge.h.
 *   - Then everything is listed that it cannot reach: what outlets have
 *     delivered, other inboxes, backups, the servers.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/wall_clock.h"
#include "daemon/command.h"
#include "daemon/commands/selection.h"
#include "daemon/log/log.h"
#include "daemon/task/task_command.h"
#include "inbox/inbox_purge.h"
#include "inbox/inbox_view.h"

#define USAGE                                                            \
    "purge takes --object REF, --pointer POINTER and --value VALUE, or " \
    "--arrival NUMBER"
#define OBJECT_POINTER "/object/ref" /* of a global observation message */

/* All that the command knows. */
struct purge {
    struct config *config;            /* owned, until the task takes it */
    const struct config_inbox *inbox; /* which */
    struct task_request request;      /* what to erase */
    struct inbox_purge match;         /* the same, to compare messages with */
    uint64_t count;                   /* --dry-run: of matches */
    bool is_out_of_memory;            /* --dry-run: some were not examined */
};

static enum exit_code misused(const char *text)
{
    log_line(LOG_LEVEL_ERROR, "%s", text);
    return EXIT_CODE_USAGE;
}

/* The request */

/* False if it does not fit. */
static bool copy(char *out, size_t size, const char *text)
{
    return text == NULL || (size_t)snprintf(out, size, "%s", text) < size;
}

static bool is_one_of_three(const struct command_options *options)
{
    bool has_pointer = options->pointer != NULL && options->value != NULL;
    bool is_half = (options->pointer == NULL) != (options->value == NULL);
    return !is_half && (options->object != NULL) + has_pointer +
                               (options->arrival != NULL) ==
                           1;
}

static bool what_fill(struct task_request *request,
                      const struct command_options *options)
{
    const char *pointer =
        options->object != NULL ? OBJECT_POINTER : options->pointer;
    const char *value =
        options->object != NULL ? options->object : options->value;
    return copy(request->pointer, sizeof request->pointer, pointer) &&
           copy(request->value, sizeof request->value, value) &&
           copy(request->why, sizeof request->why, options->reason);
}

static bool queue_fill(struct task_request *request,
                       const struct command_options *options)
{
    if (options->server == NULL) {
        return true;
    }
    return options->queue == NULL &&
           (size_t)snprintf(request->queue, sizeof request->queue, "%s/*",
                            options->server) < sizeof request->queue;
}

/* Also if another process is to erase them: it finds mistakes too late. */
static enum exit_code match_make(struct purge *purge)
{
    const struct task_request *request = &purge->request;
    struct reason why;
    int error = inbox_purge_init(
        &purge->match, request->pointer[0] != '\0' ? request->pointer : NULL,
        request->value, "", &why);
    return error == 0 ? EXIT_CODE_FINE : misused(why.text);
}

static enum exit_code request_fill(struct purge *purge,
                                   const struct command_options *options)
{
    struct selection selection;
    purge->inbox = command_find_inbox(purge->config, options->inbox);
    if (purge->inbox == NULL ||
        selection_read(&selection, purge->config, options) != 0 ||
        (options->arrival != NULL &&
         selection_read_arrival(&selection, options->arrival) != 0)) {
        return EXIT_CODE_USAGE;
    }
    selection.inbox = purge->inbox;
    if (selection_request(&selection, purge->config, &purge->request) != 0) {
        return EXIT_CODE_USAGE;
    }
    purge->request.kind = INBOX_TASK_PURGE;
    if (!what_fill(&purge->request, options) ||
        !queue_fill(&purge->request, options)) {
        return misused("an option of purge is too long, or both --server and "
                       "--queue are given");
    }
    if (options->server != NULL) {
        selection_check_queue(purge->config, purge->request.queue);
    }
    return match_make(purge);
}

/* --dry-run */

static bool list_message(const struct inbox_message *message, void *data)
{
    struct purge *purge = data;
    char at[WALL_CLOCK_TEXT_SIZE];
    int error;
    if (purge->request.arrival != 0 &&
        message->arrival != purge->request.arrival) {
        return true;
    }
    if (!inbox_purge_matches(&purge->match, message->body, &error)) {
        purge->is_out_of_memory |= error != 0;
        return true;
    }
    if (purge->count++ == 0) {
        printf("%-10s  %-20s  %s\n", "ARRIVAL", "RECEIVED", "QUEUE");
    }
    printf("%-10" PRIu64 "  %-20s  %s/%s\n", message->arrival,
           wall_clock_text(message->received_at_ms, at), message->server,
           message->queue);
    return true;
}

static enum exit_code matches_list(struct purge *purge)
{
    const struct task_request *request = &purge->request;
    uint64_t first;
    uint64_t last;
    const struct inbox_view view = {
        .filter = {.queue = request->queue,
                   .since_ms = request->since_ms,
                   .until_ms = request->until_ms},
        .message_cb = list_message,
        .data = purge,
        .first = &first,
        .last = &last,
    };
    char why[HAPLO_TEXT_SIZE_MAX];
    if (inbox_view(purge->inbox->type, purge->inbox->options, &view, why,
                   sizeof why) != 0) {
        log_line(LOG_LEVEL_ERROR, "inbox %s: %s", purge->inbox->name, why);
        return EXIT_CODE_FAILED;
    }
    if (purge->is_out_of_memory) {
        log_line(LOG_LEVEL_ERROR, "out of memory: the list is incomplete");
        return EXIT_CODE_FAILED;
    }
    char unread[96] = "";
    if (purge->match.unread_count > 0) {
        snprintf(unread, sizeof unread,
                 "; not JSON, although they contain the value: %" PRIu64
                 " (see --arrival)",
                 purge->match.unread_count);
    }
    log_line(LOG_LEVEL_INFO, "inbox %s: messages to be purged: %" PRIu64 "%s",
             purge->inbox->name, purge->count, unread);
    return EXIT_CODE_FINE;
}

static enum exit_code dry_run(struct purge *purge)
{
    enum exit_code code = matches_list(purge);
    config_free(purge->config);
    return code;
}

/* What is not reached */

/* The file or folder that an outlet writes to, or NULL. */
static const char *path_of(const struct forwarder_options *forward)
{
    for (size_t i = 0; i < forward->type->option_count; i++) {
        const struct option_row *row = &forward->type->options[i];
        if (row->value == OPTION_PATH || row->value == OPTION_FOLDER) {
            const void *at = (const char *)forward->type_options + row->offset;
            return *(const char *const *)at;
        }
    }
    return NULL;
}

static void rest_write(const struct purge *purge, FILE *out)
{
    const struct config *config = purge->config;
    fprintf(out, "Not reached:\n");
    for (size_t i = 0; i < config->outlet_count; i++) {
        const struct forwarder_options *forward = &config->outlets[i].forward;
        const char *path = path_of(forward);
        if (config->outlets[i].inbox == purge->inbox) {
            fprintf(out, "- what outlet %s (%s) has delivered%s%s\n",
                    forward->name, forward->type->name,
                    path != NULL ? ": " : "", path != NULL ? path : "");
        }
    }
    for (size_t i = 0; i < config->inbox_count; i++) {
        if (&config->inboxes[i] != purge->inbox) {
            fprintf(out, "- inbox %s: purge it with --inbox %s\n",
                    config->inboxes[i].name, config->inboxes[i].name);
        }
    }
    for (size_t i = 0; i < config->server_count; i++) {
        fprintf(out, "- server %s, which may still have them\n",
                config->servers[i].options.name);
    }
    if (purge->inbox->type->purge_rest != NULL) {
        fputs(purge->inbox->type->purge_rest, out);
    }
    fprintf(out, "- backups of the inbox, programs that have read it, and "
                 "logs of receivers\n");
}

/* The list, from malloc(), while there is a configuration; NULL: no memory. */
static char *rest_make(const struct purge *purge)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) {
        return NULL;
    }
    rest_write(purge, out);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* The command */

static enum exit_code erase(struct purge *purge)
{
    char *rest = rest_make(purge);
    if (rest == NULL) {
        config_free(purge->config);
        log_line(LOG_LEVEL_ERROR, "out of memory");
        return EXIT_CODE_FAILED;
    }
    enum exit_code code = task_command(purge->config, &purge->request);
    if (code == EXIT_CODE_FINE) {
        fputs(rest, stdout);
    }
    free(rest);
    return code;
}

enum exit_code command_purge(const struct command_options *options)
{
    struct purge purge = {.count = 0};
    log_open(options->is_verbose, false);
    if (!is_one_of_three(options)) {
        return misused(USAGE);
    }
    enum exit_code code =
        command_load_config(options, CONFIG_RUN, &purge.config);
    if (code != EXIT_CODE_FINE) {
        return code;
    }
    code = request_fill(&purge, options);
    if (code != EXIT_CODE_FINE) {
        config_free(purge.config);
    } else {
        code = options->is_dry_run ? dry_run(&purge) : erase(&purge);
    }
    inbox_purge_free(&purge.match);
    return code;
}
