/*
 * The model of an outlet in test/model is a model of this code: a lane has the
 * same states and edges, and the parts that decide (the breaker, where a lane
 * belongs, what is saved) do what the model does, in every situation that it
 * explores. How src/core/dispatch.c puts these parts together is not compared
 * step by step.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/breaker.h"
#include "core/lane.h"
#include "core/progress.h"
#include "core/window.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define LANE_STATES (LANE_RECALLING + 1)
#define MESSAGES_MAX 4 /* message n is bit n - 1 of a set */

/* States and edges */

static const char *const lane_states[] = {
#define LANE_STATE(name) #name,
#include "../model/table.h"
};
static const bool lane_edges[LANE_STATES][LANE_STATES] = {
#define LANE_EDGE(from, to) [LANE_##from][LANE_##to] = true,
#include "../model/table.h"
};

/* A state or an edge that only one of them has is not checked by spin, or is
 * not in the product. */
static void lane_has_the_states_and_edges_of_the_model(void **state)
{
    (void)state;
    assert_int_equal(COUNT(lane_states), LANE_STATES);
    for (unsigned from = 0; from < LANE_STATES; from++) {
        const char *name = lane_state_name((enum lane_state)from);
        assert_string_equal(lane_states[from], name);
        for (unsigned to = 0; to < LANE_STATES; to++) {
            if (lane_may_follow((enum lane_state)from, (enum lane_state)to) !=
                lane_edges[from][to]) {
                fail_msg("%s -> %s is in the %s only", name,
                         lane_state_name((enum lane_state)to),
                         lane_edges[from][to] ? "model" : "code");
            }
        }
    }
}

/* The breaker */

#define LIMIT 2 /* of failures and refusals, as in dispatch.pml */

struct breaker_facts {
    enum breaker_state state; /* */
    unsigned failures;        /* up to LIMIT */
    unsigned refusals;        /* the same */
    bool is_refused;          /* opened by refusals */
};

struct breaker_line {
    const char *text;             /* of steps.h */
    enum breaker_event_kind kind; /* what happens */
    bool is_repeat;               /* of a refusal */
    struct breaker_facts before;  /* the breaker */
    struct breaker_facts after;   /* the same, after the step */
};

#define BREAKER_STEP(kind, is_repeat, state, failures, refusals, is_refused, \
                     next, next_failures, next_refusals, next_refused)       \
    {#kind " in " #state " -> " #next,                                       \
     BREAKER_EVENT_##kind,                                                   \
     is_repeat,                                                              \
     {BREAKER_##state, failures, refusals, is_refused},                      \
     {BREAKER_##next, next_failures, next_refusals, next_refused}},
static const struct breaker_line breaker_lines[] = {
#include "../model/steps.h"
};

static unsigned up_to_limit(unsigned count)
{
    return count < LIMIT ? count : LIMIT;
}

static enum breaker_action action_expected(const struct breaker_line *line)
{
    if (line->before.state == line->after.state) {
        return BREAKER_ACTION_NONE;
    }
    switch (line->after.state) {
    case BREAKER_UP:
        return BREAKER_ACTION_CLOSED;
    case BREAKER_BROKEN:
        return BREAKER_ACTION_OPENED;
    case BREAKER_PROBING:
        break;
    }
    return BREAKER_ACTION_NONE;
}

static void take_breaker_line(const struct breaker_line *line)
{
    static const struct breaker_policy policy = {1000, 60000, LIMIT, LIMIT};
    const struct breaker_facts *after = &line->after;
    const struct breaker_event event = {line->kind, 0, line->is_repeat};
    struct random random = {1};
    struct breaker breaker;
    breaker_init(&breaker, &policy);
    breaker.state = line->before.state;
    breaker.failures = line->before.failures;
    breaker.refusals = line->before.refusals;
    breaker.is_refused = line->before.is_refused;
    breaker.due_ms = line->before.state == BREAKER_BROKEN ? 1 : HEAP_NEVER;
    enum breaker_action action = breaker_step(&breaker, &event, 1, &random);
    if (breaker.state != after->state ||
        up_to_limit(breaker.failures) != after->failures ||
        up_to_limit(breaker.refusals) != after->refusals ||
        breaker.is_refused != after->is_refused ||
        action != action_expected(line)) {
        fail_msg("%s: the code goes to %d with %u failures, %u refusals",
                 line->text, (int)breaker.state, breaker.failures,
                 breaker.refusals);
    }
}

static void breaker_takes_every_step_of_the_model(void **state)
{
    (void)state;
    assert_true(COUNT(breaker_lines) > 30);
    for (size_t i = 0; i < COUNT(breaker_lines); i++) {
        take_breaker_line(&breaker_lines[i]);
    }
}

/* A lane */

struct lane_line {
    const char *text;      /* of steps.h */
    enum lane_state state; /* of the lane */
    unsigned spans;        /* set: messages in memory */
    unsigned doubts;       /* set: messages in doubt */
    uint64_t known_to;     /* see lane.h */
    uint64_t backlog_last; /* see lane.h */
    enum lane_state rest;  /* where it belongs */
    bool defers;           /* later messages */
    uint64_t head;         /* its first message */
};

#define LANE_ASK(state, spans, doubts, known_to, last, rest, defers, head) \
    {#state " " #spans " " #doubts " " #known_to " " #last,                \
     LANE_##state,                                                         \
     spans,                                                                \
     doubts,                                                               \
     known_to,                                                             \
     last,                                                                 \
     LANE_##rest,                                                          \
     defers,                                                               \
     head},
static const struct lane_line lane_lines[] = {
#include "../model/steps.h"
};

static bool has(unsigned set, unsigned arrival)
{
    return (set & 1u << (arrival - 1)) != 0;
}

static void ask_lane(const struct lane_line *line)
{
    struct span spans[MESSAGES_MAX];
    struct lane lane;
    lane_init(&lane, 1, "server", "queue");
    for (unsigned arrival = 1; arrival <= MESSAGES_MAX; arrival++) {
        if (has(line->spans, arrival)) {
            spans[arrival - 1] = (struct span){.first = arrival, .count = 1};
            lane_add(&lane, &spans[arrival - 1]);
        }
        if (has(line->doubts, arrival)) {
            assert_true(lane_doubt(&lane, arrival, "why"));
        }
    }
    lane.state = line->state;
    lane.known_to = line->known_to;
    lane.backlog_last = line->backlog_last;
    if (lane_rest_state(&lane) != line->rest ||
        lane_defers(&lane) != line->defers || lane_head(&lane) != line->head) {
        fail_msg("the code has another answer: %s", line->text);
    }
    lane_free_doubts(&lane);
}

static void lane_answers_as_in_the_model(void **state)
{
    (void)state;
    assert_true(COUNT(lane_lines) > 100);
    for (size_t i = 0; i < COUNT(lane_lines); i++) {
        ask_lane(&lane_lines[i]);
    }
}

/* Saving */

struct save_line {
    const char *text; /* of steps.h */
    unsigned window;  /* set: neither done nor deferred */
    uint64_t read_to; /* see window.h */
    uint64_t done_to; /* see window.h */
    unsigned pending_deferred, pending_settled, pending_letters; /* sets */
    uint64_t cursor;                                             /* saved */
    uint64_t holder; /* holds back the cursor, or 0 */
    unsigned saved_deferred, saved_settled, saved_letters; /* sets */
};

#define SAVE_STEP(...) {#__VA_ARGS__, __VA_ARGS__},
static const struct save_line save_lines[] = {
#include "../model/steps.h"
};

static void window_fill(struct window *window, struct span spans[MESSAGES_MAX],
                        const struct save_line *line)
{
    window_init(window, 0);
    for (unsigned arrival = 1; arrival <= MESSAGES_MAX; arrival++) {
        if (has(line->window, arrival)) {
            spans[arrival - 1] = (struct span){.first = arrival, .count = 1};
            window_add(window, &spans[arrival - 1]);
        }
    }
    window->read_to = line->read_to;
    window_done(window, line->done_to);
}

static void progress_fill(struct progress *progress,
                          const struct save_line *line)
{
    progress_init(progress);
    for (unsigned arrival = 1; arrival <= MESSAGES_MAX; arrival++) {
        assert_true(!has(line->pending_deferred, arrival) ||
                    progress_defer(progress, 1, arrival, 1));
        assert_true(!has(line->pending_settled, arrival) ||
                    progress_settle(progress, 1, arrival, 1));
        assert_true(!has(line->pending_letters, arrival) ||
                    progress_bury(progress, 1, arrival, "why", 1));
    }
}

static unsigned set_of(const struct arrival_ranges *ranges)
{
    unsigned set = 0;
    for (size_t i = 0; i < ranges->count; i++) {
        for (uint32_t j = 0; j < ranges->items[i].count; j++) {
            set |= 1u << (ranges->items[i].first + j - 1);
        }
    }
    return set;
}

static unsigned letters_of(const struct progress *progress)
{
    unsigned set = 0;
    for (size_t i = 0; i < progress->dead_letter_count; i++) {
        set |= 1u << (progress->dead_letters[i].arrival - 1);
    }
    return set;
}

static void take_save_line(const struct save_line *line)
{
    struct span spans[MESSAGES_MAX];
    struct window window;
    struct progress pending;
    struct progress saving;
    window_fill(&window, spans, line);
    progress_fill(&pending, line);
    progress_init(&saving);
    const struct span *holder = window_holder(&window);
    assert_true(progress_move(&pending, &saving, window_cursor(&window)));
    if (saving.cursor != line->cursor ||
        (holder == NULL ? 0 : holder->first) != line->holder ||
        set_of(&saving.deferred) != line->saved_deferred ||
        set_of(&saving.settled) != line->saved_settled ||
        letters_of(&saving) != line->saved_letters ||
        set_of(&pending.deferred) !=
            (line->pending_deferred & ~line->saved_deferred)) {
        fail_msg("the code does not save the same: %s", line->text);
    }
    progress_free(&pending);
    progress_free(&saving);
}

static void progress_is_saved_as_in_the_model(void **state)
{
    (void)state;
    assert_true(COUNT(save_lines) > 50);
    for (size_t i = 0; i < COUNT(save_lines); i++) {
        take_save_line(&save_lines[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lane_has_the_states_and_edges_of_the_model),
        cmocka_unit_test(breaker_takes_every_step_of_the_model),
        cmocka_unit_test(lane_answers_as_in_the_model),
        cmocka_unit_test(progress_is_saved_as_in_the_model),
    };
    return cmocka_run_group_tests_name("model of an outlet", tests, NULL, NULL);
}
