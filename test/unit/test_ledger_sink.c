/*
 * A sink with a ledger: what is new goes out once, at a place that tells a
 * repeat, whichever of outlet and ledger fails.
 *
 * The outlet is the test's: it writes down what it is given and looks at the
 * ledger meanwhile. The last part has the folder of files in its place.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sys/stat.h>

#include "sink_scene.h"

#include "sinks/files.h"
#include "sinks/inbox_kind.h"
#include "sinks/ledger_kind.h"
#include "sinks/outgoing.h"
#include "sinks/record_sink.h"
#include "sinks/sqlite.h"

#define OUT_SIZE 65536
#define KEYS_MAX 16

/* An outlet */

/* Used by the worker thread while the loop waits. */
static struct {
    struct outlet base;
    char text[OUT_SIZE];     /* "a 0+0: x,y;b 0+0: z;" */
    unsigned call_count;     /* */
    unsigned close_count;    /* */
    const char *refuses;     /* this queue, or "*" */
    uint64_t refuses_number; /* this place, if not 0 */
    enum sink_verdict with;  /* that verdict */
    bool forgets;            /* to set verdicts */
    bool fills_disk;         /* after it has delivered */
    const char *looks_with;  /* a query of the ledger, or NULL */
    int64_t seen;            /* its answer */
    struct scene *scene;     /* for that */
    enum haplo_format format;
    uint8_t keys[KEYS_MAX][OUTLET_KEY_SIZE]; /* of the batches */
    size_t key_count;                        /* */
} out;

static void out_note(const struct outlet_batch *batch)
{
    size_t size = strlen(out.text);

    assert_true(batch->message_count > 0);
    size += (size_t)snprintf(out.text + size, OUT_SIZE - size,
                             "%s %" PRIu64 "+%" PRIu64 ":", batch->queue,
                             batch->place.epoch, batch->place.number);
    for (size_t i = 0; i < batch->message_count && size < OUT_SIZE; i++) {
        size += (size_t)snprintf(
            out.text + size, OUT_SIZE - size, "%s%.*s", i > 0 ? "," : " ",
            (int)batch->messages[i]->body.size, batch->messages[i]->body.data);
    }
    assert_true(size < OUT_SIZE - 1);
    (void)snprintf(out.text + size, OUT_SIZE - size, ";");
    if (out.key_count < KEYS_MAX) {
        memcpy(out.keys[out.key_count++], batch->key, OUTLET_KEY_SIZE);
    }
}

static bool out_refuses(const struct outlet_batch *batch)
{
    if (out.refuses_number > 0) {
        return batch->place.number == out.refuses_number;
    }
    return out.refuses != NULL && (strcmp(out.refuses, "*") == 0 ||
                                   strcmp(out.refuses, batch->queue) == 0);
}

static void out_deliver(struct outlet *outlet, struct outlet_batch *batches,
                        size_t count)
{
    assert_true(outlet == &out.base && count > 0);
    out.call_count++;
    if (out.looks_with != NULL) {
        out.seen = query_int64(out.scene, out.looks_with);
    }
    for (size_t i = 0; i < count && !out.forgets; i++) {
        bool is_refused = out_refuses(&batches[i]);

        out.format = batches[i].format;
        batches[i].verdict = is_refused ? out.with : SINK_ACCEPT;
        if (is_refused) {
            (void)snprintf(batches[i].why, sizeof(batches[i].why),
                           "outlet: no way for %s", batches[i].queue);
        } else {
            out_note(&batches[i]);
        }
    }
    if (out.fills_disk) {
        atomic_store(&disk_is_full, true);
    }
}

static void out_close(struct outlet *outlet)
{
    assert_true(outlet == &out.base);
    out.close_count++;
}

static const struct outlet_type out_type = {
    .deliver = out_deliver,
    .close = out_close,
};

/* What went out since the last time. */
static void expect_out(const char *expected)
{
    assert_string_equal(out.text, expected);
    out.text[0] = '\0';
}

static int out_opener(struct scene *scene)
{
    const struct record_sink_options options = {
        .type_name = "test",
        .name = "out",
        .kind = &ledger_kind,
        .path = scene->path,
        .outlet = &out.base,
    };

    return record_sink_open(&scene->loop, &options, &scene->sink, scene->why,
                            sizeof(scene->why));
}

static int out_setup(void **state)
{
    scene_opener = out_opener;
    memset(&out, 0, sizeof(out));
    out.base.type = &out_type;
    return setup_open(state);
}

static int out_setup_unopened(void **state)
{
    scene_opener = out_opener;
    memset(&out, 0, sizeof(out));
    out.base.type = &out_type;
    return setup(state);
}

/* Also the disk, which a failing test may leave full. */
static int out_teardown(void **state)
{
    memset(out.text, 0, sizeof(out.text));
    return teardown(state);
}

static void parcel_fill(struct parcel *parcel, struct sink_queue *queue,
                        uint64_t epoch, const char *bodies)
{
    static const char *const letters[] = {"a", "b", "c", "d", "e",
                                          "f", "g", "h", "i", "j"};

    parcel_init(parcel, queue, epoch);
    for (; *bodies != '\0'; bodies++) {
        (void)parcel_add(parcel, slice(letters[*bodies - 'a']));
    }
}

/* Delivers these letters, each a message, and expects these counts. */
static void store(struct scene *scene, struct sink_queue *queue, uint64_t epoch,
                  const char *bodies, size_t stored, size_t repeated)
{
    struct parcel parcel;

    parcel_fill(&parcel, queue, epoch, bodies);
    parcel_store(scene, &parcel, stored, repeated);
}

static void parcel_answer(struct scene *scene, struct parcel *parcel,
                          enum sink_verdict verdict, const char *text)
{
    parcel_wait(scene, parcel);
    assert_int_equal(parcel->verdict, verdict);
    if (strstr(parcel->text, text) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", text, parcel->text);
    }
}

/* What goes out */

static void test_what_is_new_goes_out_once(void **state)
{
    struct scene *scene = *state;
    struct sink_queue *queue = open_queue(scene, "live", "q", 0);

    store(scene, queue, 0, "abc", 3, 0);
    expect_out("q 0+0: a,b,c;");
    store(scene, queue, 0, "abc", 0, 3);
    expect_out("");
    assert_int_equal(out.call_count, 1);
    store(scene, queue, 0, "badce", 2, 3);
    expect_out("q 0+3: d,e;");
    confirm(queue, 1);
    settle(scene);
    store(scene, queue, 1, "abc", 3, 0);
    expect_out("q 1+0: a,b,c;");
}

/* Their mark does not confirm what the batch lacks: no news later. */
static void test_what_is_left_over_does_not_go_out_again(void **state)
{
    struct scene *scene = *state;
    struct sink_queue *queue = open_queue(scene, "live", "q", 0);

    store(scene, queue, 0, "abc", 3, 0);
    store(scene, queue, 0, "cd", 1, 1);
    expect_out("q 0+0: a,b,c;q 0+3: d;");
    confirm(queue, 1);
    store(scene, queue, 1, "abe", 1, 2);
    expect_out("q 1+2: e;");
    confirm(queue, 2);
    store(scene, queue, 2, "abcde", 5, 0);
    expect_out("q 2+0: a,b,c,d,e;");
}

static void test_equal_messages_all_go_out(void **state)
{
    struct scene *scene = *state;
    struct sink_queue *queue = open_queue(scene, "live", "q", 0);

    store(scene, queue, 0, "aab", 3, 0);
    store(scene, queue, 0, "aaab", 1, 3);
    expect_out("q 0+0: a,a,b;q 0+3: a;");
}

static void test_queues_have_places_of_their_own(void **state)
{
    struct scene *scene = *state;
    struct sink_queue *a = open_queue(scene, "live", "a", 0);
    struct sink_queue *b = open_queue(scene, "live", "b", 0);
    struct sink_queue *other = open_queue(scene, "test", "a", 0);

    store(scene, a, 0, "a", 1, 0);
    store(scene, b, 0, "a", 1, 0);
    store(scene, other, 0, "a", 1, 0);
    store(scene, a, 0, "ab", 1, 1);
    expect_out("a 0+0: a;b 0+0: a;a 0+0: a;a 0+1: b;");
}

/* How a message looks is its queue's business. */
static void test_the_format_is_passed_on(void **state)
{
    struct scene *scene = *state;
    struct parcel parcel;

    parcel_make(&parcel, open_queue(scene, "live", "q", 0), 0, "<x>");
    parcel.delivery.format = HAPLO_FORMAT_RAW;
    parcel_store(scene, &parcel, 1, 0);
    assert_int_equal(out.format, HAPLO_FORMAT_RAW);
}

/* A file for each queue, but one commit for all. */
static void test_what_comes_together_goes_out_together(void **state)
{
    struct scene *scene = *state;
    struct parcel parcels[3];

    for (size_t i = 0; i < 3; i++) {
        char name[2] = {(char)('q' + (char)i), '\0'};

        parcel_fill(&parcels[i], open_queue(scene, "live", name, 0), 0, "ab");
        parcel_send(&parcels[i]);
    }
    settle(scene);
    for (size_t i = 0; i < 3; i++) {
        parcel_expect(&parcels[i], 2, 0);
    }
    expect_out("q 0+0: a,b;r 0+0: a,b;s 0+0: a,b;");
    assert_int_equal(out.call_count, 1);
    assert_int_equal(atomic_load(&commit_count), 2);
}

/* Order */

/* If the process dies in between, the message goes out again, and where it is
 * from is known; the other way round it would never have gone out. */
static void test_the_ledger_has_the_place_before_and_the_rest_after(
    void **state)
{
    struct scene *scene = *state;
    struct sink_queue *queue = open_queue(scene, "live", "q", 0);

    out.scene = scene;
    out.looks_with = "SELECT 10 * count(*) + sum(is_out) FROM messages";
    out.seen = -1;
    store(scene, queue, 0, "ab", 2, 0);
    assert_int_equal(out.seen, 20);
    expect(scene, out.looks_with, "22");
}

/* Else a restart would fall back to the epoch before, and what goes out again
 * then would look like a resend. */
static void test_an_epoch_is_on_record_before_anything_goes_out_in_it(
    void **state)
{
    struct scene *scene = *state;
    struct sink_queue *queue = open_queue(scene, "live", "q", 0);
    struct parcel parcel;

    store(scene, queue, 0, "a", 1, 0);
    out.scene = scene;
    out.looks_with = "SELECT max(epoch) FROM queues";
    parcel_fill(&parcel, queue, 7, "b");
    parcel_send(&parcel);
    confirm(queue, 7); /* in the same turn of the loop */
    settle(scene);
    parcel_expect(&parcel, 1, 0);
    assert_int_equal(out.seen, 7);
}

/* What goes out again keeps its place, also in another batch and in a later
 * epoch; what is new beside it gets one of its own. */
static void test_a_message_keeps_its_place(void **state)
{
    struct scene *scene = *state;
    struct sink_queue *queue = open_queue(scene, "live", "q", 0);
    struct parcel parcel;

    confirm(queue, 3);
    out.refuses = "q";
    out.with = SINK_RETRY;
    parcel_fill(&parcel, queue, 3, "abc");
    parcel_send(&parcel);
    parcel_answer(scene, &parcel, SINK_RETRY, "no way");
    scene_reopen(scene); /* another process: the server's order is another */
    queue = open_queue(scene, "live", "q", 3);
    out.refuses = NULL;
    store(scene, queue, 3, "dce", 3, 0);
    expect_out("q 3+3: d,e;q 3+0: c;");
    confirm(queue, 4);
    store(scene, queue, 4, "fb", 2, 0);
    expect_out("q 4+2: f;q 3+0: b;");
    store(scene, queue, 4, "fbg", 1, 2);
    expect_out("q 4+3: g;");
    confirm(queue, 5);
    store(scene, queue, 5, "a", 1, 0);
    expect_out("q 3+0: a;");
    confirm(queue, 6);
    store(scene, queue, 6, "a", 1, 0);
    expect_out("q 6+0: a;");
}

/* The outlet fails */

/* One queue's folder may be in a state that the others' are not. */
static void test_the_outlet_refuses_one_of_several(void **state)
{
    static const char *const names[] = {"q", "r", "s"};
    struct scene *scene = *state;
    struct parcel parcels[3];

    out.refuses = "r";
    out.with = SINK_RETRY;
    for (size_t i = 0; i < 3; i++) {
        parcel_fill(&parcels[i], open_queue(scene, "live", names[i], 0), 0,
                    "ab");
        parcel_send(&parcels[i]);
    }
    settle(scene);
    parcel_expect(&parcels[0], 2, 0);
    parcel_answer(scene, &parcels[1], SINK_RETRY, "outlet: no way for r");
    parcel_expect(&parcels[2], 2, 0);
    assert_int_equal(out.call_count, 1);
    expect(scene,
           "SELECT queue, count(*), sum(is_out) FROM messages"
           " GROUP BY queue ORDER BY queue",
           "q|2|2;r|2|0;s|2|2");
    expect_out("q 0+0: a,b;s 0+0: a,b;");
    out.refuses = NULL;
    parcel_store(scene, &parcels[1], 2, 0);
    expect_out("r 0+0: a,b;");
    parcel_store(scene, &parcels[0], 0, 2);
}

static void test_the_outlet_refuses_all(void **state)
{
    struct scene *scene = *state;
    struct parcel parcels[2];

    out.refuses = "*";
    out.with = SINK_RETRY;
    parcel_fill(&parcels[0], open_queue(scene, "live", "q", 0), 0, "ab");
    parcel_fill(&parcels[1], open_queue(scene, "live", "r", 0), 0, "ab");
    parcel_send(&parcels[0]);
    parcel_send(&parcels[1]);
    settle(scene);
    parcel_answer(scene, &parcels[0], SINK_RETRY, "no way for q");
    parcel_answer(scene, &parcels[1], SINK_RETRY, "no way for r");
    expect(scene, "SELECT sum(is_out) FROM messages", "0");
}

static void test_the_outlet_rejects(void **state)
{
    struct scene *scene = *state;
    struct parcel parcel;

    out.refuses = "q";
    out.with = SINK_REJECT;
    parcel_fill(&parcel, open_queue(scene, "live", "q", 0), 0, "ab");
    parcel_send(&parcel);
    parcel_answer(scene, &parcel, SINK_REJECT, "no way for q");
    expect(scene, "SELECT sum(is_out) FROM messages", "0");
    out.refuses = NULL;
    parcel_store(scene, &parcel, 2, 0);
    expect_out("q 0+0: a,b;");
}

/* Of two places, one is taken: the other comes again alone. */
static void test_the_outlet_refuses_one_place_of_a_delivery(void **state)
{
    struct scene *scene = *state;
    struct sink_queue *queue = open_queue(scene, "live", "q", 0);
    struct parcel parcel;

    out.refuses = "q";
    out.with = SINK_RETRY;
    parcel_fill(&parcel, queue, 0, "ab");
    parcel_send(&parcel);
    parcel_answer(scene, &parcel, SINK_RETRY, "no way for q");
    out.refuses = NULL;
    out.refuses_number = 2;
    parcel_fill(&parcel, queue, 0, "abc");
    parcel_send(&parcel);
    parcel_answer(scene, &parcel, SINK_RETRY, "no way for q");
    expect_out("q 0+0: a,b;");
    out.refuses_number = 0;
    parcel_store(scene, &parcel, 1, 2);
    expect_out("q 0+2: c;");
}

/* An outlet that forgets one must not lose it. */
static void test_what_the_outlet_does_not_answer_is_not_accepted(void **state)
{
    struct scene *scene = *state;
    struct parcel parcel;

    out.forgets = true;
    parcel_fill(&parcel, open_queue(scene, "live", "q", 0), 0, "ab");
    parcel_send(&parcel);
    parcel_answer(scene, &parcel, SINK_RETRY, "not delivered");
    out.forgets = false;
    parcel_store(scene, &parcel, 2, 0);
}

/* What it had been told before does not change by a batch that it refuses. */
static void test_a_refused_batch_changes_nothing_for_others(void **state)
{
    struct scene *scene = *state;
    struct sink_queue *queue = open_queue(scene, "live", "q", 0);

    store(scene, queue, 0, "abc", 3, 0);
    out.refuses = "q";
    out.with = SINK_RETRY;
    for (int i = 0; i < 3; i++) {
        struct parcel parcel;

        parcel_fill(&parcel, queue, 0, "cd");
        parcel_send(&parcel);
        parcel_answer(scene, &parcel, SINK_RETRY, "no way for q");
    }
    out.refuses = NULL;
    store(scene, queue, 0, "cd", 1, 1);
    expect_out("q 0+0: a,b,c;q 0+3: d;");
    confirm(queue, 1);
    store(scene, queue, 1, "ab", 0, 2);
    expect_out("");
}

/* The ledger fails */

/* It goes out once more, and says so by its place and its key. */
static void test_the_ledger_fails_after_the_outlet(void **state)
{
    struct scene *scene = *state;
    struct sink_queue *queue = open_queue(scene, "live", "q", 0);
    struct parcel parcel;

    store(scene, queue, 0, "a", 1, 0);
    out.key_count = 0;
    out.fills_disk = true;
    parcel_fill(&parcel, queue, 0, "abc");
    parcel_send(&parcel);
    parcel_answer(scene, &parcel, SINK_RETRY, scene->path);
    out.fills_disk = false;
    atomic_store(&disk_is_full, false);
    parcel_store(scene, &parcel, 2, 1);
    expect_out("q 0+0: a;q 0+1: b,c;q 0+1: b,c;");
    assert_int_equal(out.key_count, 2);
    assert_memory_equal(out.keys[0], out.keys[1], OUTLET_KEY_SIZE);
    parcel_store(scene, &parcel, 0, 3);
    expect_out("");
}

/* The queue may have been fetched afresh since. */
static void test_another_batch_after_the_ledger_failed(void **state)
{
    struct scene *scene = *state;
    struct sink_queue *queue = open_queue(scene, "live", "q", 0);
    struct parcel parcel;

    atomic_store(&full_at_commit, atomic_load(&commit_count) + 2);
    parcel_fill(&parcel, queue, 0, "ab");
    parcel_send(&parcel);
    parcel_answer(scene, &parcel, SINK_RETRY, scene->path);
    atomic_store(&disk_is_full, false);
    store(scene, queue, 0, "bc", 2, 0);
    expect_out("q 0+0: a,b;q 0+0: b;q 0+2: c;");
    confirm(queue, 1);
    store(scene, queue, 1, "da", 2, 0);
    expect_out("q 1+1: d;q 0+0: a;");
}

/* Nothing may go out if it cannot be written down; the disk is full. */
static void test_nothing_goes_out_while_the_ledger_fails(void **state)
{
    struct scene *scene = *state;
    struct sink_queue *queue = open_queue(scene, "live", "q", 0);
    struct parcel parcel;
    sqlite3 *other;

    store(scene, queue, 0, "a", 1, 0);
    expect_out("q 0+0: a;");
    other = reader_open(scene);
    reader_run(other, "BEGIN IMMEDIATE");
    parcel_fill(&parcel, queue, 0, "ab");
    parcel_refused(scene, &parcel, "another program holds a lock");
    confirm(queue, 1);
    parcel_fill(&parcel, queue, 1, "ab");
    parcel_refused(scene, &parcel, "another program holds a lock");
    expect_out("");
    reader_run(other, "ROLLBACK");
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    parcel_store(scene, &parcel, 2, 0);
    expect_out("q 1+0: a,b;");
}

/* Where it is gone, all that goes out would be repeated forever. */
static void test_nothing_is_accepted_without_the_ledgers_file(void **state)
{
    struct scene *scene = *state;
    struct parcel parcel;

    parcel_fill(&parcel, open_queue(scene, "live", "q", 0), 0, "a");
    removed_at_commit = scene->path;
    parcel_refused(scene, &parcel, "was removed or replaced while in use");
    removed_at_commit = NULL;
    parcel_refused(scene, &parcel, "was removed or replaced while in use");
    expect_out("");
}

/* Whichever allocation of SQLite fails, nothing is lost, and what goes out
 * again does so at its place. */
static void test_every_allocation_may_fail(void **state)
{
    struct scene *scene = *state;
    unsigned failures = 0;
    bool failed = true;

    for (long n = 1; failed; n++) {
        struct sink_queue *queue;
        struct parcel parcel;
        char path[96];

        (void)snprintf(path, sizeof(path), "%s", scene->path);
        (void)snprintf(scene->path, sizeof(scene->path), "%s/%ld.db",
                       scene->folder, n);
        scene_open(scene);
        queue = open_queue(scene, "live", "q", 0);
        store(scene, queue, 0, "ab", 2, 0);
        expect_out("q 0+0: a,b;");
        atomic_store(&allocations_left, n);
        parcel_fill(&parcel, queue, 0, "bc");
        parcel_send(&parcel);
        parcel_wait(scene, &parcel);
        failed = parcel.verdict != SINK_ACCEPT;
        if (failed) {
            failures++;
            assert_int_equal(parcel.verdict, SINK_RETRY);
            assert_non_null(strstr(parcel.text, "out of memory"));
            parcel_store(scene, &parcel, 1, 1);
        }
        assert_true(strcmp(out.text, "q 0+2: c;") == 0 ||
                    (failed && strcmp(out.text, "q 0+2: c;q 0+2: c;") == 0));
        out.text[0] = '\0';
        failed = failed || atomic_load(&allocations_left) <= 0;
        atomic_store(&allocations_left, -1);
        scene_close(scene);
        (void)snprintf(scene->path, sizeof(scene->path), "%s", path);
    }
    assert_true(failures > 0);
}

/* Restarts */

static void test_epochs_and_keys_survive_a_restart(void **state)
{
    struct scene *scene = *state;
    struct sink_queue *queue = open_queue(scene, "live", "q", 0);

    store(scene, queue, 0, "abc", 3, 0);
    store(scene, queue, 0, "cd", 1, 1);
    scene_reopen(scene);
    queue = open_queue(scene, "live", "q", 0);
    assert_true(queue->ledger.is_unconfirmed);
    store(scene, queue, 0, "cd", 0, 2);
    confirm(queue, 5);
    scene_reopen(scene);
    queue = open_queue(scene, "live", "q", 5);
    assert_false(queue->ledger.is_unconfirmed);
    out.text[0] = '\0';
    store(scene, queue, 5, "abcd", 4, 0);
    expect_out("q 5+0: a,b,c,d;");
}

/* Leftovers keep an epoch open, also over a restart. */
static void test_what_is_left_over_survives_a_restart(void **state)
{
    struct scene *scene = *state;
    struct sink_queue *queue = open_queue(scene, "live", "q", 0);

    store(scene, queue, 0, "ab", 2, 0);
    store(scene, queue, 0, "bc", 1, 1);
    confirm(queue, 1);
    scene_reopen(scene);
    queue = open_queue(scene, "live", "q", 1);
    assert_true(queue->ledger.is_unconfirmed);
    out.text[0] = '\0';
    store(scene, queue, 1, "abd", 2, 1);
    expect_out("q 1+1: b,d;");
}

/* It is the size of what is under way, not of all that ever went out. */
static void test_keys_of_past_epochs_are_forgotten(void **state)
{
    struct scene *scene = *state;
    struct sink_queue *queue = open_queue(scene, "live", "q", 0);
    struct sink_queue *quiet = open_queue(scene, "live", "quiet", 0);

    store(scene, quiet, 0, "ab", 2, 0);
    for (uint64_t epoch = 0; epoch < 300; epoch++) {
        store(scene, queue, epoch, "abcdefgh", 8, 0);
        confirm(queue, epoch + 1);
        out.text[0] = '\0';
    }
    settle(scene);
    expect(scene,
           "SELECT queue, count(*) FROM messages GROUP BY queue ORDER BY queue",
           "quiet|2");
    expect(scene, "SELECT queue, epoch FROM queues ORDER BY queue",
           "q|300;quiet|0");
    assert_true(query_int64(scene, "PRAGMA page_count") < 8);
    store(scene, quiet, 0, "ab", 0, 2);
}

/* Random runs */

#define WALK_QUEUE_COUNT 4
#define WALK_STEP_COUNT 300

/* One queue as its server and poller would drive it. */
struct walk {
    struct sink_queue *queue; /* */
    struct parcel parcel;     /* */
    char name[2];             /* */
    char batch[9];            /* letters on the server, unread */
    uint64_t epoch;           /* */
    bool is_stored;           /* the batch is, as a whole */
    bool is_out;              /* the sink has the parcel */
    unsigned expected;        /* messages that went out */
};

static void walk_step(struct walk *walk, unsigned *seed)
{
    if (walk->is_out && walk->parcel.answer_count == 0) {
        return;
    }
    if (walk->is_out && walk->parcel.verdict == SINK_ACCEPT) {
        walk->expected += (unsigned)walk->parcel.delivery.stored_count;
        walk->is_stored = true;
    }
    walk->is_out = false;
    if (walk->is_stored && rand_r(seed) % 2 == 0) {
        walk->batch[0] = '\0';
        confirm(walk->queue, ++walk->epoch);
    }
    walk->is_stored = false;
    if (walk->batch[0] == '\0' ||
        (strlen(walk->batch) < 8 && rand_r(seed) % 2 == 0)) {
        char letter[2] = {(char)('a' + rand_r(seed) % 5), '\0'};

        strcat(walk->batch, letter);
    }
    parcel_fill(&walk->parcel, walk->queue, walk->epoch, walk->batch);
    parcel_send(&walk->parcel);
    walk->is_out = true;
}

/* What a receiver has had at one place. */
struct had {
    char place[32];     /* "q 0+0" */
    unsigned counts[5]; /* of each letter, at most in one batch */
};

static struct had *had_find(struct had *had, const char *place)
{
    while (had->place[0] != '\0' && strcmp(had->place, place) != 0) {
        had++;
    }
    (void)snprintf(had->place, sizeof(had->place), "%s", place);
    return had;
}

/* How many messages of a queue a receiver has that follows outlet.h. */
static unsigned received_count(const char *name)
{
    struct had *hads = calloc(OUT_SIZE / 8, sizeof(*hads));
    char *text = strdup(out.text);
    char *rest = text;
    unsigned total = 0;

    assert_non_null(hads);
    assert_non_null(text);
    for (char *entry = strsep(&rest, ";"); entry != NULL && *entry != '\0';
         entry = strsep(&rest, ";")) {
        char *place = strsep(&entry, ":");
        struct had *had = had_find(hads, place);
        unsigned counts[5] = {0};

        for (; place[0] == name[0] && *entry != '\0'; entry++) {
            if (*entry >= 'a') {
                counts[*entry - 'a']++;
            }
        }
        for (size_t i = 0; i < 5; i++) {
            if (counts[i] > had->counts[i]) {
                total += counts[i] - had->counts[i];
                had->counts[i] = counts[i];
            }
        }
    }
    free(text);
    free(hads);
    return total;
}

static void walks_open(struct scene *scene, struct walk *walks)
{
    for (size_t i = 0; i < WALK_QUEUE_COUNT; i++) {
        walks[i].name[0] = (char)('q' + i);
        walks[i].queue =
            open_queue(scene, "live", walks[i].name, walks[i].epoch);
    }
}

/* With an outlet and a disk that fail at any moment, a receiver that drops
 * what it had at the same place already has each message once. */
static void test_random_runs_deliver_each_message_once(void **state)
{
    struct scene *scene = *state;
    struct walk walks[WALK_QUEUE_COUNT];
    const char *given = getenv("HAPLO_TEST_SEED");
    unsigned seed = given != NULL ? (unsigned)strtoul(given, NULL, 10)
                                  : (unsigned)uv_hrtime();

    print_message("HAPLO_TEST_SEED=%u\n", seed);
    memset(walks, 0, sizeof(walks));
    walks_open(scene, walks);
    out.with = SINK_RETRY;
    for (int step = 0; step < WALK_STEP_COUNT; step++) {
        static const char *const refused[] = {NULL, NULL, "q", "s", "*"};

        walk_step(&walks[rand_r(&seed) % WALK_QUEUE_COUNT], &seed);
        if (rand_r(&seed) % 2 == 0) {
            settle(scene); /* the worker is idle: its outlet may change */
            atomic_store(&disk_is_full, false);
            out.refuses = refused[rand_r(&seed) % 5];
            out.fills_disk = rand_r(&seed) % 4 == 0;
        }
        if (rand_r(&seed) % 40 == 0) {
            settle(scene);
            out.fills_disk = false;
            atomic_store(&disk_is_full, false);
            scene_reopen(scene);
            walks_open(scene, walks);
        }
    }
    settle(scene);
    for (size_t i = 0; i < WALK_QUEUE_COUNT; i++) {
        struct walk *walk = &walks[i];

        atomic_store(&disk_is_full, false);
        out.refuses = NULL;
        out.fills_disk = false;
        if (walk->is_out && walk->parcel.verdict == SINK_ACCEPT) {
            walk->expected += (unsigned)walk->parcel.delivery.stored_count;
        } else if (walk->is_out) {
            parcel_fill(&walk->parcel, walk->queue, walk->epoch, walk->batch);
            parcel_send(&walk->parcel);
            parcel_wait(scene, &walk->parcel);
            walk->expected += (unsigned)walk->parcel.delivery.stored_count;
        }
        assert_int_equal(received_count(walk->name), walk->expected);
    }
}

/* Keys */

static void key_of(const char *letters, const uint32_t *ordinals,
                   uint8_t key[OUTLET_KEY_SIZE])
{
    struct haplo_message messages[MESSAGE_COUNT_MAX];
    struct sink_queue queue = {.server = "live", .queue = "q"};
    struct sink_delivery delivery = {.queue = &queue};
    struct outgoing outgoing;
    size_t count = strlen(letters);

    memset(messages, 0, sizeof(messages));
    assert_true(outgoing_init(&outgoing, count));
    for (size_t i = 0; i < count; i++) {
        hash_bytes((struct haplo_slice){&letters[i], 1}, messages[i].key);
        messages[i].ordinal = ordinals[i];
        outgoing.items[i].message = &messages[i];
    }
    assert_true(outgoing_add(&outgoing, &delivery, count));
    assert_int_equal(delivery.out_count, 1);
    memcpy(key, outgoing.batches[0].key, OUTLET_KEY_SIZE);
    outgoing_free(&outgoing);
}

/* The server may send the same batch in another order after a crash; a batch
 * of other messages must not take its file's name. */
static void test_a_key_tells_which_messages_there_are(void **state)
{
    static const struct {
        const char *letters;
        uint32_t ordinals[3];
    } batches[] = {{"a", {0}},        {"b", {0}},     {"a", {1}},
                   {"ab", {0, 0}},    {"ab", {1, 0}}, {"ab", {0, 1}},
                   {"aa", {0, 1}},    {"aa", {1, 2}}, {"abc", {0, 0, 0}},
                   {"aaa", {0, 1, 2}}};
    static const uint32_t zeros[3] = {0};
    uint8_t keys[10][OUTLET_KEY_SIZE];
    uint8_t key[OUTLET_KEY_SIZE];

    (void)state;
    for (size_t i = 0; i < 10; i++) {
        key_of(batches[i].letters, batches[i].ordinals, keys[i]);
        for (size_t j = 0; j < i; j++) {
            assert_memory_not_equal(keys[i], keys[j], OUTLET_KEY_SIZE);
        }
    }
    key_of("bca", zeros, key);
    assert_memory_equal(key, keys[8], OUTLET_KEY_SIZE);
    hash_bytes(slice("a"), key);
    assert_memory_equal(key, keys[0], OUTLET_KEY_SIZE);
}

/* Opening and closing */

static void test_the_outlet_is_closed_with_the_sink(void **state)
{
    struct scene *scene = *state;
    struct parcel parcel;

    parcel_fill(&parcel, open_queue(scene, "live", "q", 0), 0, "a");
    parcel_send(&parcel);
    scene_close(scene);
    parcel_expect(&parcel, 1, 0);
    assert_int_equal(out.close_count, 1);
    expect_out("q 0+0: a;");
}

static void cut_down(const char *path, off_t size)
{
    assert_int_equal(truncate(path, size), 0);
}

/* Where the ledger is not one, nothing may go out: all would be repeated. */
static void test_files_that_are_no_ledger(void **state)
{
    struct scene *scene = *state;

    file_write(scene->path, "this is a letter, and a rather long one, "
                            "so that it cannot be taken for a header.\n");
    expect_refused(scene, HAPLO_EINVAL, "not an SQLite database");
    assert_int_equal(unlink(scene->path), 0);
    run(scene, "CREATE TABLE mine (x)");
    expect_refused(scene, HAPLO_EINVAL, "but not a ledger of haplo-poll");
    assert_int_equal(unlink(scene->path), 0);
    scene_open(scene);
    store(scene, open_queue(scene, "live", "q", 0), 0, "abc", 3, 0);
    scene_close(scene);
    cut_down(scene->path, 8192 + 100);
    expect_refused(scene, HAPLO_EINVAL, "the file is damaged");
    assert_int_equal(unlink(scene->path), 0);
    assert_int_equal(mkdir(scene->path, 0700), 0);
    expect_refused(scene, HAPLO_EINVAL, "is a folder");
    assert_int_equal(rmdir(scene->path), 0);
}

/* Pages of noise in the middle of it. */
static void test_a_ledger_that_is_damaged(void **state)
{
    struct scene *scene = *state;
    int descriptor;

    scene_open(scene);
    store(scene, open_queue(scene, "live", "q", 0), 0, "abc", 3, 0);
    scene_close(scene);
    descriptor = open(scene->path, O_RDWR | O_CLOEXEC);
    assert_true(descriptor >= 0);
    for (off_t at = 8192; at < 3 * 8192; at += 4) {
        assert_int_equal(pwrite(descriptor, "\xde\xad\xbe\xef", 4, at), 4);
    }
    assert_int_equal(close(descriptor), 0);
    expect_refused(scene, HAPLO_EINVAL, "the file is damaged");
}

/* An inbox is no ledger, nor the other way round, nor that of a newer one. */
static void test_records_of_another_kind_or_version(void **state)
{
    struct scene *scene = *state;
    struct sink *inbox = NULL;

    assert_int_equal(sqlite_sink_open(&scene->loop, "inbox", scene->path,
                                      &inbox, scene->why, sizeof(scene->why)),
                     0);
    inbox->type->close(inbox, NULL, NULL);
    settle(scene);
    expect_refused(scene, HAPLO_EINVAL, "but not a ledger of haplo-poll");
    assert_int_equal(unlink(scene->path), 0);
    scene_open(scene);
    scene_close(scene);
    assert_int_equal(sqlite_sink_open(&scene->loop, "inbox", scene->path,
                                      &inbox, scene->why, sizeof(scene->why)),
                     HAPLO_EINVAL);
    assert_non_null(strstr(scene->why, "but not an inbox of haplo-poll"));
    run(scene, "PRAGMA user_version = 9");
    expect_refused(scene, HAPLO_EINVAL,
                   "a ledger of version 9, made by a newer haplo-poll");
}

/* With files */

static int files_opener(struct scene *scene)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/out", scene->folder);
    return files_sink_open(&scene->loop, "out", path, scene->path, &scene->sink,
                           scene->why, sizeof(scene->why));
}

static int files_setup(void **state)
{
    scene_opener = files_opener;
    return setup_open(state);
}

static void shell(const struct scene *scene, const char *format)
{
    char command[256];

    (void)snprintf(command, sizeof(command), format, scene->folder);
    assert_int_equal(system(command), 0);
}

/* All that was written, in the order of names. */
static void expect_lines(const struct scene *scene, const char *lines)
{
    char command[256];
    char found[256] = "";
    FILE *pipe;

    (void)snprintf(command, sizeof(command),
                   "cd '%s/out' && find . -type f | LC_ALL=C sort |"
                   " while read -r name; do dirname $name; cat $name; done |"
                   " tr '\\n' ' '",
                   scene->folder);
    pipe = popen(command, "re");
    assert_non_null(pipe);
    assert_true(fread(found, 1, sizeof(found) - 1, pipe) < sizeof(found) - 1);
    assert_int_equal(pclose(pipe), 0);
    assert_string_equal(found, lines);
}

static void test_files_of_several_queues_with_one_in_trouble(void **state)
{
    static const char *const names[] = {"q", "r", "s"};
    struct scene *scene = *state;
    struct parcel parcels[3];

    shell(scene, "mkdir '%s/out/live'");
    shell(scene, "echo > '%s/out/live/r'");
    for (size_t i = 0; i < 3; i++) {
        struct sink_queue *queue = open_some_queue(scene, "live", names[i]);

        parcel_fill(&parcels[i], queue, queue->ledger.epoch, "ab");
        parcel_send(&parcels[i]);
    }
    settle(scene);
    parcel_expect(&parcels[0], 2, 0);
    parcel_answer(scene, &parcels[1], SINK_RETRY, "in the place of a folder");
    parcel_expect(&parcels[2], 2, 0);
    shell(scene, "rm '%s/out/live/r'");
    parcel_store(scene, &parcels[1], 2, 0);
    expect_lines(scene, "./live/q a b ./live/r a b ./live/s a b ");
}

/* Its file is replaced, not doubled. */
static void test_the_ledger_fails_after_the_file(void **state)
{
    struct scene *scene = *state;
    struct sink_queue *queue = open_some_queue(scene, "live", "q");
    uint64_t epoch = queue->ledger.epoch;
    struct parcel parcel;

    parcel_fill(&parcel, queue, epoch, "ab");
    atomic_store(&full_at_commit, atomic_load(&commit_count) + 2);
    parcel_send(&parcel);
    parcel_answer(scene, &parcel, SINK_RETRY, "disk");
    atomic_store(&disk_is_full, false);
    expect_lines(scene, "./live/q a b ");
    parcel_fill(&parcel, queue, epoch, "ba");
    parcel_store(scene, &parcel, 2, 0);
    expect_lines(scene, "./live/q b a ");
}

/* If the ledger is lost no place is given out again, as what is new there
 * would look like a repeat. */
static void test_places_are_others_after_the_ledger_is_lost(void **state)
{
    struct scene *scene = *state;
    struct sink_queue *queue = open_some_queue(scene, "live", "q");
    uint64_t epoch = queue->ledger.epoch;

    assert_true(epoch > UINT64_C(1500000000000));
    assert_false(ledger_state_is_ahead(&queue->ledger));
    store(scene, queue, epoch, "ab", 2, 0);
    scene_reopen(scene);
    queue = open_queue(scene, "live", "q", epoch);
    confirm(queue, epoch + 1);
    scene_reopen(scene);
    (void)open_queue(scene, "live", "q", epoch + 1);
    scene_close(scene);
    assert_int_equal(unlink(scene->path), 0);
    do { /* two milliseconds at most, as far as time goes on */
        scene_open(scene);
        queue = open_some_queue(scene, "live", "q");
        assert_true(queue->ledger.epoch >= epoch);
        epoch = queue->ledger.epoch > epoch + 1 ? 0 : epoch;
        scene_close(scene);
        assert_int_equal(unlink(scene->path), 0);
    } while (epoch > 0);
}

/* If the ledger is no good the folder is let go of. */
static void test_a_sink_that_cannot_be_opened_holds_nothing(void **state)
{
    struct scene *scene = *state;

    scene_close(scene);
    run(scene, "PRAGMA user_version = 9");
    expect_refused(scene, HAPLO_EINVAL, "made by a newer haplo-poll");
    run(scene, "PRAGMA user_version = 1");
    scene_open(scene);
    assert_string_equal(scene->sink->type->name, "files");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define OPENED(test) \
    cmocka_unit_test_setup_teardown(test, out_setup, out_teardown)
#define UNOPENED(test) \
    cmocka_unit_test_setup_teardown(test, out_setup_unopened, out_teardown)
#define FILES(test) cmocka_unit_test_setup_teardown(test, files_setup, teardown)
        OPENED(test_what_is_new_goes_out_once),
        OPENED(test_what_is_left_over_does_not_go_out_again),
        OPENED(test_equal_messages_all_go_out),
        OPENED(test_queues_have_places_of_their_own),
        OPENED(test_the_format_is_passed_on),
        OPENED(test_what_comes_together_goes_out_together),
        OPENED(test_the_ledger_has_the_place_before_and_the_rest_after),
        OPENED(test_an_epoch_is_on_record_before_anything_goes_out_in_it),
        OPENED(test_a_message_keeps_its_place),
        OPENED(test_the_outlet_refuses_one_of_several),
        OPENED(test_the_outlet_refuses_all),
        OPENED(test_the_outlet_rejects),
        OPENED(test_what_the_outlet_does_not_answer_is_not_accepted),
        OPENED(test_the_outlet_refuses_one_place_of_a_delivery),
        OPENED(test_a_refused_batch_changes_nothing_for_others),
        OPENED(test_the_ledger_fails_after_the_outlet),
        OPENED(test_another_batch_after_the_ledger_failed),
        OPENED(test_nothing_goes_out_while_the_ledger_fails),
        OPENED(test_nothing_is_accepted_without_the_ledgers_file),
        UNOPENED(test_every_allocation_may_fail),
        OPENED(test_epochs_and_keys_survive_a_restart),
        OPENED(test_what_is_left_over_survives_a_restart),
        OPENED(test_keys_of_past_epochs_are_forgotten),
        OPENED(test_random_runs_deliver_each_message_once),
        OPENED(test_a_key_tells_which_messages_there_are),
        OPENED(test_the_outlet_is_closed_with_the_sink),
        UNOPENED(test_files_that_are_no_ledger),
        UNOPENED(test_a_ledger_that_is_damaged),
        UNOPENED(test_records_of_another_kind_or_version),
        FILES(test_files_of_several_queues_with_one_in_trouble),
        FILES(test_the_ledger_fails_after_the_file),
        FILES(test_places_are_others_after_the_ledger_is_lost),
        FILES(test_a_sink_that_cannot_be_opened_holds_nothing),
#undef OPENED
#undef UNOPENED
#undef FILES
    };

    faults_install();
    return cmocka_run_group_tests_name("ledger_sink", tests, NULL, NULL);
}
