#include "daemon/once/once_report.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon/log/log.h"
#include "daemon/once/once.h"
#include "daemon/text/output.h"
#include "daemon/text/table.h"

#define TERMINAL_INTERVAL_MS 200
#define LINE_INTERVAL_MS 1000
#define PROGRESS "%zu of %zu queues done, %llu messages"

/* A row of the table: one server, or the total. */
struct row {
    uint64_t queues;   /* number of queues */
    uint64_t batches;  /* batches confirmed */
    uint64_t messages; /* messages stored by this run */
    uint64_t repeats;  /* messages that had been stored before */
    uint64_t errors;   /* requests and deliveries that failed */
    uint64_t time_ms;  /* from the start to the last event */
};

static struct row server_row(const struct once_report *report,
                             const struct once_server *server)
{
    struct row row = {.queues = server->queue_count};
    for (size_t i = 0; i < server->queue_count; i++) {
        const struct gather_queue *queue = server->queues[i].queue;
        struct haplo_queue_stats stats = {.struct_size = sizeof stats};
        if (queue->queue == NULL) {
            continue; /* held */
        }
        haplo_queue_get_stats(queue->queue, &stats);
        row.batches += stats.marked_batch_count;
        row.messages += queue->stored_count;
        row.repeats += queue->repeat_count;
        row.errors += stats.failure_count + stats.deliver_retry_count;
    }
    if (server->last_event_ms > report->started_ms) {
        row.time_ms = server->last_event_ms - report->started_ms;
    }
    return row;
}

static void row_add(struct row *sum, const struct row *row)
{
    sum->queues += row->queues;
    sum->batches += row->batches;
    sum->messages += row->messages;
    sum->repeats += row->repeats;
    sum->errors += row->errors;
    if (row->time_ms > sum->time_ms) {
        sum->time_ms = row->time_ms;
    }
}

static const struct table_column columns[] = {
    {"server", false, 12}, {"queues", true, 0},  {"batches", true, 0},
    {"messages", true, 0}, {"repeats", true, 0}, {"errors", true, 0},
    {"time", true, 0},
};

static void row_print(struct table *table, const char *name,
                      const struct row *row)
{
    table_text(table, TERMINAL_PLAIN, name);
    table_count(table, row->queues, TERMINAL_PLAIN);
    table_count(table, row->batches, TERMINAL_PLAIN);
    table_count(table, row->messages, TERMINAL_PLAIN);
    table_count(table, row->repeats, TERMINAL_PLAIN);
    table_count(table, row->errors, TERMINAL_WARNING);
    table_format(table, TERMINAL_PLAIN, "%.2f s", (double)row->time_ms / 1000);
}

/* Returns 0 or HAPLO_ENOMEM. */
static int print_table(const struct once_report *report, FILE *out)
{
    const struct once *once = report->once;
    struct terminal terminal;
    struct table table;
    struct row sum = {0};
    terminal_init(&terminal, stdout);
    terminal.out = out;
    table_init(&table, &terminal, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < once->server_count; i++) {
        const struct once_server *server = &once->servers[i];
        struct row row = server_row(report, server);
        row_add(&sum, &row);
        row_print(&table, server->server->config->options.name, &row);
    }
    row_print(&table, "all", &sum);
    return table_end(&table);
}

static void print_unrouted(const struct once_report *report, FILE *out)
{
    const struct gather_inbox *inbox;
    size_t cursor = 0;
    while ((inbox = name_table_next(&report->once->session.gather.inboxes,
                                    &cursor)) != NULL) {
        if (inbox->unrouted.count > 0) {
            fprintf(out, "unrouted messages in inbox %s: %llu\n",
                    inbox->config->name,
                    (unsigned long long)inbox->unrouted.count);
        }
    }
}

/* NULL if memory runs out. */
static char *format_table(const struct once_report *report)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) {
        return NULL;
    }
    int error = print_table(report, out);
    print_unrouted(report, out);
    if (fclose(out) != 0 || error != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* A log would only fill up with lines that report no progress. */
static bool is_worth_a_line(struct once_report *report, uint64_t messages)
{
    size_t settled = report->once->settled_count;
    bool is_news = messages != report->told_messages ||
                   settled != report->told_settled || !report->has_told;
    report->told_messages = messages;
    report->told_settled = settled;
    report->has_told = true;
    return report->progress.is_on || is_news;
}

static void on_timer(uv_timer_t *timer)
{
    struct once_report *report = timer->data;
    const struct once *once = report->once;
    uint64_t messages = 0;
    for (size_t i = 0; i < once->queue_count; i++) {
        messages += once->queues[i].queue->stored_count;
    }
    if (!is_worth_a_line(report, messages)) {
        return;
    }
    if (report->progress.is_on) {
        progress_line_show(&report->progress, PROGRESS, once->settled_count,
                           once->queue_count, (unsigned long long)messages);
    } else {
        log_line(LOG_LEVEL_INFO, PROGRESS, once->settled_count,
                 once->queue_count, (unsigned long long)messages);
    }
}

void once_report_start(struct once_report *report, const struct once *once)
{
    uv_loop_t *loop = once->wake.loop;
    report->once = once;
    report->started_ms = uv_now(loop);
    progress_line_start(&report->progress, report->is_quiet);
    uv_timer_init(loop, &report->timer); /* cannot fail */
    report->timer.data = report;
    if (!report->is_quiet) {
        uint64_t interval_ms =
            report->progress.is_on ? TERMINAL_INTERVAL_MS : LINE_INTERVAL_MS;
        uv_timer_start(&report->timer, on_timer, interval_ms, interval_ms);
        uv_unref((uv_handle_t *)&report->timer);
    }
}

void once_report_line(struct once_report *report, const char *text)
{
    progress_line_clear(&report->progress);
    log_line(LOG_LEVEL_ERROR, "%s", text);
}

void once_report_end(struct once_report *report)
{
    progress_line_clear(&report->progress);
    uv_close((uv_handle_t *)&report->timer, NULL);
    if (!report->is_quiet) {
        report->table = format_table(report);
        report->has_failed = report->table == NULL;
    }
}

bool once_report_print(struct once_report *report)
{
    if (report->has_failed) {
        log_line(LOG_LEVEL_ERROR, "the table cannot be printed: %s",
                 haplo_error_text(HAPLO_ENOMEM));
    }
    if (report->table != NULL) {
        fputs(report->table, stdout);
        (void)output_flush(); /* the exit code tells */
        free(report->table);
    }
    return !report->has_failed;
}
