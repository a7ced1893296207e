#include "daemon/log/report_text.h"

#include <stdio.h>
#include <string.h>

#include "base/command_hint.h"
#include "daemon/log/span_text.h"
#include "daemon/observe/observer.h"

/* "; next try in 12.0 s", as far as it is still ahead. */
static const char *next_try(const struct cause *cause, uint64_t now_ms,
                            char text[64])
{
    uint64_t passed_ms =
        now_ms > cause->began_ms ? now_ms - cause->began_ms : 0;
    text[0] = '\0';
    if (cause->delay_ms > passed_ms) {
        (void)snprintf(text, 64, "; next try in %.1f s",
                       (double)(cause->delay_ms - passed_ms) / 1000);
    } else if (cause->delay_ms > 0) {
        (void)snprintf(text, 64, "; it is tried again");
    }
    return text;
}

static const char *times(uint64_t count, const char *singular, char text[64])
{
    (void)snprintf(text, 64, "%llu %s%s", (unsigned long long)count, singular,
                   count == 1 ? "" : "s");
    return text;
}

static bool is_state(const struct cause *cause, const char *state)
{
    return strcmp(cause->state, state) == 0;
}

/* What a server, outlet or inbox is, as a predicate. */
static const char *predicate(const struct cause *cause)
{
    if (cause->kind == TRANSITION_SERVER) {
        return is_state(cause, "held") ? "held" : "server is failing";
    }
    return cause->state;
}

/* "; 5 of its 5000 queues have failed" */
static const char *affected(const struct cause *cause, char text[96])
{
    size_t count = 0;
    text[0] = '\0';
    if (cause->at == NULL) {
        return text;
    }
    for (size_t i = 0; i < OBSERVER_QUEUE_STATE_COUNT; i++) {
        count += cause->at->sums.queue_counts[i];
    }
    size_t failing = cause->at->sums.queue_counts[OBSERVER_QUEUE_FAILING];
    if (count > 1) {
        (void)snprintf(text, 96, "; %zu of its %zu queues %s failed, all wait",
                       failing, count, failing == 1 ? "has" : "have");
    }
    return text;
}

/* Beginnings */

static void begin_server(const struct cause *cause, uint64_t now_ms,
                         char text[REPORT_TEXT_SIZE])
{
    char next[64];
    char queues[96];
    if (is_state(cause, "silent")) {
        (void)snprintf(text, REPORT_TEXT_SIZE,
                       "%s: the server refuses all logins from this address: "
                       "no request for %.0f s",
                       cause->scope, (double)cause->delay_ms / 1000);
        return;
    }
    (void)snprintf(text, REPORT_TEXT_SIZE, "%s: %s: %s%s%s", cause->scope,
                   predicate(cause), cause->text, affected(cause, queues),
                   next_try(cause, now_ms, next));
}

static void begin_one(const struct cause *cause, uint64_t now_ms,
                      char text[REPORT_TEXT_SIZE])
{
    char next[64];
    char hint[COMMAND_HINT_SIZE];
    (void)next_try(cause, now_ms, next);
    if (cause->kind != TRANSITION_LANE) {
        (void)snprintf(text, REPORT_TEXT_SIZE, "%s%s", cause->text,
                       is_state(cause, "blocked") ? ": the queue is blocked"
                                                  : next);
    } else if (is_state(cause, "blocked")) {
        (void)snprintf(
            text, REPORT_TEXT_SIZE,
            "%s: %s: blocked by message %llu: %s; `%s` passes over it",
            cause->scope, cause->name, (unsigned long long)cause->arrival,
            cause->detail,
            command_hint(hint, "outlet skip", cause->outlet, cause->name,
                         NULL));
    } else {
        (void)snprintf(text, REPORT_TEXT_SIZE, "%s: %s: %s: %s%s", cause->scope,
                       cause->name, cause->state, cause->detail, next);
    }
}

/* What many queues share. */
static void write_many(const struct cause *cause, const char *when,
                       char text[REPORT_TEXT_SIZE])
{
    (void)snprintf(text, REPORT_TEXT_SIZE, "%s: %zu queues %s%s: %s (%s%s)",
                   cause->scope, cause->count, cause->state, when,
                   cause->detail, "the first was ", cause->name);
}

static void write_begin(const struct cause *cause, uint64_t now_ms,
                        char text[REPORT_TEXT_SIZE])
{
    char next[64];
    if (cause->kind == TRANSITION_SERVER) {
        begin_server(cause, now_ms, text);
    } else if (cause->kind == TRANSITION_QUEUE ||
               cause->kind == TRANSITION_LANE) {
        if (cause->count > 1) {
            write_many(cause, "", text);
        } else {
            begin_one(cause, now_ms, text);
        }
    } else {
        (void)snprintf(text, REPORT_TEXT_SIZE, "%s: %s: %s%s", cause->scope,
                       predicate(cause), cause->text,
                       next_try(cause, now_ms, next));
    }
}

/* Notices */

static void write_notice(const struct cause *cause, enum report_what what,
                         char text[REPORT_TEXT_SIZE])
{
    char message[64] = "";
    char more[96] = "";
    bool is_letter = is_state(cause, "dead_letter");
    bool is_outlet =
        cause->kind == TRANSITION_OUTLET || cause->kind == TRANSITION_LANE;
    if (is_letter) {
        (void)snprintf(message, sizeof message,
                       "message %llu is a dead letter: ",
                       (unsigned long long)cause->arrival);
    }
    if (what != REPORT_BEGIN) {
        (void)snprintf(more, sizeof more, " (and %zu more like this)",
                       cause->count - cause->logged_count);
    }
    (void)snprintf(text, REPORT_TEXT_SIZE, "%s%s%s%s%s%s%s",
                   is_outlet || cause->kind == TRANSITION_SERVER ? cause->scope
                                                                 : "",
                   is_outlet || cause->kind == TRANSITION_SERVER ? ": " : "",
                   is_outlet ? cause->name : "",
                   is_outlet && cause->name[0] != '\0' ? ": " : "", message,
                   is_outlet ? cause->detail : cause->text, more);
}

/* Later */

static const char *on_and_off(const struct cause *cause)
{
    return cause->flaps >= CAUSE_FLAP_MAX ? " on and off" : "";
}

static void write_remind(const struct cause *cause, uint64_t now_ms,
                         char text[REPORT_TEXT_SIZE])
{
    char span[SPAN_TEXT_SIZE];
    char when[SPAN_TEXT_SIZE + 16];
    char queues[96];
    (void)span_text(now_ms > cause->began_ms ? now_ms - cause->began_ms : 0,
                    span);
    if (cause->kind == TRANSITION_QUEUE || cause->kind == TRANSITION_LANE) {
        if (cause->count > 1) {
            (void)snprintf(when, sizeof when, " after %s", span);
            write_many(cause, when, text);
            return;
        }
        (void)snprintf(text, REPORT_TEXT_SIZE,
                       "%s%s%s: still %s%s after %s: %s",
                       cause->kind == TRANSITION_LANE ? cause->scope : "",
                       cause->kind == TRANSITION_LANE ? ": " : "", cause->name,
                       cause->state, on_and_off(cause), span, cause->detail);
        return;
    }
    (void)snprintf(text, REPORT_TEXT_SIZE, "%s: still %s%s after %s: %s%s",
                   cause->scope, cause->state, on_and_off(cause), span,
                   cause->text, affected(cause, queues));
}

static void write_end(const struct cause *cause, char text[REPORT_TEXT_SIZE])
{
    char span[SPAN_TEXT_SIZE];
    char failures[64];
    bool is_lane = cause->kind == TRANSITION_LANE;
    (void)span_text(cause->lasted_ms, span);
    if (cause->kind == TRANSITION_SERVER) {
        (void)snprintf(text, REPORT_TEXT_SIZE,
                       "%s: server works again after %s", cause->scope, span);
    } else if (cause->name[0] == '\0') {
        (void)snprintf(text, REPORT_TEXT_SIZE, "%s: works again after %s",
                       cause->scope, span);
    } else if (cause->peak > 1) {
        (void)snprintf(text, REPORT_TEXT_SIZE,
                       "%s: %zu queues work again after at most %s",
                       cause->scope, cause->peak, span);
    } else {
        (void)snprintf(
            text, REPORT_TEXT_SIZE, "%s%s%s: works again after %s in %s",
            is_lane ? cause->scope : "", is_lane ? ": " : "", cause->name,
            times(cause->failures, "failure", failures), span);
    }
}

/* All at once, and without what would have followed. */
static void write_blip(struct cause *cause, uint64_t now_ms,
                       char text[REPORT_TEXT_SIZE])
{
    char span[SPAN_TEXT_SIZE];
    size_t count = cause->count;
    cause->count = cause->peak;
    cause->delay_ms = 0;
    write_begin(cause, now_ms, text);
    cause->count = count;
    size_t size = strlen(text);
    (void)snprintf(text + size, REPORT_TEXT_SIZE - size,
                   "; it worked again after %s",
                   span_text(cause->lasted_ms, span));
}

const char *report_text(struct cause *cause, enum report_what what,
                        uint64_t now_ms, char text[REPORT_TEXT_SIZE])
{
    char span[SPAN_TEXT_SIZE + 16];
    if (cause->is_notice) {
        write_notice(cause, what, text);
    } else if (what == REPORT_BEGIN) {
        write_begin(cause, now_ms, text);
    } else if (what == REPORT_BLIP) {
        write_blip(cause, now_ms, text);
    } else if (what == REPORT_SPREAD) {
        (void)snprintf(span, sizeof span, " by now");
        write_many(cause, span, text);
    } else if (what == REPORT_REMIND) {
        write_remind(cause, now_ms, text);
    } else {
        write_end(cause, text);
    }
    return text;
}
