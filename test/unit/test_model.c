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
#include "sinks/ledger_rules.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define QUEUE_STATES (HAPLO_QUEUE_LAST_MARK_WAIT + 1)
#define SERVER_STATES (HAPLO_SERVER_SILENT + 1)

/* -- States and edges ----------------------------------------------------- */

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

/* -- Steps of a queue ----------------------------------------------------- */

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
    bool is_unconfirmed;          /* */
    bool has_leftovers;           /* */
    bool has_failed;              /* failures > 0 */
    unsigned mark_attempts;       /* 0 where there is no batch */
};

struct queue_line {
    const char *text;           /* of steps.h */
    enum queue_event_kind kind; /* */
    int error;                  /* */
    bool too_late;              /* to repeat the mark */
    bool is_last_attempt;       /* of the delivery */
    bool is_nothing;            /* count is 0 */
    bool is_repeated;           /* */
    int unread;                 /* */
    struct queue_facts before;  /* */
    struct queue_facts after;   /* */
    unsigned raised;            /* epochs */
    enum queue_action action;   /* */
};

#define QUEUE_STEP(kind, error, too_late, is_last, is_nothing, is_repeated, \
                   unread, state, u, l, f, a, next_state, nu, nl, nf, na,   \
                   raised, action)                                          \
    {#kind " in " #state " -> " #next_state " " #action,                    \
     QUEUE_EVENT_##kind,                                                    \
     error,                                                                 \
     too_late,                                                              \
     is_last,                                                               \
     is_nothing,                                                            \
     is_repeated,                                                           \
     unread,                                                                \
     {HAPLO_QUEUE_##state, u, l, f, a},                                     \
     {HAPLO_QUEUE_##next_state, nu, nl, nf, na},                            \
     raised,                                                                \
     (enum queue_action)action},
static const struct queue_line queue_lines[] = {
#include "../model/steps.h"
};

#define MARK_ATTEMPTS_MAX 2 /* as in queue.pml */
#define NOW_MS 1000000

static void queue_set(struct queue *queue, const struct queue_line *line)
{
    static struct queue_policy policy = {
        .interval_ms = 60000,
        .backoff_ms = 1000,
        .backoff_max_ms = 300000,
        .refused_ms = 900000,
        .mark_attempts_max = MARK_ATTEMPTS_MAX,
    };
    policy.deliver_attempts_max = line->is_last_attempt ? 1 : 0;
    queue_init(queue, &policy, NULL, 7, false, 0);
    queue->state = line->before.state;
    queue->is_unconfirmed = line->before.is_unconfirmed;
    queue->has_leftovers = line->before.has_leftovers;
    queue->failures = line->before.has_failed;
    queue->mark_attempts = line->before.mark_attempts;
    queue->first_mark_ms = NOW_MS;
    queue->deliver_attempts = 1;
}

static struct queue_facts facts_of(const struct queue *queue)
{
    return (struct queue_facts){
        queue->state, queue->is_unconfirmed, queue->has_leftovers,
        queue->failures > 0, queue_has_batch(queue) ? queue->mark_attempts : 0};
}

static bool facts_equal(struct queue_facts a, struct queue_facts b)
{
    return a.state == b.state && a.is_unconfirmed == b.is_unconfirmed &&
           a.has_leftovers == b.has_leftovers && a.has_failed == b.has_failed &&
           a.mark_attempts == b.mark_attempts;
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
    if (!facts_equal(facts_of(&queue), line->after) || action != line->action ||
        queue.epoch != 7 + line->raised) {
        fail_msg("%s: the code goes to %s with action %d, epochs raised by %d",
                 line->text, haplo_queue_state_name(queue.state), (int)action,
                 (int)queue.epoch - 7);
    }
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

/* -- Steps of the server -------------------------------------------------- */

enum { NO_VERDICT = HAPLO_ENOMEM, ALIVE = HAPLO_ENOTFOUND, LOGGED_IN = 0 };
enum { REFUSED_LOGIN = HAPLO_EREFUSED, THROTTLED = HAPLO_ETHROTTLED };
enum { FAILING = HAPLO_ECONNECT };

struct server_line {
    const char *text;               /* of steps.h */
    int error;                      /* */
    enum haplo_server_state before; /* */
    unsigned failures;              /* up to what opens the breaker */
    unsigned failed_logins;         /* */
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

static void take_server_line(const struct server_line *line)
{
    struct server server;
    struct random random = {1};
    const struct step_context context = {NOW_MS, &random, NULL, NULL};
    server_init(&server, &server_policy);
    server.state = line->before;
    server.failures = line->failures;
    server.failed_logins = line->failed_logins;
    server.logins_held = line->logins_held;
    server_answered(&server, line->error, &context, NULL);
    unsigned failures = server.failures < server_policy.breaker_failures
                            ? server.failures
                            : server_policy.breaker_failures;
    if (server.state != line->after || failures != line->next_failures ||
        server.failed_logins != line->next_failed_logins ||
        server.logins_held != line->next_logins_held) {
        fail_msg("%s: the code goes to %s, %u failures, %u failed logins",
                 line->text, haplo_server_state_name(server.state), failures,
                 server.failed_logins);
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
    struct queue prover;
    assert_true(COUNT(ask_lines) > 20);
    for (size_t i = 0; i < COUNT(ask_lines); i++) {
        const struct ask_line *line = &ask_lines[i];
        server_init(&server, &server_policy);
        server.state = line->state;
        server.in_flight = line->in_flight;
        server.prover = line->has_prover ? &prover : NULL;
        server.logins_held = line->logins_held;
        server.failed_logins = line->failed_logins;
        if (server_has_slot(&server) != line->has_slot ||
            server_may_log_in(&server, true) != line->may_use_proven ||
            server_may_log_in(&server, false) != line->may_prove) {
            fail_msg("the code does not allow the same: %s", line->text);
        }
    }
}

/* -- Steps of the ledger -------------------------------------------------- */

#define MESSAGES 3
#define EPOCHS 8

/* A record: of each epoch, the messages that are in it, as bits. */
struct record {
    unsigned messages[EPOCHS]; /* */
    unsigned epoch;            /* the queue's, durable */
    unsigned batch_epoch;      /* */
};

static int carry_over(void *data)
{
    struct record *record = data;
    record->messages[record->batch_epoch + 1] |=
        record->messages[record->batch_epoch];
    record->messages[record->batch_epoch] = 0;
    return 0;
}

static int take_back(void *data, const uint8_t key[LEDGER_KEY_SIZE],
                     bool *was_there)
{
    struct record *record = data;
    *was_there = (record->messages[record->batch_epoch + 1] & key[0]) != 0;
    if (*was_there) {
        record->messages[record->batch_epoch + 1] &= ~(unsigned)key[0];
        record->messages[record->batch_epoch] |= key[0];
    }
    return 0;
}

static int add(void *data, size_t index, const uint8_t key[LEDGER_KEY_SIZE],
               bool *is_new)
{
    struct record *record = data;
    (void)index;
    *is_new = (record->messages[record->batch_epoch] & key[0]) == 0;
    record->messages[record->batch_epoch] |= key[0];
    return 0;
}

static int find_leftovers(void *data, bool *found)
{
    const struct record *record = data;
    *found = record->messages[record->batch_epoch + 1] != 0;
    return 0;
}

static int raise_epoch(void *data)
{
    struct record *record = data;
    if (record->batch_epoch > record->epoch) {
        record->epoch = record->batch_epoch;
    }
    return 0;
}

static const struct ledger_ops ops = {carry_over, take_back, add,
                                      find_leftovers, raise_epoch};

struct batch_line {
    const char *text;    /* of steps.h */
    unsigned batch;      /* its messages */
    unsigned ahead;      /* its epoch, over the durable one */
    bool is_unconfirmed; /* */
    unsigned before[2];  /* in the durable epoch, in the next */
    unsigned after[2];   /* the same after it */
    unsigned fresh;      /* messages that were new */
    bool has_leftovers;  /* */
};

#define LEDGER_BATCH(batch, ahead, unconfirmed, this_epoch, next_epoch, \
                     this_after, next_after, fresh, leftovers)          \
    {#batch " into " #this_epoch "+" #next_epoch ", ahead " #ahead,     \
     batch,                                                             \
     ahead,                                                             \
     unconfirmed,                                                       \
     {this_epoch, next_epoch},                                          \
     {this_after, next_after},                                          \
     fresh,                                                             \
     leftovers},
static const struct batch_line batch_lines[] = {
#include "../model/steps.h"
};

static size_t bits(unsigned set)
{
    return (set & 1u) + (set >> 1 & 1u) + (set >> 2 & 1u);
}

static void take_batch_line(const struct batch_line *line)
{
    struct record record = {.batch_epoch = line->ahead};
    struct haplo_message messages[MESSAGES];
    struct ledger_batch batch = {.messages = messages,
                                 .epoch = line->ahead,
                                 .is_unconfirmed = line->is_unconfirmed};
    memset(messages, 0, sizeof messages);
    for (unsigned i = 0; i < MESSAGES; i++) {
        if (line->batch & 1u << i) {
            messages[batch.count++].key[0] = (uint8_t)(1u << i);
        }
    }
    memcpy(record.messages, line->before, sizeof line->before);
    assert_int_equal(ledger_add_batch(&ops, &record, &batch), 0);
    if (record.messages[record.epoch] != line->after[0] ||
        record.messages[record.epoch + 1] != line->after[1] ||
        batch.new_count != bits(line->fresh) ||
        batch.repeat_count != bits(line->batch & ~line->fresh) ||
        batch.has_leftovers != line->has_leftovers) {
        fail_msg("%s: the code has %u+%u after it", line->text,
                 record.messages[record.epoch],
                 record.messages[record.epoch + 1]);
    }
}

static void ledger_takes_every_batch_of_the_model(void **state)
{
    (void)state;
    assert_true(COUNT(batch_lines) > 50);
    for (size_t i = 0; i < COUNT(batch_lines); i++) {
        take_batch_line(&batch_lines[i]);
    }
}

enum ledger_step { STORED, DOUBTED, CONFIRMED };

struct ledger_line {
    enum ledger_step step;   /* */
    unsigned input;          /* leftovers were found; epochs raised */
    bool is_unconfirmed;     /* */
    bool has_leftovers;      /* */
    bool next_unconfirmed;   /* */
    bool next_has_leftovers; /* */
};

#define LEDGER_STORED(...) {STORED, __VA_ARGS__},
#define LEDGER_DOUBTED(...) {DOUBTED, __VA_ARGS__},
#define LEDGER_CONFIRMED(...) {CONFIRMED, __VA_ARGS__},
static const struct ledger_line ledger_lines[] = {
#include "../model/steps.h"
};

static void ledger_knows_what_the_model_knows(void **state)
{
    (void)state;
    assert_true(COUNT(ledger_lines) > 10);
    for (size_t i = 0; i < COUNT(ledger_lines); i++) {
        const struct ledger_line *line = &ledger_lines[i];
        struct ledger_state known = {.epoch = 7,
                                     .stored_epoch = 7,
                                     .is_unconfirmed = line->is_unconfirmed,
                                     .has_leftovers = line->has_leftovers};
        switch (line->step) {
        case STORED:
            ledger_state_stored(&known, 7, line->input);
            break;
        case DOUBTED:
            ledger_state_doubted(&known);
            break;
        case CONFIRMED:
            assert_true(ledger_state_confirmed(&known, 7 + line->input));
            break;
        }
        assert_int_equal(known.is_unconfirmed, line->next_unconfirmed);
        assert_int_equal(known.has_leftovers, line->next_has_leftovers);
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
        cmocka_unit_test(ledger_takes_every_batch_of_the_model),
        cmocka_unit_test(ledger_knows_what_the_model_knows),
    };
    return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
