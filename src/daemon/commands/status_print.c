/*
 * status_print.c - asks for the status, and prints it.
 *
 *   - The summary: how many objects there are in which health.
 *   - Tables of servers, queues, outlets and inboxes. Of servers and queues,
 *     those that need attention, the worst first; if there are few, all.
 *   - Long lists are asked for and printed page by page.
 */
#include "daemon/commands/status_print.h"

#include <inttypes.h>
#include <string.h>

#include "base/command_hint.h"
#include "base/reason.h"
#include "daemon/commands/certificate_note.h"
#include "daemon/commands/status_cells.h"
#include "daemon/commands/status_fleet.h"
#include "daemon/text/human.h"

#define FEW 20 /* so many servers or queues are all shown */
#define LINES_OF_OTHERS 14
#define ROWS_MIN 3
#define TROUBLE "health=blocked,held,refused,failing,paused"

/* A printing of the status. */
struct printing {
    const struct terminal *terminal;      /* borrowed */
    const struct status_options *options; /* borrowed */
    struct json_tree *status;             /* owned; the summary */
    struct table table;                   /* the current one */
    uint64_t now_ms;                      /* of the process */
    bool shows_all;                       /* of the current list */
    size_t row_max;                       /* of the current table; 0: all */
    size_t row_count;                     /* so far */
    size_t left_count;                    /* rows that were left out */
    size_t server_rows;                   /* rows before the queues */
    char *why;                            /* borrowed */
    size_t why_size;                      /* of why */
};

static bool is_ok(const struct json_tree *item)
{
    const char *health = json_tree_text(item, "health");
    return health != NULL && strcmp(health, "ok") == 0;
}

/* The summary */

static const char *const healths[] = {"ok",      "blocked",  "held",
                                      "refused", "failing",  "not_tried",
                                      "paused",  "elsewhere"};

#define HEALTH_COUNT (sizeof healths / sizeof *healths)

static const char *health_text(size_t index)
{
    return strcmp(healths[index], "not_tried") == 0 ? "not tried"
                                                    : healths[index];
}

static void print_counts(struct printing *printing, const char *name)
{
    const struct json_tree *counts = json_tree_member(printing->status, name);
    const struct terminal *terminal = printing->terminal;
    const char *gap = " (";
    fprintf(terminal->out, "%s: %" PRIu64, name,
            json_tree_count(counts, "total"));
    for (size_t i = 0; i < HEALTH_COUNT; i++) {
        uint64_t count = json_tree_count(counts, healths[i]);
        enum terminal_style style = status_style(healths[i]);
        if (count > 0) {
            fprintf(terminal->out, "%s%s%" PRIu64 " %s%s", gap,
                    terminal_begin(terminal, style), count, health_text(i),
                    terminal_end(terminal, style));
            gap = ", ";
        }
    }
    fputs(gap[0] == ',' ? ")" : "", terminal->out);
}

/* Of what makes it not ready, that which no table below shows. */
static const char *unready_why(const struct json_tree *status,
                               char text[COMMAND_HINT_SIZE + 64])
{
    char hint[COMMAND_HINT_SIZE];
    const struct json_tree *configuration =
        json_tree_member(status, "configuration");
    const char *phase = json_tree_text(status, "phase");
    if (phase == NULL || strcmp(phase, "open") != 0) {
        return ": it is starting or stopping";
    }
    if (json_tree_count(configuration, "rejected_reloads_total") > 0 &&
        !json_tree_bool(configuration, "last_reload_ok")) {
        snprintf(text, COMMAND_HINT_SIZE + 64,
                 ": the last reload was rejected; see the log, or run `%s`",
                 command_hint(hint, "check", NULL));
        return text;
    }
    return "";
}

/* What a reload has not finished, which does not make it unready. */
static void print_waiting(const struct json_tree *configuration, FILE *out)
{
    const struct json_tree *waiting =
        json_tree_member(configuration, "waiting");
    const struct json_tree *line;
    uint64_t count = json_tree_count(configuration, "waiting_count");
    size_t shown = 0;
    while ((line = json_tree_item(waiting, shown)) != NULL) {
        const char *text = json_tree_text(line, NULL);
        fprintf(out, "the reload waits for %s\n", text != NULL ? text : "?");
        shown++;
    }
    if (count > shown) {
        fprintf(out, "the reload waits for %" PRIu64 " more\n", count - shown);
    }
}

static void print_summary(struct printing *printing)
{
    const struct json_tree *status = printing->status;
    const struct json_tree *configuration =
        json_tree_member(status, "configuration");
    const struct terminal *terminal = printing->terminal;
    const char *version = json_tree_text(status, "version");
    const char *environment = json_tree_text(status, "environment");
    const char *path = json_tree_text(configuration, "path");
    char up[HUMAN_TEXT_SIZE];
    char why[COMMAND_HINT_SIZE + 64];
    fprintf(terminal->out, "haplo-poll %s, process %" PRIu64 ", up %s%s%s\n",
            version != NULL ? version : "?", json_tree_count(status, "pid"),
            human_duration(json_tree_duration(status, "uptime_seconds"), up),
            environment != NULL ? ", environment " : "",
            environment != NULL ? environment : "");
    fprintf(terminal->out, "configuration: %s, generation %" PRIu64 "\n",
            path != NULL ? path : "?",
            json_tree_count(configuration, "generation"));
    if (!json_tree_bool(status, "ready")) {
        fprintf(terminal->out, "%snot ready%s%s\n",
                terminal_begin(terminal, TERMINAL_BAD),
                unready_why(status, why), terminal_end(terminal, TERMINAL_BAD));
    }
    print_waiting(configuration, terminal->out);
    status_fleet_summary(terminal, json_tree_member(status, "fleet"),
                         printing->now_ms);
    print_counts(printing, "servers");
    fputs("; ", terminal->out);
    print_counts(printing, "queues");
    fputc('\n', terminal->out);
    print_counts(printing, "outlets");
    fputs("; ", terminal->out);
    print_counts(printing, "inboxes");
    fputc('\n', terminal->out);
}

/* Tables */

static const struct table_column server_columns[] = {
    {"SERVER", false, 12}, {"STATE", false, 0}, {"QUEUES", true, 0},
    {"OK", true, 0},       {"SINCE", true, 0},  {"NEXT", true, 0},
    {"CAUSE", false, 16},
};

static const struct table_column queue_columns[] = {
    {"QUEUE", false, 12}, {"STATE", false, 0}, {"SINCE", true, 0},
    {"LAST OK", true, 0}, {"NEXT", true, 0},   {"UNREAD", true, 0},
    {"CAUSE", false, 16},
};

static const struct table_column outlet_columns[] = {
    {"OUTLET", false, 12}, {"STATE", false, 0}, {"SINCE", true, 0},
    {"BEHIND", true, 0},   {"LAG", true, 0},    {"DEAD", true, 0},
    {"CAUSE", false, 16},
};

static const struct table_column inbox_columns[] = {
    {"INBOX", false, 12},
    {"STATE", false, 0},
    {"UNROUTED", true, 0},
    {"CAUSE", false, 16},
};

/* True if the next row is to be printed. is_notable: even if it is ok. */
static bool takes_row(struct printing *printing, const struct json_tree *item,
                      bool is_notable)
{
    if (!printing->shows_all && is_ok(item) && !is_notable) {
        return false;
    }
    if (printing->row_max > 0 && printing->row_count >= printing->row_max) {
        printing->left_count++;
        return false;
    }
    printing->row_count++;
    return true;
}

static bool on_server(const struct json_tree *item, void *data)
{
    struct printing *printing = data;
    struct table *table = &printing->table;
    const struct json_tree *queues = json_tree_member(item, "queues");
    struct certificate_note note;
    bool has_note = certificate_note_read(&note, item, printing->now_ms);
    if (takes_row(printing, item, has_note)) {
        status_put_text(table, item, "name");
        status_put_state(table, item, "state");
        table_count(table, json_tree_count(queues, "total"), TERMINAL_PLAIN);
        table_count(table, json_tree_count(queues, "ok"), TERMINAL_PLAIN);
        status_put_since(table, item, "since", printing->now_ms);
        status_put_until(table, item, "next_at", printing->now_ms);
        if (has_note && json_tree_text(item, "cause") == NULL) {
            table_text(table, TERMINAL_WARNING, note.text);
        } else {
            status_put_cause(table, item);
        }
    }
    return true;
}

static bool on_queue(const struct json_tree *item, void *data)
{
    struct printing *printing = data;
    struct table *table = &printing->table;
    if (takes_row(printing, item, false)) {
        status_put_text(table, item, "name");
        status_put_state(table, item, "health");
        status_put_since(table, item, "since", printing->now_ms);
        status_put_since(table, item, "last_success_at", printing->now_ms);
        status_put_until(table, item, "next_at", printing->now_ms);
        status_put_number(table, item, "unread");
        status_put_cause(table, item);
    }
    return true;
}

static bool on_outlet(const struct json_tree *item, void *data)
{
    struct printing *printing = data;
    struct table *table = &printing->table;
    if (takes_row(printing, item, false)) {
        status_put_text(table, item, "name");
        status_put_state(table, item, "state");
        status_put_since(table, item, "since", printing->now_ms);
        status_put_number(table, item, "lag_messages");
        status_put_duration(table, item, "lag_seconds");
        table_count(table, json_tree_count(item, "dead_letters_total"),
                    TERMINAL_WARNING);
        status_put_text(table, item, "cause");
    }
    return true;
}

static bool on_inbox(const struct json_tree *item, void *data)
{
    struct printing *printing = data;
    struct table *table = &printing->table;
    if (takes_row(printing, item, false)) {
        status_put_text(table, item, "name");
        status_put_state(table, item, "state");
        table_count(table, json_tree_count(item, "unrouted_total"),
                    TERMINAL_WARNING);
        status_put_text(table, item, "cause");
    }
    return true;
}

struct listing {
    const char *name;                   /* of the array and in the summary */
    const char *path;                   /* of all of them */
    const char *trouble_path;           /* of those that are not ok */
    const struct table_column *columns; /* of the table */
    size_t column_count;                /* length of columns */
    remote_item_cb item_cb;             /* prints a row */
    bool is_long;                       /* only what needs attention */
};

#define COLUMNS(columns) columns, sizeof(columns) / sizeof *(columns)

static const struct listing listings[] = {
    {"servers", "/api/v1/servers?limit=1000", "/api/v1/servers?limit=1000",
     COLUMNS(server_columns), on_server, true},
    {"queues", "/api/v1/queues?limit=1000&sort=health",
     "/api/v1/queues?limit=1000&sort=health&" TROUBLE, COLUMNS(queue_columns),
     on_queue, true},
    {"outlets", "/api/v1/outlets", "/api/v1/outlets", COLUMNS(outlet_columns),
     on_outlet, false},
    {"inboxes", "/api/v1/inboxes", "/api/v1/inboxes", COLUMNS(inbox_columns),
     on_inbox, false},
};

#define LISTING_COUNT (sizeof listings / sizeof *listings)

static uint64_t total_of(const struct printing *printing, const char *name)
{
    return json_tree_count(json_tree_member(printing->status, name), "total");
}

static bool is_queues(const struct listing *listing)
{
    return listing->item_cb == on_queue;
}

/* Lines for servers and queues, where all must fit: what the summary, the names
 * of columns, blank lines, outlets and inboxes leave. */
static size_t rows_left(const struct printing *printing)
{
    uint64_t others = LINES_OF_OTHERS + total_of(printing, "outlets") +
                      total_of(printing, "inboxes") + printing->server_rows;
    return printing->options->height > others + ROWS_MIN
               ? printing->options->height - others
               : ROWS_MIN;
}

/* Which rows of a list are printed. */
static void choose_rows(struct printing *printing,
                        const struct listing *listing)
{
    const struct status_options *options = printing->options;
    uint64_t total = total_of(printing, listing->name);
    bool is_few = total <= FEW;
    printing->row_max = is_queues(listing) ? options->queue_max : 0;
    if (options->height > 0 && listing->is_long) {
        size_t left = rows_left(printing);
        printing->row_max = is_queues(listing) ? left : left / 2;
        is_few = is_few && (is_queues(listing) || total <= left / 2);
    }
    printing->shows_all = !listing->is_long || options->is_all || is_few;
    printing->row_count = 0;
    printing->left_count = 0;
}

static void print_rest(struct printing *printing, const struct listing *listing)
{
    if (printing->left_count > 0) {
        fprintf(printing->terminal->out, "and %zu more: --all\n",
                printing->left_count);
    }
    if (!is_queues(listing)) {
        printing->server_rows += printing->row_count;
    }
}

static enum exit_code print_list(struct printing *printing,
                                 const struct listing *listing)
{
    choose_rows(printing, listing);
    table_init(&printing->table, printing->terminal, listing->columns,
               listing->column_count);
    table_begin_after(&printing->table, "\n");
    enum exit_code code =
        remote_list(printing->options->config,
                    printing->shows_all ? listing->path : listing->trouble_path,
                    listing->name, listing->item_cb, printing, printing->why,
                    printing->why_size);
    if (table_end(&printing->table) != 0 && code == EXIT_CODE_FINE) {
        reason_write(printing->why, printing->why_size, 0, "out of memory");
        code = EXIT_CODE_FAILED;
    }
    print_rest(printing, listing);
    return code;
}

/* Objects that an operator has paused need no attention. */
static bool is_all_fine(const struct json_tree *status)
{
    static const char *const names[] = {"servers", "queues", "outlets",
                                        "inboxes"};
    for (size_t i = 0; i < 4; i++) {
        const struct json_tree *counts = json_tree_member(status, names[i]);
        if (json_tree_count(counts, "ok") +
                json_tree_count(counts, "elsewhere") +
                json_tree_count(counts, "paused") <
            json_tree_count(counts, "total")) {
            return false;
        }
    }
    return json_tree_bool(status, "ready") &&
           status_fleet_is_fine(json_tree_member(status, "fleet"));
}

enum exit_code status_print(const struct terminal *terminal,
                            const struct status_options *options, bool *is_fine,
                            char *why, size_t why_size)
{
    struct printing printing = {.terminal = terminal,
                                .options = options,
                                .why = why,
                                .why_size = why_size};
    enum exit_code code = remote_ask(options->config, NULL, "/api/v1/status",
                                     NULL, &printing.status, why, why_size);
    *is_fine = false;
    if (code != EXIT_CODE_FINE) {
        return code;
    }
    *is_fine = is_all_fine(printing.status);
    printing.now_ms = json_tree_time(printing.status, "now");
    print_summary(&printing);
    if (json_tree_text(json_tree_member(printing.status, "fleet"), "host") !=
        NULL) {
        fputc('\n', terminal->out);
    }
    if (status_fleet_hosts(terminal, json_tree_member(printing.status, "fleet"),
                           printing.now_ms) != 0) {
        reason_write(why, why_size, 0, "out of memory");
        code = EXIT_CODE_FAILED;
    }
    for (size_t i = 0; i < LISTING_COUNT && code == EXIT_CODE_FINE; i++) {
        code = print_list(&printing, &listings[i]);
    }
    json_tree_free(printing.status);
    return code;
}

/* JSON */

struct writing {
    struct json_writer json; /* printed item by item */
    bool shows_all;          /* also what works */
};

static bool on_item(const struct json_tree *item, void *data)
{
    struct writing *writing = data;
    if (writing->shows_all || !is_ok(item)) {
        json_tree_write(item, &writing->json, NULL);
    }
    return json_writer_print(&writing->json, stdout) == 0;
}

static enum exit_code write_lists(struct writing *writing,
                                  const struct status_options *options,
                                  char *why, size_t why_size)
{
    enum exit_code code = EXIT_CODE_FINE;
    for (size_t i = 0; i < LISTING_COUNT && code == EXIT_CODE_FINE; i++) {
        const struct listing *listing = &listings[i];
        writing->shows_all = options->is_all || !is_queues(listing);
        json_array(&writing->json, listing->name);
        code = remote_list(options->config,
                           writing->shows_all ? listing->path
                                              : listing->trouble_path,
                           listing->name, on_item, writing, why, why_size);
        json_array_end(&writing->json);
    }
    return code;
}

enum exit_code status_print_json(const struct status_options *options,
                                 bool *is_fine, char *why, size_t why_size)
{
    struct writing writing = {0};
    struct json_tree *status;
    *is_fine = false;
    enum exit_code code = remote_ask(options->config, NULL, "/api/v1/status",
                                     NULL, &status, why, why_size);
    if (code != EXIT_CODE_FINE) {
        return code;
    }
    *is_fine = is_all_fine(status);
    json_object(&writing.json, NULL);
    json_bool(&writing.json, "running", true);
    json_tree_write(status, &writing.json, "status");
    code = write_lists(&writing, options, why, why_size);
    json_object_end(&writing.json);
    json_end_line(&writing.json);
    if (json_writer_print(&writing.json, stdout) != 0 &&
        code == EXIT_CODE_FINE) {
        reason_write(why, why_size, 0, "the status could not be written");
        code = EXIT_CODE_FAILED;
    }
    json_writer_free(&writing.json);
    json_tree_free(status);
    return code;
}
