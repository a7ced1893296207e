#include "daemon/log/summary.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/log/span_text.h"

/* What a reload has removed is not counted any more. */
static uint64_t grown(uint64_t now, uint64_t before)
{
    return now > before ? now - before : 0;
}

/* Appends to the text what fits. */
static void add(char text[SUMMARY_TEXT_SIZE], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add(char text[SUMMARY_TEXT_SIZE], const char *format, ...)
{
    size_t size = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text + size, SUMMARY_TEXT_SIZE - size, format, arguments);
    va_end(arguments);
}

static void add_queues(char text[SUMMARY_TEXT_SIZE],
                       const struct summary *summary)
{
    const char *separator = ": ";
    size_t count = 0;
    for (size_t i = 0; i < OBSERVER_QUEUE_STATE_COUNT; i++) {
        count += summary->queue_counts[i];
    }
    add(text, "; queues: %zu", count);
    if (summary->queue_counts[OBSERVER_QUEUE_WORKING] == count) {
        add(text, ", all work");
        return;
    }
    for (size_t i = 0; i < OBSERVER_QUEUE_STATE_COUNT; i++) {
        if (summary->queue_counts[i] > 0) {
            add(text, "%s%zu %s", separator, summary->queue_counts[i],
                observer_queue_label((enum observer_queue_state)i));
            separator = ", ";
        }
    }
}

static void add_others(char text[SUMMARY_TEXT_SIZE],
                       const struct summary *summary)
{
    add(text, "; servers: %zu", summary->server_count);
    if (summary->server_up_count < summary->server_count) {
        add(text, ", %zu not up",
            summary->server_count - summary->server_up_count);
    }
    if (summary->outlet_count > 0) {
        add(text, "; outlets: %zu", summary->outlet_count);
    }
    if (summary->outlet_working_count < summary->outlet_count) {
        add(text, ", %zu not working",
            summary->outlet_count - summary->outlet_working_count);
    }
}

const char *summary_text(const struct summary *summary,
                         const struct summary *before,
                         char text[SUMMARY_TEXT_SIZE])
{
    char span[SPAN_TEXT_SIZE];
    text[0] = '\0';
    add(text, "in the last %s: %" PRIu64 " messages stored",
        span_text(summary->now_ms - before->now_ms, span),
        grown(summary->stored_count, before->stored_count));
    add(text, ", %" PRIu64 " repeats",
        grown(summary->repeat_count, before->repeat_count));
    if (summary->resend_count > before->resend_count) {
        add(text, ", %" PRIu64 " sent again",
            grown(summary->resend_count, before->resend_count));
    }
    if (summary->outlet_count > 0) {
        add(text, ", %" PRIu64 " forwarded, %" PRIu64 " dead letters",
            grown(summary->delivered_count, before->delivered_count),
            grown(summary->dead_letter_count, before->dead_letter_count));
    }
    add(text, ", %" PRIu64 " failures",
        grown(summary->failure_count, before->failure_count));
    add_queues(text, summary);
    add_others(text, summary);
    if (summary->unread_count > 0) {
        add(text, "; unread on the servers: %" PRIu64, summary->unread_count);
    }
    add(text, "; configuration %" PRIu64 "; up for %s", summary->generation,
        span_text(summary->now_ms - summary->started_ms, span));
    return text;
}

/* "; 2 servers not up" */
static void add_trouble(char text[SUMMARY_TEXT_SIZE], size_t count,
                        const char *what, const char *trouble)
{
    if (count > 0) {
        add(text, "; %zu %s%s %s", count, what, count == 1 ? "" : "s", trouble);
    }
}

const char *summary_now_text(const struct summary *summary,
                             char text[SUMMARY_TEXT_SIZE])
{
    const char *separator = "; ";
    size_t polled_count = 0;
    for (size_t i = 0; i < OBSERVER_QUEUE_STATE_COUNT; i++) {
        polled_count += summary->queue_counts[i];
    }
    polled_count -= summary->queue_counts[OBSERVER_QUEUE_PAUSED] +
                    summary->queue_counts[OBSERVER_QUEUE_HELD] +
                    summary->queue_counts[OBSERVER_QUEUE_ELSEWHERE];
    text[0] = '\0';
    add(text, "polling %zu queue%s", polled_count,
        polled_count == 1 ? "" : "s");
    for (size_t i = OBSERVER_QUEUE_FAILING; i < OBSERVER_QUEUE_STATE_COUNT;
         i++) {
        if (summary->queue_counts[i] > 0) {
            add(text, "%s%zu %s", separator, summary->queue_counts[i],
                observer_queue_label((enum observer_queue_state)i));
            separator = ", ";
        }
    }
    add_trouble(text, summary->server_count - summary->server_up_count,
                "server", "not up");
    add_trouble(text, summary->outlet_count - summary->outlet_working_count,
                "outlet", "not working");
    return text;
}
