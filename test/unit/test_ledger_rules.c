/*
 * The rules of the ledger, on a record that is a list in memory: which
 * messages of a batch are new, whatever happened to the marks before.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sinks/ledger_rules.h"

#define ROW_COUNT_MAX 64
#define MESSAGE_COUNT_MAX 16
#define STEP_COUNT_MAX 10

/* A record */

struct row {
    uint64_t epoch;               /* */
    uint8_t key[LEDGER_KEY_SIZE]; /* */
};

struct record {
    struct row rows[ROW_COUNT_MAX]; /* */
    size_t row_count;               /* */
    uint64_t epoch;                 /* of the queue */
    uint64_t batch_epoch;           /* of the batch at hand */
    int calls_left;                 /* until an operation fails; 0: never */
    unsigned calls_after_failure;   /* */
    bool has_failed;                /* */
};

static bool fails(struct record *record)
{
    record->calls_after_failure += record->has_failed;
    if (record->calls_left > 0 && --record->calls_left == 0) {
        record->has_failed = true;
        return true;
    }
    return false;
}

static struct row *row_find(struct record *record, uint64_t epoch,
                            const uint8_t *key)
{
    for (size_t i = 0; i < record->row_count; i++) {
        struct row *row = &record->rows[i];

        if (row->epoch == epoch &&
            memcmp(row->key, key, LEDGER_KEY_SIZE) == 0) {
            return row;
        }
    }
    return NULL;
}

static int op_carry_over(void *data)
{
    struct record *record = data;

    for (size_t i = 0; i < record->row_count; i++) {
        struct row *row = &record->rows[i];

        if (row->epoch == record->batch_epoch &&
            row_find(record, row->epoch + 1, row->key) == NULL) {
            row->epoch++;
        }
    }
    return fails(record) ? 7 : 0;
}

static int op_take_back(void *data, const uint8_t *key, bool *was_there)
{
    struct record *record = data;
    struct row *row = row_find(record, record->batch_epoch + 1, key);

    *was_there =
        row != NULL && row_find(record, record->batch_epoch, key) == NULL;
    if (*was_there) {
        row->epoch--;
    }
    return fails(record) ? 7 : 0;
}

static int op_add(void *data, size_t index, const uint8_t *key, bool *is_new)
{
    struct record *record = data;

    (void)index;
    *is_new = row_find(record, record->batch_epoch, key) == NULL;
    if (*is_new) {
        struct row *row = &record->rows[record->row_count++];

        assert_true(record->row_count <= ROW_COUNT_MAX);
        row->epoch = record->batch_epoch;
        memcpy(row->key, key, LEDGER_KEY_SIZE);
    }
    return fails(record) ? 7 : 0;
}

static int op_find_leftovers(void *data, bool *found)
{
    struct record *record = data;

    *found = false;
    for (size_t i = 0; i < record->row_count; i++) {
        *found |= record->rows[i].epoch == record->batch_epoch + 1;
    }
    return fails(record) ? 7 : 0;
}

static int op_raise_epoch(void *data)
{
    struct record *record = data;

    if (record->batch_epoch > record->epoch) {
        record->epoch = record->batch_epoch;
    }
    return fails(record) ? 7 : 0;
}

static const struct ledger_ops ops = {
    .carry_over = op_carry_over,
    .take_back = op_take_back,
    .add = op_add,
    .find_leftovers = op_find_leftovers,
    .raise_epoch = op_raise_epoch,
};

/* Batches */

/* A message for each letter; equal letters are equal messages. */
static size_t messages_make(struct haplo_message *messages, const char *letters)
{
    size_t count = strlen(letters);

    assert_true(count <= MESSAGE_COUNT_MAX);
    memset(messages, 0, count * sizeof(*messages));
    for (size_t i = 0; i < count; i++) {
        memset(messages[i].key, letters[i], sizeof(messages[i].key));
        for (size_t j = 0; j < i; j++) {
            messages[i].ordinal += letters[j] == letters[i];
        }
    }
    return count;
}

static int deliver(struct record *record, const struct ledger_state *state,
                   const char *letters, struct ledger_batch *batch)
{
    struct haplo_message messages[MESSAGE_COUNT_MAX];

    *batch = (struct ledger_batch){
        .messages = messages,
        .count = messages_make(messages, letters),
        .epoch = state->epoch,
        .is_unconfirmed = state->is_unconfirmed,
    };
    record->batch_epoch = batch->epoch;
    return ledger_add_batch(&ops, record, batch);
}

/* Cases */

/* One thing that happens to a queue. */
struct step {
    const char *batch;     /* delivered; NULL: none */
    size_t new_count;      /* expected of it */
    size_t repeat_count;   /* */
    bool has_leftovers;    /* */
    uint64_t confirms;     /* the next epoch of a confirmed mark; 0: none */
    bool restarts;         /* the process does, with what is committed */
    bool is_not_committed; /* the confirmed epoch is, before that */
};

#define BATCH(letters, added, repeated)                                      \
    {                                                                        \
        .batch = (letters), .new_count = (added), .repeat_count = (repeated) \
    }
#define BATCH_LEAVING(letters, added, repeated)                               \
    {                                                                         \
        .batch = (letters), .new_count = (added), .repeat_count = (repeated), \
        .has_leftovers = true                                                 \
    }
#define MARK(epoch)         \
    {                       \
        .confirms = (epoch) \
    }
#define MARK_FORGOTTEN(epoch)                         \
    {                                                 \
        .confirms = (epoch), .is_not_committed = true \
    }
#define RESTART          \
    {                    \
        .restarts = true \
    }

static const struct {
    const char *name;                  /* what it shows */
    struct step steps[STEP_COUNT_MAX]; /* until a zeroed one */
} cases[] = {
    {"what was never there is new", {BATCH("ABC", 3, 0)}},
    {"again without a confirmed mark it is a repeat",
     {BATCH("ABC", 3, 0), BATCH("ABC", 0, 3), BATCH("CBA", 0, 3)}},
    {"again after a confirmed mark it is a resend",
     {BATCH("ABC", 3, 0), MARK(1), BATCH("ABC", 3, 0), BATCH("ABC", 0, 3)}},
    {"of a batch that has grown only the rest is new",
     {BATCH("AB", 2, 0), BATCH("ABCD", 2, 2)}},
    {"what the next batch lacks is no news after its mark",
     {BATCH("ABC", 3, 0), BATCH_LEAVING("BCD", 1, 2), MARK(1),
      BATCH("AE", 1, 1)}},
    {"but what it had is a resend then",
     {BATCH("ABC", 3, 0), BATCH_LEAVING("BCD", 1, 2), MARK(1),
      BATCH_LEAVING("BE", 2, 0), MARK(2), BATCH("A", 0, 1)}},
    {"what comes back before the mark is confirmed with it",
     {BATCH("ABC", 3, 0), BATCH_LEAVING("BCD", 1, 2), BATCH("ABCD", 0, 4),
      MARK(1), BATCH("ABCD", 4, 0)}},
    {"what is taken back may be left over once more",
     {BATCH("AB", 2, 0), BATCH_LEAVING("BC", 1, 1), BATCH_LEAVING("AC", 0, 2),
      MARK(1), BATCH("B", 0, 1)}},
    {"what is left over lasts while marks are lost",
     {BATCH("A", 1, 0), BATCH_LEAVING("B", 1, 0), BATCH_LEAVING("C", 1, 0),
      MARK(1), BATCH_LEAVING("D", 1, 0), MARK(2), BATCH("AB", 0, 2)}},
    {"an epoch is skipped to confirm what was left over",
     {BATCH("AB", 2, 0), BATCH_LEAVING("BC", 1, 1), MARK(2),
      BATCH("ABC", 3, 0)}},
    {"equal messages are told apart by their number",
     {BATCH("AABA", 4, 0), BATCH("AAABA", 1, 4), MARK(1), BATCH("AA", 2, 0)}},
    {"equal messages may be left over, too",
     {BATCH("AA", 2, 0), BATCH_LEAVING("A", 0, 1), MARK(1), BATCH("AA", 1, 1)}},
    {"after a restart a repeat is still one",
     {BATCH("ABC", 3, 0), RESTART, BATCH("ABC", 0, 3)}},
    {"and what was left over",
     {BATCH("ABC", 3, 0), BATCH_LEAVING("BCD", 1, 2), RESTART, MARK(1), RESTART,
      BATCH("AE", 1, 1)}},
    {"and a resend, if the epoch was committed",
     {BATCH("ABC", 3, 0), MARK(1), RESTART, BATCH("ABC", 3, 0)}},
    {"if it was not, nobody can tell the resend",
     {BATCH("ABC", 3, 0), MARK_FORGOTTEN(1), RESTART, BATCH("ABC", 0, 3)}},
    {"epochs may leave numbers out",
     {BATCH("A", 1, 0), MARK(9), BATCH("A", 1, 0), RESTART, BATCH("A", 0, 1)}},
};

static void commit_epoch(struct record *record, struct ledger_state *state)
{
    record->batch_epoch = state->epoch;
    assert_int_equal(op_raise_epoch(record), 0);
    ledger_state_committed(state, state->epoch);
}

/* What a sink reads when it is opened. */
static void state_read(const struct record *record, struct ledger_state *state)
{
    bool is_unconfirmed = false;

    for (size_t i = 0; i < record->row_count; i++) {
        is_unconfirmed |= record->rows[i].epoch >= record->epoch;
    }
    ledger_state_read(state, record->epoch, is_unconfirmed);
}

static void step_play(const struct step *step, struct record *record,
                      struct ledger_state *state)
{
    struct ledger_batch batch;

    if (step->batch != NULL) {
        assert_int_equal(deliver(record, state, step->batch, &batch), 0);
        assert_int_equal(batch.new_count, step->new_count);
        assert_int_equal(batch.repeat_count, step->repeat_count);
        assert_int_equal(batch.has_leftovers, step->has_leftovers);
        ledger_state_stored(state, batch.epoch, batch.has_leftovers);
    }
    if (step->confirms != 0) {
        assert_true(ledger_state_confirmed(state, step->confirms));
        assert_true(ledger_state_is_ahead(state));
    }
    if (step->confirms != 0 && !step->is_not_committed) {
        commit_epoch(record, state);
        assert_false(ledger_state_is_ahead(state));
    }
    if (step->restarts) {
        state_read(record, state);
    }
}

static bool is_step(const struct step *step)
{
    return step->batch != NULL || step->confirms != 0 || step->restarts;
}

/* A wrong answer is a lost message, or one that is stored twice. */
static void what_is_new_is_told_whatever_came_before(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct record record = {.row_count = 0};
        struct ledger_state state = {.epoch = 0};

        print_message("%s\n", cases[i].name);
        for (const struct step *step = cases[i].steps;
             step < cases[i].steps + STEP_COUNT_MAX && is_step(step); step++) {
            step_play(step, &record, &state);
        }
    }
}

/* A queue between two batches */

/* A confirmation that comes late must not bring back an old epoch. */
static void an_epoch_never_goes_back(void **unused)
{
    struct ledger_state state = {.epoch = 0};

    (void)unused;
    assert_true(ledger_state_confirmed(&state, 3));
    assert_false(ledger_state_confirmed(&state, 3));
    assert_false(ledger_state_confirmed(&state, 2));
    assert_int_equal(state.epoch, 3);
    ledger_state_committed(&state, 3);
    ledger_state_committed(&state, 2);
    assert_int_equal(state.stored_epoch, 3);
    ledger_state_stored(&state, 1, true);
    assert_int_equal(state.epoch, 3);
    assert_int_equal(state.stored_epoch, 3);
    assert_false(state.is_unconfirmed);
}

/* An empty queue proves a lost mark only where there was one to be lost. */
static void it_is_known_whether_an_epoch_has_messages(void **unused)
{
    struct ledger_state state = {.epoch = 0};

    (void)unused;
    assert_false(state.is_unconfirmed);
    ledger_state_stored(&state, 0, false);
    assert_true(state.is_unconfirmed);
    assert_true(ledger_state_confirmed(&state, 1));
    assert_false(state.is_unconfirmed);
    ledger_state_stored(&state, 1, true);
    assert_true(ledger_state_confirmed(&state, 2));
    assert_true(state.is_unconfirmed); /* they were carried over to it */
    assert_true(ledger_state_confirmed(&state, 3));
    assert_false(state.is_unconfirmed);
    ledger_state_stored(&state, 3, true);
    assert_true(ledger_state_confirmed(&state, 5));
    assert_false(state.is_unconfirmed); /* they were left behind */
}

/* A commit that comes with a batch need not be made once more. */
static void a_stored_batch_brings_its_epoch(void **unused)
{
    struct ledger_state state = {.epoch = 0};

    (void)unused;
    assert_true(ledger_state_confirmed(&state, 1));
    assert_true(ledger_state_is_ahead(&state));
    ledger_state_stored(&state, 1, false);
    assert_false(ledger_state_is_ahead(&state));
}

/* Failures */

/* The caller rolls back then, and nothing more may be written. */
static void the_first_error_ends_the_batch(void **unused)
{
    const struct ledger_state state = {.epoch = 4, .is_unconfirmed = true};
    unsigned failed_count = 0;

    (void)unused;
    for (int call = 1;; call++) {
        struct record record = {.calls_left = call};
        struct ledger_batch batch;
        int error = deliver(&record, &state, "ABA", &batch);

        if (!record.has_failed) {
            assert_int_equal(error, 0);
            break;
        }
        assert_int_equal(error, 7);
        assert_int_equal(record.calls_after_failure, 0);
        failed_count++;
    }
    assert_int_equal(failed_count, 1 + 3 + 3 + 1 + 1);
}

/* Each is a statement for SQLite: a usual batch is to cost no more. */
static void a_first_batch_is_only_added(void **unused)
{
    const struct ledger_state state = {.epoch = 4};
    struct record record = {.calls_left = 100};
    struct ledger_batch batch;

    (void)unused;
    assert_int_equal(deliver(&record, &state, "ABC", &batch), 0);
    assert_int_equal(100 - record.calls_left, 3 + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_new_is_told_whatever_came_before),
        cmocka_unit_test(an_epoch_never_goes_back),
        cmocka_unit_test(it_is_known_whether_an_epoch_has_messages),
        cmocka_unit_test(a_stored_batch_brings_its_epoch),
        cmocka_unit_test(the_first_error_ends_the_batch),
        cmocka_unit_test(a_first_batch_is_only_added),
    };

    return cmocka_run_group_tests_name("ledger_rules", tests, NULL, NULL);
}
