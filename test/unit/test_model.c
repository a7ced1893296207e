/*
 * The model in test/model is a model of this code: they have the same states
 * and edges, and every step that the model takes, in all that it explores, the
 * code takes as well, from the same state to the same state.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/queue.h"
#include "core/server.h"
#include "state_scene.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define QUEUE_STATES (HAPLO_QUEUE_LAST_MARK_WAIT + 1)
#define SERVER_STATES (HAPLO_SERVER_SILENT + 1)

/* States and edges */

static const char *const queue_states[] = {
#define QUEUE_STATE(name) #name,
#include "../model/table.h"
};
static const char *const server_states[] = {
#define SERVER_STATE(name) #name,
#include "../model/table.h"
};
static const bool queue_edges[QUEUE_STATES][QUEUE_STATES] = {
#define QUEUE_EDGE(from, to) [HAPLO_QUEUE_##from][HAPLO_QUEUE_##to] = true,
#include "../model/table.h"
};
static const bool server_edges[SERVER_STATES][SERVER_STATES] = {
#define SERVER_EDGE(from, to) [HAPLO_SERVER_##from][HAPLO_SERVER_##to] = true,
#include "../model/table.h"
};

/* A state or an edge that only one of them has is not checked by spin, or is
 * not in the product. */
static void queue_has_the_states_and_edges_of_the_model(void **state)
{
    (void)state;
    assert_int_equal(COUNT(queue_states), QUEUE_STATES);
    for (unsigned from = 0; from < QUEUE_STATES; from++) {
        const char *name = haplo_queue_state_name((enum haplo_queue_state)from);
        assert_string_equal(queue_states[from], name);
        for (unsigned to = 0; to < QUEUE_STATES; to++) {
            if (queue_may_follow((enum haplo_queue_state)from,
                                 (enum haplo_queue_state)to) !=
                queue_edges[from][to]) {
                fail_msg("%s -> %s is in the %s only", name,
                         haplo_queue_state_name((enum haplo_queue_state)to),
                         queue_edges[from][to] ? "model" : "code");
            }
        }
    }
}

static void server_has_the_states_and_edges_of_the_model(void **state)
{
    (void)state;
    assert_int_equal(COUNT(server_states), SERVER_STATES);
    for (unsigned from = 0; from < SERVER_STATES; from++) {
        const char *name =
            haplo_server_state_name((enum haplo_server_state)from);
        assert_string_equal(server_states[from], name);
        for (unsigned to = 0; to < SERVER_STATES; to++) {
            if (server_may_follow((enum haplo_server_state)from,
                                  (enum haplo_server_state)to) !=
                server_edges[from][to]) {
                fail_msg("%s -> %s is in the %s only", name,
                         haplo_server_state_name((enum haplo_server_state)to),
                         server_edges[from][to] ? "model" : "code");
            }
        }
    }
}

/* Steps of a queue */

/* The model's words for what the code has in numbers. */
enum { NO_FAILURE = 0, TRANSIENT = HAPLO_ERESET };
enum { PERMANENT = HAPLO_ECONTENT, REFUSED_KEY = HAPLO_EREFUSED };
enum { NOT_TOLD = -1, NONE_LEFT = 0, SOME_LEFT = 3 };
enum { NO_ACTION = QUEUE_ACTION_NONE, DELIVER = QUEUE_ACTION_DELIVER };
enum { CONFIRM = QUEUE_ACTION_CONFIRM, DROP = QUEUE_ACTION_DROP };
enum { CANCEL = QUEUE_ACTION_CANCEL };

/* What the model knows of a queue. */
struct queue_facts {
    enum haplo_queue_state state; /* */
    bool has_failed;              /* failures > 0 */
    bool was_stale;               /* the newest is HAPLO_ESTALE */
    unsigned mark_attempts;       /* 0 where there is no batch */
};

struct queue_line {
    const char *text;           /* of steps.h */
    enum queue_event_kind kind; /* */
    int error;                  /* */
    bool too_late;              /* to repeat the mark */
    bool is_nothing;            /* count is 0 */
    bool is_repeated;           /* */
    int unread;                 /* */
    bool is_unconfirmed;        /* K is not empty */
    struct queue_facts before;  /* */
    struct queue_facts after;   /* */
    enum queue_action action;   /* */
};

#define QUEUE_STEP(kind, error, too_late, is_nothing, is_repeated, unread, \
                   state, u, f, s, a, next_state, nf, ns, na, action)      \
    {#kind " in " #state " -> " #next_state " " #action,                   \
     QUEUE_EVENT_##kind,                                                   \
     error,                                                                \
     too_late,                                                             \
     is_nothing,                                                           \
     is_repeated,                                                          \
     unread,                                                               \
     u,                                                                    \
     {HAPLO_QUEUE_##state, f, s, a},                                       \
     {HAPLO_QUEUE_##next_state, nf, ns, na},                               \
     (enum queue_action)action},
static const struct queue_line queue_lines[] = {
#include "../model/steps.h"
};

#define MARK_ATTEMPTS_MAX 2 /* as in queue.pml */
#define NOW_MS 1000000

static void queue_set(struct queue *queue, const struct queue_line *line)
{
    static const struct queue_policy policy = {
        .interval_ms = 60000,
        .backoff_ms = 1000,
        .backoff_max_ms = 300000,
        .refused_ms = 900000,
        .mark_attempts_max = MARK_ATTEMPTS_MAX,
    };
    queue_init(queue, &policy, NULL, 0);
    queue->state = line->before.state;
    queue->failures = line->before.has_failed;
    queue->error = line->before.was_stale ? HAPLO_ESTALE : 0;
    queue->mark_attempts = (uint16_t)line->before.mark_attempts;
    queue->first_mark_ms = NOW_MS;
    queue->deliver_attempts = 1;
    if (line->is_unconfirmed) {
        struct batch *batch = fetched(&queue->delivery, "A");
        assert_int_equal(
            delivery_state_adopt(&queue->delivery, state_of(batch)), 0);
        batch_free(batch);
    }
}

static struct queue_facts facts_of(const struct queue *queue)
{
    return (struct queue_facts){
        queue->state, queue->failures > 0, queue->error == HAPLO_ESTALE,
        queue_has_batch(queue) ? queue->mark_attempts : 0};
}

static bool facts_equal(struct queue_facts a, struct queue_facts b)
{
    return a.state == b.state && a.has_failed == b.has_failed &&
           a.was_stale == b.was_stale && a.mark_attempts == b.mark_attempts;
}

static void take_queue_line(const struct queue_line *line)
{
    struct queue queue;
    struct random random = {1};
    const struct step_context context = {NOW_MS, &random, NULL, NULL};
    const struct queue_event event = {
        .kind = line->kind,
        .error = line->error,
        .delay_ms = line->too_late ? QUEUE_MARK_AGE_MAX_MS : 0,
        .count = line->is_nothing ? 0 : 1,
        .unread_count = line->unread,
        .is_repeated = line->is_repeated,
    };
    queue_set(&queue, line);
    enum queue_action action = queue_step(&queue, &event, &context);
    if (!facts_equal(facts_of(&queue), line->after) || action != line->action) {
        fail_msg("%s: the code goes to %s with action %d", line->text,
                 haplo_queue_state_name(queue.state), (int)action);
    }
    delivery_state_free(&queue.delivery);
}

/* The table says where a step may lead; this says that it leads there. */
static void queue_takes_every_step_of_the_model(void **state)
{
    (void)state;
    assert_true(COUNT(queue_lines) > 100);
    for (size_t i = 0; i < COUNT(queue_lines); i++) {
        take_queue_line(&queue_lines[i]);
    }
}

/* Steps of the server */

enum { NO_VERDICT = HAPLO_ENOMEM, ALIVE = HAPLO_ENOTFOUND, LOGGED_IN = 0 };
enum { REFUSED_LOGIN = HAPLO_EREFUSED, THROTTLED = HAPLO_ETHROTTLED };
enum { FAILING = HAPLO_ECONNECT };

struct server_line {
    const char *text;               /* of steps.h */
    int error;                      /* */
    enum haplo_server_state before; /* */
    unsigned failures;              /* up to what opens the breaker */
    unsigned failed_logins;         /* up to one more than LOGINS_AT_RISK_MAX */
    bool logins_held;               /* */
    enum haplo_server_state after;  /* */
    unsigned next_failures;         /* */
    unsigned next_failed_logins;    /* */
    bool next_logins_held;          /* */
};

#define SERVER_STEP(verdict, state, failures, logins, held, next_state, \
                    next_failures, next_logins, next_held)              \
    {#verdict " in " #state " -> " #next_state,                         \
     verdict,                                                           \
     HAPLO_SERVER_##state,                                              \
     failures,                                                          \
     logins,                                                            \
     held,                                                              \
     HAPLO_SERVER_##next_state,                                         \
     next_failures,                                                     \
     next_logins,                                                       \
     next_held},
static const struct server_line server_lines[] = {
#include "../model/steps.h"
};

/* As in server.pml. */
static const struct server_policy server_policy = {
    .in_flight_max = 2, .failed_logins_max = 2, .breaker_failures = 2};

/* The only one of its group. */
static void server_make(struct server *server, struct login_group *group)
{
    server_init(server, &server_policy);
    server->location = LOCATION_KNOWN;
    server->group = group;
    login_group_init(group);
    TAILQ_INSERT_TAIL(&group->servers, server, group_link);
    login_group_recount(group);
}

static void take_server_line(const struct server_line *line)
{
    struct server server;
    struct login_group group;
    struct random random = {1};
    const struct step_context context = {NOW_MS, &random, NULL, NULL};
    server_make(&server, &group);
    server.state = line->before;
    server.failures = line->failures;
    group.failed = line->failed_logins;
    server.logins_held = line->logins_held;
    server_answered(&server, line->error, &context, NULL);
    unsigned failures = server.failures < server_policy.breaker_failures
                            ? server.failures
                            : server_policy.breaker_failures;
    unsigned failed = group.failed <= LOGINS_AT_RISK_MAX
                          ? group.failed
                          : LOGINS_AT_RISK_MAX + 1;
    if (server.state != line->after || failures != line->next_failures ||
        failed != line->next_failed_logins ||
        server.logins_held != line->next_logins_held) {
        fail_msg("%s: the code goes to %s, %u failures, %u failed logins",
                 line->text, haplo_server_state_name(server.state), failures,
                 group.failed);
    }
}

static void server_takes_every_step_of_the_model(void **state)
{
    (void)state;
    assert_true(COUNT(server_lines) > 50);
    for (size_t i = 0; i < COUNT(server_lines); i++) {
        take_server_line(&server_lines[i]);
    }
}

/* What the state allows: has a slot, may use a proven key, may prove one. */
struct ask_line {
    const char *text;              /* of steps.h */
    enum haplo_server_state state; /* */
    unsigned in_flight;            /* */
    bool has_prover;               /* */
    bool logins_held;              /* */
    unsigned failed_logins;        /* */
    bool has_slot;                 /* */
    bool may_use_proven;           /* */
    bool may_prove;                /* */
};

#define SERVER_ASK(state, ...) \
    {#state " " #__VA_ARGS__, HAPLO_SERVER_##state, __VA_ARGS__},
static const struct ask_line ask_lines[] = {
#include "../model/steps.h"
};

static void server_allows_what_the_model_allows(void **state)
{
    (void)state;
    struct server server;
    struct login_group group;
    struct queue prover;
    assert_true(COUNT(ask_lines) > 20);
    for (size_t i = 0; i < COUNT(ask_lines); i++) {
        const struct ask_line *line = &ask_lines[i];
        server_make(&server, &group);
        server.state = line->state;
        server.in_flight = line->in_flight;
        server.prover = line->has_prover ? &prover : NULL;
        group.failed = line->failed_logins;
        login_group_recount(&group);
        (void)login_group_update(&group);
        if (server_has_slot(&server) != line->has_slot ||
            server_may_log_in(&server, true) != line->may_use_proven ||
            server_may_log_in(&server, false) != line->may_prove) {
            fail_msg("the code does not allow the same: %s", line->text);
        }
    }
}

/* The state */

/* The messages of a set, as letters. */
static const char *letters(unsigned set)
{
    static char text[4][4];
    static unsigned turn;
    char *to = text[turn++ % 4];
    size_t size = 0;
    for (unsigned i = 0; i < 3; i++) {
        if ((set & 1u << i) != 0) {
            to[size++] = (char)('A' + (int)i);
        }
    }
    to[size] = '\0';
    return to;
}

/* These are stored, and not known to be confirmed. */
static void store_all(struct delivery_state *state, unsigned set)
{
    if (set != 0) {
        struct batch *batch = fetched(state, letters(set));
        delivery_state_accept(state, batch);
        delivery_state_keep(state, batch);
        batch_free(batch);
    }
}

/* K - B, as a set, of a state's keys behind those of its batch. */
static unsigned leftovers_of(struct haplo_slice state)
{
    const char *text = strchr(keys_text(state), '|');
    unsigned set = 0;
    for (; text != NULL && *text != '\0'; text++) {
        set |= *text == '|' ? 0 : 1u << (*text - 'A');
    }
    return set;
}

static unsigned new_of(const struct batch *batch)
{
    unsigned set = 0;
    for (size_t i = 0; i < batch->message_count; i++) {
        const struct haplo_message *message = &batch->messages[i];
        set |= message->is_repeat ? 0 : 1u << (*message->body.data - 'A');
    }
    return set;
}

struct batch_line {
    unsigned known, batch, fresh, leftovers; /* sets */
};

#define STATE_BATCH(...) {__VA_ARGS__},
static const struct batch_line batch_lines[] = {
#include "../model/steps.h"
};

static void batches_are_evaluated_as_in_the_model(void **unused)
{
    (void)unused;
    assert_true(COUNT(batch_lines) > 10);
    for (size_t i = 0; i < COUNT(batch_lines); i++) {
        const struct batch_line *line = &batch_lines[i];
        struct delivery_state state = {0};
        store_all(&state, line->known);
        struct batch *batch = fetched(&state, letters(line->batch));
        assert_int_equal(new_of(batch), line->fresh);
        assert_int_equal(leftovers_of(state_of(batch)), line->leftovers);
        batch_free(batch);
        delivery_state_free(&state);
    }
}

struct confirm_line {
    unsigned known, batch; /* sets */
    bool is_drained;       /* */
    unsigned after;        /* set: K then */
};

#define STATE_CONFIRM(...) {__VA_ARGS__},
static const struct confirm_line confirm_lines[] = {
#include "../model/steps.h"
};

static void confirmed_states_are_those_of_the_model(void **unused)
{
    (void)unused;
    assert_true(COUNT(confirm_lines) > 5);
    for (size_t i = 0; i < COUNT(confirm_lines); i++) {
        const struct confirm_line *line = &confirm_lines[i];
        struct delivery_state state = {0};
        struct batch *batch = NULL;
        uint8_t bytes[STATE_HEAD_SIZE];
        store_all(&state, line->known & ~line->batch);
        if (line->batch != 0) {
            batch = fetched(&state, letters(line->batch));
            delivery_state_accept(&state, batch);
        }
        struct haplo_slice confirmed = delivery_state_confirm(
            &state, batch, line->is_drained, scene_salt++, bytes);
        assert_int_equal(leftovers_of(confirmed), line->after);
        batch_free(batch);
        delivery_state_free(&state);
    }
}

/* The states that can be stored, in the model's words. */
enum stored_state {
    OTHER_STATE,
    KNOWN_STATE,
    CONFIRMED_1,
    CONFIRMED_2,
    BATCH_STATE,
    STORED_STATES
};

struct compare_line {
    enum stored_state which;  /* is to be stored */
    unsigned confirms;        /* confirmed states that there are */
    enum stored_state stored; /* is stored */
    enum haplo_compare found; /* */
};

enum {
    CURRENT = HAPLO_COMPARE_CURRENT,
    STORED = HAPLO_COMPARE_STORED,
    STALE = HAPLO_COMPARE_STALE
};

#define STATE_COMPARE(which, confirms, stored, found) \
    {which, confirms, stored, (enum haplo_compare)found},
static const struct compare_line compare_lines[] = {
#include "../model/steps.h"
};

/* One of each state, after so many confirmed ones. */
static void states_make(struct stored states[STORED_STATES], unsigned confirms)
{
    struct delivery_state state = {0};
    uint8_t bytes[STATE_HEAD_SIZE];
    store_all(&state, 3);
    struct batch *batch = fetched(&state, "A");
    stored_set(&states[KNOWN_STATE], state_of(batch));
    delivery_state_accept(&state, batch);
    for (unsigned i = 1; i <= confirms; i++) {
        stored_set(&states[CONFIRMED_1 + i - 1],
                   delivery_state_confirm(&state, i == 1 ? batch : NULL, false,
                                          scene_salt++, bytes));
    }
    if (confirms == 0) {
        delivery_state_keep(&state, batch);
    }
    for (unsigned i = 0; i < 2; i++) {
        struct batch *next = fetched(&state, "C");
        stored_set(&states[i == 0 ? OTHER_STATE : BATCH_STATE], state_of(next));
        batch_free(next);
    }
    batch_free(batch);
    delivery_state_free(&state);
}

static void states_compare_as_in_the_model(void **unused)
{
    (void)unused;
    assert_true(COUNT(compare_lines) > 15);
    for (size_t i = 0; i < COUNT(compare_lines); i++) {
        const struct compare_line *line = &compare_lines[i];
        struct stored states[STORED_STATES] = {{0}};
        states_make(states, line->confirms);
        assert_int_equal(
            haplo_state_compare(stored_slice(&states[line->which]),
                                stored_slice(&states[line->stored])),
            line->found);
        for (size_t j = 0; j < STORED_STATES; j++) {
            stored_free(&states[j]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queue_has_the_states_and_edges_of_the_model),
        cmocka_unit_test(server_has_the_states_and_edges_of_the_model),
        cmocka_unit_test(queue_takes_every_step_of_the_model),
        cmocka_unit_test(server_takes_every_step_of_the_model),
        cmocka_unit_test(server_allows_what_the_model_allows),
        cmocka_unit_test(batches_are_evaluated_as_in_the_model),
        cmocka_unit_test(confirmed_states_are_those_of_the_model),
        cmocka_unit_test(states_compare_as_in_the_model),
    };
    return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
