#include "daemon/once_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/once.h"
#include "daemon/output.h"

#define TERMINAL_INTERVAL_MS 200
#define LINE_INTERVAL_MS 1000
#define PROGRESS_SIZE_MAX 128

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
        haplo_queue_stats(queue->queue, &stats);
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

static void row_print(FILE *out, const char *name, const struct row *row)
{
    fprintf(out, "%-24s %7llu %8llu %9llu %8llu %7llu %7.2f s\n", name,
            (unsigned long long)row->queues, (unsigned long long)row->batches,
            (unsigned long long)row->messages, (unsigned long long)row->repeats,
            (unsigned long long)row->errors, (double)row->time_ms / 1000);
}

static void print_table(const struct once_report *report, FILE *out)
{
    const struct once *once = report->once;
    struct row sum = {0};
    fprintf(out, "%-24s %7s %8s %9s %8s %7s %9s\n", "server", "queues",
            "batches", "messages", "repeats", "errors", "time");
    for (size_t i = 0; i < once->server_count; i++) {
        const struct once_server *server = &once->servers[i];
        struct row row = server_row(report, server);
        row_add(&sum, &row);
        row_print(out, server->server->config->options.name, &row);
    }
    row_print(out, "all", &sum);
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
    print_table(report, out);
    print_unrouted(report, out);
    if (fclose(out) != 0) {
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
    return report->is_terminal || is_news;
}

static void on_timer(uv_timer_t *timer)
{
    struct once_report *report = timer->data;
    const struct once *once = report->once;
    char text[PROGRESS_SIZE_MAX];
    uint64_t messages = 0;
    for (size_t i = 0; i < once->queue_count; i++) {
        messages += once->queues[i].queue->stored_count;
    }
    if (!is_worth_a_line(report, messages)) {
        return;
    }
    snprintf(text, sizeof text, "%s%zu of %zu queues done, %llu messages",
             report->is_terminal ? "\rhaplo-poll: " : "", once->settled_count,
             once->queue_count, (unsigned long long)messages);
    if (report->is_terminal) {
        log_text(text);
        report->has_progress = true;
    } else {
        log_line(LOG_LEVEL_INFO, "%s", text);
    }
}

static void leave_progress(struct once_report *report)
{
    if (report->has_progress) {
        log_text("\n");
        report->has_progress = false;
    }
}

void once_report_start(struct once_report *report, const struct once *once)
{
    uv_loop_t *loop = once->wake.loop;
    report->once = once;
    report->started_ms = uv_now(loop);
    report->is_terminal = isatty(STDERR_FILENO) != 0;
    uv_timer_init(loop, &report->timer); /* cannot fail */
    report->timer.data = report;
    if (!report->is_quiet) {
        uint64_t interval_ms =
            report->is_terminal ? TERMINAL_INTERVAL_MS : LINE_INTERVAL_MS;
        uv_timer_start(&report->timer, on_timer, interval_ms, interval_ms);
        uv_unref((uv_handle_t *)&report->timer);
    }
}

void once_report_line(struct once_report *report, const char *text)
{
    leave_progress(report);
    log_line(LOG_LEVEL_ERROR, "%s", text);
}

void once_report_end(struct once_report *report)
{
    leave_progress(report);
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
