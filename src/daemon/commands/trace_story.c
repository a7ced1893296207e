#include "daemon/commands/trace_story.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/command_hint.h"

const char *trace_outcome_name(enum trace_outcome outcome)
{
    static const char *const names[] = {
        [TRACE_DELIVERED] = "delivered",     [TRACE_FILTERED] = "filtered",
        [TRACE_PENDING] = "pending",         [TRACE_HELD_UP] = "held_up",
        [TRACE_DEAD_LETTER] = "dead_letter", [TRACE_PASSED] = "passed",
    };
    return names[outcome];
}

enum trace_outcome trace_outcome_of(const struct trace_outlet *outlet)
{
    const struct inbox_trace_outlet *row = outlet->row;
    if (row != NULL && row->refused_at_ms != 0) {
        return TRACE_DEAD_LETTER;
    }
    if (row != NULL && row->is_deferred) {
        return TRACE_HELD_UP;
    }
    if (!outlet->is_configured) {
        assert(row != NULL); /* nothing else tells of it */
        return row->is_passed ? TRACE_PASSED : TRACE_PENDING;
    }
    if (!outlet->is_wanted) {
        return TRACE_FILTERED;
    }
    return row != NULL && row->is_passed ? TRACE_DELIVERED : TRACE_PENDING;
}

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static void filtered_write(const struct trace_outlet *outlet,
                           char text[TRACE_TEXT_SIZE])
{
    bool is_passed = outlet->row != NULL && outlet->row->is_passed;
    snprintf(text, TRACE_TEXT_SIZE,
             "%s: its queues or rules, as they are now, do not take it",
             is_passed ? "not forwarded" : "will not be forwarded");
}

static void pending_write(const struct trace_outlet *outlet,
                          char text[TRACE_TEXT_SIZE])
{
    const struct inbox_trace_outlet *row = outlet->row;
    if (row == NULL) {
        snprintf(text, TRACE_TEXT_SIZE,
                 "not delivered: the outlet has not forwarded anything yet");
    } else if (!outlet->is_configured) {
        snprintf(text, TRACE_TEXT_SIZE,
                 "not delivered; the outlet is not configured any more");
    } else {
        snprintf(text, TRACE_TEXT_SIZE,
                 "not delivered yet: %" PRIu64 " message%s before it",
                 row->ahead_count, plural(row->ahead_count));
    }
}

static void held_up_write(const struct trace_outlet *outlet,
                          char text[TRACE_TEXT_SIZE])
{
    uint64_t ahead = outlet->row->ahead_count;
    char hint[COMMAND_HINT_SIZE];
    (void)command_hint(hint, "explain", outlet->name, NULL);
    if (ahead == 0) {
        snprintf(text, TRACE_TEXT_SIZE,
                 "not delivered: it is the first message of its queue there, "
                 "and holds it up; `%s` says why",
                 hint);
    } else {
        snprintf(text, TRACE_TEXT_SIZE,
                 "not delivered: its queue is held up there, %" PRIu64
                 " message%s before it; `%s` says why",
                 ahead, plural(ahead), hint);
    }
}

const char *trace_outcome_text(const struct trace_outlet *outlet,
                               char text[TRACE_TEXT_SIZE])
{
    const struct inbox_trace_outlet *row = outlet->row;
    switch (trace_outcome_of(outlet)) {
    case TRACE_DELIVERED:
        snprintf(text, TRACE_TEXT_SIZE,
                 "delivered, or skipped by an operator%s; when is not recorded",
                 outlet->is_late ? ", or older than the outlet" : "");
        break;
    case TRACE_FILTERED:
        filtered_write(outlet, text);
        break;
    case TRACE_PENDING:
        pending_write(outlet, text);
        break;
    case TRACE_HELD_UP:
        held_up_write(outlet, text);
        break;
    case TRACE_DEAD_LETTER:
        snprintf(text, TRACE_TEXT_SIZE,
                 "a dead letter, refused after %" PRIu64 " attempt%s: %s",
                 row->attempts, plural(row->attempts), row->why);
        break;
    case TRACE_PASSED:
        snprintf(text, TRACE_TEXT_SIZE,
                 "passed: delivered, filtered out or skipped; the outlet is "
                 "not configured any more");
        break;
    }
    return text;
}
