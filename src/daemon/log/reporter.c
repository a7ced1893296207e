#include "daemon/log/reporter.h"

#include <stdio.h>
#include <string.h>

#include "daemon/log/report_text.h"
#include "daemon/observe/failure_class.h"
#include "daemon/observe/observer.h"
#include "daemon/observe/observer_fleet.h"

#define DAY_MS (24 * UINT64_C(3600000))

/* When a cause is looked at again, after it began; then every day. */
static const uint64_t stages_ms[] = {REPORTER_SPREAD_MS, REPORTER_HOUR_MS,
                                     UINT64_C(6) * REPORTER_HOUR_MS, DAY_MS};
#define STAGE_COUNT (sizeof stages_ms / sizeof *stages_ms)

void reporter_init(struct reporter *reporter, reporter_cb report_cb, void *data)
{
    *reporter = (struct reporter){
        .report_cb = report_cb, .data = data, .due_ms = UINT64_MAX};
    causes_init(&reporter->causes);
}

void reporter_free(struct reporter *reporter)
{
    causes_free(&reporter->causes);
}

/* Lines */

static const char *or_null(const char *text)
{
    return text == NULL || text[0] == '\0' ? NULL : text;
}

static enum log_level level_of(const struct cause *cause, enum report_what what)
{
    return what == REPORT_END                     ? LOG_LEVEL_INFO
           : strcmp(cause->state, "blocked") == 0 ? LOG_LEVEL_ERROR
                                                  : LOG_LEVEL_WARNING;
}

static const char *event_of(const struct cause *cause, enum report_what what)
{
    return what == REPORT_END      ? "working"
           : what == REPORT_REMIND ? "reminder"
                                   : cause->state;
}

static void say(struct reporter *reporter, struct cause *cause,
                enum report_what what, uint64_t now_ms)
{
    char text[REPORT_TEXT_SIZE];
    bool is_one = cause->peak <= 1;
    const struct report report = {
        .level = level_of(cause, what),
        .event = event_of(cause, what),
        .text = report_text(cause, what, now_ms, text),
        .server = or_null(cause->server),
        .queue = is_one && (cause->kind == TRANSITION_QUEUE ||
                            cause->kind == TRANSITION_LANE)
                     ? or_null(cause->object)
                     : NULL,
        .outlet = cause->kind == TRANSITION_OUTLET ? or_null(cause->object)
                                                   : or_null(cause->outlet),
        .inbox = cause->kind == TRANSITION_INBOX ? or_null(cause->object)
                                                 : or_null(cause->inbox),
        .class = cause->error == 0
                     ? NULL
                     : failure_class_label(failure_class_of(cause->error)),
        .count = cause->count,
        .lasted_ms = what == REPORT_END      ? cause->lasted_ms
                     : what == REPORT_REMIND ? now_ms - cause->began_ms
                                             : 0,
    };
    cause->logged_count = cause->count;
    cause->is_told_over = what == REPORT_END || what == REPORT_BLIP;
    reporter->report_cb(reporter->data, &report);
}

static void set_due(struct reporter *reporter, struct cause *cause,
                    uint64_t due_ms)
{
    cause->due_ms = due_ms;
    if (due_ms < reporter->due_ms) {
        reporter->due_ms = due_ms;
    }
}

/* Stages */

/* If the clock was set forward, one line is enough for all that were due. */
static void next_stage(struct reporter *reporter, struct cause *cause,
                       uint64_t now_ms)
{
    uint64_t due_ms;
    do {
        due_ms = cause->began_ms +
                 (cause->stage < STAGE_COUNT
                      ? stages_ms[cause->stage]
                      : DAY_MS * (uint64_t)(cause->stage - STAGE_COUNT + 2));
        cause->stage++;
    } while (due_ms <= now_ms);
    cause->remind_ms = due_ms;
    set_due(reporter, cause, due_ms);
}

/* Failures that a server which is down or silent causes. */
static bool is_of_server(const struct cause *cause)
{
    enum failure_class class = failure_class_of(cause->error);
    return cause->kind == TRANSITION_QUEUE &&
           strcmp(cause->state, "failing") == 0 &&
           (class == FAILURE_NETWORK || class == FAILURE_TLS ||
            class == FAILURE_PROXY || class == FAILURE_STATUS_5XX ||
            class == FAILURE_THROTTLE);
}

static bool is_server_in(const struct reporter *reporter, const char *server,
                         const char *state)
{
    const struct transition transition = {
        .kind = TRANSITION_SERVER, .from = state, .to = "", .server = server};
    const struct cause *cause = cause_left(&reporter->causes, &transition);
    return cause != NULL && !cause->is_over;
}

/* The line of another part of the daemon tells its beginning and end. */
static bool is_told_elsewhere(const struct cause *cause)
{
    return strcmp(cause->state, "held") == 0 ||
           strcmp(cause->state, "short") == 0;
}

static bool is_because_of_server(const struct reporter *reporter,
                                 const struct cause *cause)
{
    return is_of_server(cause) &&
           (is_server_in(reporter, cause->server, "down") ||
            is_server_in(reporter, cause->server, "silent"));
}

static void begin(struct reporter *reporter, struct cause *cause,
                  uint64_t now_ms)
{
    if (is_because_of_server(reporter, cause)) {
        cause->is_covered = true;
        cause->due_ms = UINT64_MAX;
        return;
    }
    cause->is_logged = true;
    cause->is_covered = false;
    if (is_told_elsewhere(cause)) {
        cause->logged_count = cause->count;
    } else {
        cause_update_reason(cause);
        say(reporter, cause, REPORT_BEGIN, now_ms);
    }
    next_stage(reporter, cause, now_ms);
}

/* A minute is too early for a reminder, but not to learn that it has spread. */
static void remind(struct reporter *reporter, struct cause *cause,
                   uint64_t now_ms)
{
    bool is_early = cause->stage == 1;
    cause_update_reason(cause);
    if (cause->is_notice) {
        if (cause->count > cause->logged_count && !is_early) {
            say(reporter, cause, REPORT_AGAIN, now_ms);
        }
    } else if (!is_early) {
        say(reporter, cause, REPORT_REMIND, now_ms);
    } else if (cause->count >= 2 * cause->logged_count &&
               cause->logged_count > 0 && cause->count > 1) {
        say(reporter, cause, REPORT_SPREAD, now_ms);
    }
    next_stage(reporter, cause, now_ms);
}

/* Nothing has been in it for a while. */
static void bury(struct reporter *reporter, struct cause *cause,
                 uint64_t now_ms)
{
    if (cause->is_untold) {
        say(reporter, cause, REPORT_END, now_ms);
    }
    cause_remove(&reporter->causes, cause);
}

/* A warning that has not recurred for a day is forgotten. */
static bool is_stale_notice(const struct cause *cause, uint64_t now_ms)
{
    return cause->is_notice && cause->count == cause->logged_count &&
           now_ms >= cause->ended_ms + DAY_MS;
}

/* What has been coming and going has reminders even in between. */
static void linger(struct reporter *reporter, struct cause *cause)
{
    uint64_t end_ms = cause->ended_ms + REPORTER_LINGER_MS;
    if (cause->is_over) {
        set_due(reporter, cause,
                cause->is_untold && cause->remind_ms < end_ms ? cause->remind_ms
                                                              : end_ms);
    }
}

/* It has been coming and going, so that its return was not logged; but the
 * newest line says that it is over, which is wrong once it stays. */
static bool is_back(const struct cause *cause)
{
    return !cause->is_notice && !cause->is_over && cause->is_told_over;
}

static bool is_back_to_stay(const struct cause *cause, uint64_t now_ms)
{
    return is_back(cause) && now_ms >= cause->again_ms + REPORTER_SPREAD_MS;
}

static void set_due_again(struct reporter *reporter, struct cause *cause)
{
    uint64_t stays_ms = cause->again_ms + REPORTER_SPREAD_MS;
    if (!cause->is_over) {
        set_due(reporter, cause,
                is_back(cause) && stays_ms < cause->remind_ms
                    ? stays_ms
                    : cause->remind_ms);
    }
}

static void on_due(struct reporter *reporter, struct cause *cause,
                   uint64_t now_ms)
{
    bool has_lingered =
        cause->is_over && now_ms >= cause->ended_ms + REPORTER_LINGER_MS;
    cause->due_ms = UINT64_MAX;
    if (has_lingered || is_stale_notice(cause, now_ms)) {
        bury(reporter, cause, now_ms);
    } else if (!cause->is_logged || is_back_to_stay(cause, now_ms)) {
        begin(reporter, cause, now_ms);
    } else {
        remind(reporter, cause, now_ms);
        linger(reporter, cause);
        set_due_again(reporter, cause);
    }
}

/* A line may be skipped where the clock was set forward: one is enough. */
void reporter_run(struct reporter *reporter, uint64_t now_ms)
{
    struct cause *cause;
    struct cause *next;
    uint64_t due_ms = UINT64_MAX;
    for (cause = TAILQ_FIRST(&reporter->causes.list); cause != NULL;
         cause = next) {
        next = TAILQ_NEXT(cause, link);
        if (cause->due_ms > now_ms) {
            due_ms = cause->due_ms < due_ms ? cause->due_ms : due_ms;
            continue;
        }
        on_due(reporter, cause, now_ms);
    }
    TAILQ_FOREACH (cause, &reporter->causes.list, link) {
        due_ms = cause->due_ms < due_ms ? cause->due_ms : due_ms;
    }
    reporter->due_ms = due_ms;
}

void reporter_flush(struct reporter *reporter, uint64_t now_ms)
{
    struct cause *cause;
    struct cause *next;
    for (cause = TAILQ_FIRST(&reporter->causes.list); cause != NULL;
         cause = next) {
        next = TAILQ_NEXT(cause, link);
        if (!cause->is_logged && !cause->is_over) {
            begin(reporter, cause, now_ms);
        }
    }
}

/* Members */

/* What began again while it lingered is the same cause. */
static void revive(struct reporter *reporter, struct cause *cause,
                   const struct transition *transition)
{
    uint64_t now_ms = transition->at_ms;
    cause->is_over = false;
    cause->at = cause->kind == TRANSITION_SERVER ? transition->at : NULL;
    cause->reason = transition->reason;
    cause->again_ms = now_ms;
    cause->flaps++;
    if (cause->flaps < CAUSE_FLAP_MAX) {
        cause_refresh(cause, transition);
        cause->is_logged = false;
        cause->is_covered = false;
        cause->is_untold = false;
        cause->has_recovered = false;
        cause->stage = 0;
        cause->peak = 0;
        cause->lasted_ms = 0;
        set_due(reporter, cause, now_ms + REPORTER_SETTLE_MS);
    } else {
        set_due_again(reporter, cause);
    }
}

static void join(struct reporter *reporter, const struct transition *transition)
{
    struct cause *cause =
        cause_for(&reporter->causes, transition, REPORTER_CAUSE_COUNT_MAX);
    if (cause == NULL) {
        return; /* there is more than enough in the log */
    }
    if (cause->is_over) {
        revive(reporter, cause, transition);
    } else if (cause->count == 0) {
        set_due(reporter, cause, transition->at_ms + REPORTER_SETTLE_MS);
    }
    cause->count++;
    cause->peak = cause->count > cause->peak ? cause->count : cause->peak;
    if (transition->log != NULL) {
        *transition->log = cause;
    }
}

/* What was over before it was logged is one line. */
static void end_blip(struct reporter *reporter, struct cause *cause,
                     uint64_t now_ms)
{
    cause->is_untold = false;
    if (!cause->is_covered && !is_because_of_server(reporter, cause)) {
        cause->is_logged = true;
        say(reporter, cause, REPORT_BLIP, now_ms);
        next_stage(reporter, cause, now_ms);
    }
}

/* It is over: says so, unless it has been coming and going. */
static void end(struct reporter *reporter, struct cause *cause, uint64_t now_ms)
{
    cause->is_over = true;
    cause->ended_ms = now_ms;
    if (!cause->has_recovered || is_told_elsewhere(cause)) {
        cause->is_untold = false;
    } else if (!cause->is_logged) {
        end_blip(reporter, cause, now_ms);
    } else if (cause->flaps + 1 < CAUSE_FLAP_MAX) {
        say(reporter, cause, REPORT_END, now_ms);
    } else {
        cause->is_untold = true;
    }
    cause->at = NULL;
    cause->reason = NULL;
    linger(reporter, cause);
}

static void leave(struct reporter *reporter, struct cause *cause,
                  const struct transition *transition)
{
    if (strcmp(transition->to, "working") == 0 ||
        strcmp(transition->to, "up") == 0) {
        cause->has_recovered = true;
        cause->failures = transition->failures;
        cause->lasted_ms = transition->lasted_ms > cause->lasted_ms
                               ? transition->lasted_ms
                               : cause->lasted_ms;
    }
    cause->count--;
    if (cause->count == 0) {
        end(reporter, cause, transition->at_ms);
    }
}

/* What its line has covered speaks for itself again. */
static void uncover(struct reporter *reporter, const char *server,
                    uint64_t now_ms)
{
    struct cause *cause;
    TAILQ_FOREACH (cause, &reporter->causes.list, link) {
        if (cause->is_covered && !cause->is_over &&
            strcmp(cause->server, server) == 0) {
            set_due(reporter, cause, now_ms + REPORTER_SPREAD_MS);
        }
    }
}

/* A warning: the first is logged at once. */
static void notice(struct reporter *reporter,
                   const struct transition *transition)
{
    struct cause *cause =
        cause_for(&reporter->causes, transition, REPORTER_CAUSE_COUNT_MAX);
    if (cause == NULL) {
        return;
    }
    cause->count++;
    cause->ended_ms = transition->at_ms;
    if (!cause->is_logged) {
        cause->is_logged = true;
        say(reporter, cause, REPORT_BEGIN, transition->at_ms);
        next_stage(reporter, cause, transition->at_ms);
    }
}

/* News of a replay, each of which is logged at once: an operator asked for it.
 * The state of its outlet is the same as before. */
static void tell_replay(struct reporter *reporter,
                        const struct transition *transition)
{
    char text[REPORT_TEXT_SIZE];
    (void)snprintf(text, sizeof text, "outlet %s: %s", transition->name,
                   transition->text);
    const struct report report = {
        .level = LOG_LEVEL_INFO,
        .event = transition->to,
        .text = text,
        .outlet = transition->name,
    };
    reporter->report_cb(reporter->data, &report);
}

/* News of the fleet, which is rare, and put into words by the observer. */
static void tell_fleet(struct reporter *reporter,
                       const struct transition *transition)
{
    const struct report report = {
        .level = observer_fleet_is_trouble(transition->to) ? LOG_LEVEL_WARNING
                                                           : LOG_LEVEL_INFO,
        .event = transition->to,
        .text = transition->text,
        .host = transition->name,
    };
    reporter->report_cb(reporter->data, &report);
}

static bool is_trouble(const struct transition *transition)
{
    static const char *const states[] = {
        "failing", "undelivered", "refused", "blocked", "held",
        "down",    "silent",      "waiting", "broken",  "short"};
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        if (strcmp(transition->to, states[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Those of an inbox that fails are told by its queues. */
static bool is_told_by_others(const struct transition *transition)
{
    return transition->kind == TRANSITION_INBOX &&
           strcmp(transition->to, "failing") == 0;
}

static struct cause *cause_before(const struct reporter *reporter,
                                  const struct transition *transition)
{
    if (transition->kind == TRANSITION_QUEUE ||
        transition->kind == TRANSITION_LANE) {
        return transition->log == NULL ? NULL : *transition->log;
    }
    struct cause *cause = cause_left(&reporter->causes, transition);
    return cause == NULL || cause->is_over ? NULL : cause;
}

void reporter_note(struct reporter *reporter,
                   const struct transition *transition)
{
    struct transition full = *transition;
    full.server = transition->server == NULL ? "" : transition->server;
    full.name = transition->name == NULL ? "" : transition->name;
    full.outlet = transition->outlet == NULL ? "" : transition->outlet;
    full.inbox = transition->inbox == NULL ? "" : transition->inbox;
    full.text = transition->text == NULL ? "" : transition->text;
    if (strcmp(full.to, "warning") == 0 ||
        strcmp(full.to, "dead_letter") == 0) {
        notice(reporter, &full);
        return;
    }
    if (full.kind == TRANSITION_FLEET) {
        tell_fleet(reporter, &full);
        return;
    }
    if (strcmp(full.to, "replay") == 0) {
        tell_replay(reporter, &full);
        return;
    }
    struct cause *before = cause_before(reporter, &full);
    if (before != NULL) {
        if (full.log != NULL) {
            *full.log = NULL;
        }
        leave(reporter, before, &full);
    }
    if (is_trouble(&full) && !is_told_by_others(&full)) {
        join(reporter, &full);
    }
    if (full.kind == TRANSITION_SERVER && !is_trouble(&full)) {
        uncover(reporter, full.server, full.at_ms);
    }
}
