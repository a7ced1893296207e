/*
 * The inbox: nothing that was accepted is lost, nothing is in it twice within
 * an epoch, and everything that can go wrong with the file is told in a line.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "sink_scene.h"

#include "sinks/inbox_kind.h"
#include "sinks/sqlite.h"

extern char **environ;

static const char *program; /* argv[0], to run itself as a child */

static int opener(struct scene *scene)
{
    return sqlite_sink_open(&scene->loop, "inbox", scene->path, &scene->sink,
                            scene->why, sizeof(scene->why));
}

/* Rows */

/* The columns are the interface that haplo-inbox(5) documents. */
static void test_a_message_becomes_a_row(void **state)
{
    struct scene *scene = *state;
    struct sink_queue *queue = open_queue(scene, "live", "student", 0);
    struct haplo_message *message;
    struct parcel parcel;

    parcel_init(&parcel, queue, 0);
    message = parcel_add(&parcel, slice("{\"id\":7}"));
    message->id = slice("7");
    message->datetime = slice("\"2019-02-15T10:32:01Z\"");
    memcpy(message->key, "0123456789abcdef", 16);
    message->ordinal = 0x01020304;
    parcel_store(scene, &parcel, 1, 0);
    expect(scene,
           "SELECT arrival, server, queue, epoch, hex(key), id, datetime,"
           " received_at, body FROM messages",
           "1|live|student|0|3031323334353637383961626364656601020304|7|"
           "2019-02-15T10:32:01Z|2019-02-15T10:32:01.250Z|{\"id\":7}");
    expect(scene, "SELECT * FROM queues", "live|student|0");
    expect(scene, "PRAGMA journal_mode", "wal");
    expect(scene, "PRAGMA user_version", "1");
}

/* The mark's answer was lost: the server sends the batch again. */
static void test_a_repeat_in_its_epoch_is_not_stored(void **state)
{
    struct scene *scene = *state;
    struct sink_queue *queue = open_queue(scene, "live", "student", 0);
    struct parcel parcel;

    parcel_make(&parcel, queue, 0, "one");
    (void)parcel_add(&parcel, slice("two"));
    parcel_store(scene, &parcel, 2, 0);
    (void)parcel_add(&parcel, slice("three"));
    parcel_store(scene, &parcel, 1, 2);
    scene_reopen(scene);
    parcel.delivery.queue = open_queue(scene, "live", "student", 0);
    parcel_store(scene, &parcel, 0, 3);
    expect(scene, "SELECT body FROM messages ORDER BY arrival",
           "one;two;three");
}

/* An administrator has unmarked it: it must go through. */
static void test_a_resend_in_a_later_epoch_is_stored(void **state)
{
    struct scene *scene = *state;
    struct sink_queue *queue = open_queue(scene, "live", "student", 0);
    struct parcel parcel;

    parcel_make(&parcel, queue, 0, "one");
    parcel_store(scene, &parcel, 1, 0);
    confirm(queue, 1);
    settle(scene);
    scene_reopen(scene);
    parcel_make(&parcel, open_queue(scene, "live", "student", 1), 1, "one");
    parcel_store(scene, &parcel, 1, 0);
    expect(scene, "SELECT epoch, body FROM messages ORDER BY arrival",
           "0|one;1|one");
}

/* Equal messages of one batch are several messages. */
static void test_equal_messages_of_a_batch_are_all_stored(void **state)
{
    struct scene *scene = *state;
    struct sink_queue *queue = open_queue(scene, "live", "student", 0);
    struct parcel parcel;

    parcel_make(&parcel, queue, 0, "same");
    (void)parcel_add(&parcel, slice("same"));
    (void)parcel_add(&parcel, slice("same"));
    parcel_store(scene, &parcel, 3, 0);
    parcel_store(scene, &parcel, 0, 3);
}

/* Two servers may have queues of one name, with the same messages. */
static void test_queues_do_not_share_identities(void **state)
{
    static const char *const names[] = {
        "it's",        "a\"b",    "50%_",   "; DROP",
        "caf\xc3\xa9", " space ", "a/b\\c", "\xf0\x9f\x93\xa8",
        "line\nfeed",
    };
    struct scene *scene = *state;
    struct parcel parcel;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        parcel_make(&parcel, open_queue(scene, names[i], "q", 0), 3, "x");
        parcel_store(scene, &parcel, 1, 0);
        parcel_make(&parcel, open_queue(scene, "q", names[i], 0), 4, "x");
        parcel_store(scene, &parcel, 1, 0);
    }
    scene_reopen(scene);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        parcel_make(&parcel, open_queue(scene, names[i], "q", 3), 3, "x");
        parcel_store(scene, &parcel, 0, 1);
        parcel_make(&parcel, open_queue(scene, "q", names[i], 4), 4, "x");
        parcel_store(scene, &parcel, 0, 1);
    }
}

/* A consumer that keeps the last arrival it saw must not miss a row: not
 * after repeats, and not after the newest rows were deleted. */
static void test_arrival_only_goes_up(void **state)
{
    struct scene *scene = *state;
    struct sink_queue *queue = open_queue(scene, "live", "student", 0);
    struct parcel parcel;
    int64_t newest;

    parcel_make(&parcel, queue, 0, "one");
    parcel_store(scene, &parcel, 1, 0);
    parcel_store(scene, &parcel, 0, 1);
    parcel_make(&parcel, queue, 1, "two");
    parcel_store(scene, &parcel, 1, 0);
    expect(scene,
           "SELECT body FROM messages WHERE arrival >"
           " (SELECT arrival FROM messages WHERE body = 'one')",
           "two");
    newest = query_int64(scene, "SELECT max(arrival) FROM messages");
    run(scene, "DELETE FROM messages");
    scene_reopen(scene);
    queue = open_queue(scene, "live", "student", 1);
    parcel_make(&parcel, queue, 2, "three");
    parcel_store(scene, &parcel, 1, 0);
    assert_true(query_int64(scene, "SELECT arrival FROM messages") > newest);
}

/* Deliveries are rows in the order in which they came, over all queues. */
static void test_arrival_is_the_order_of_delivery(void **state)
{
    struct scene *scene = *state;
    struct parcel parcels[6];
    char name[2] = "a";

    answer_place = 0;
    for (size_t i = 0; i < 6; i++) {
        name[0] = (char)('f' - i);
        parcel_init(&parcels[i], open_queue(scene, "live", name, 0), 0);
        (void)parcel_add(&parcels[i], (struct haplo_slice){&"654321"[i], 1});
        parcel_send(&parcels[i]);
    }
    settle(scene);
    for (size_t i = 0; i < 6; i++) {
        parcel_expect(&parcels[i], 1, 0);
        assert_int_equal(parcels[i].place, i + 1);
    }
    expect(scene, "SELECT queue, body FROM messages ORDER BY arrival",
           "f|6;e|5;d|4;c|3;b|2;a|1");
}

/* Bytes */

struct bytes_case {
    struct haplo_slice body; /* */
    const char *type;        /* of the column */
};

/* What the server sent is what a consumer reads, whatever it is; text where
 * that is safe, as SQLite's json functions refuse blobs. */
static void test_bodies_are_exact_bytes(void **state)
{
#define CASE(text, type)               \
    {                                  \
        {text, sizeof(text) - 1}, type \
    }
    static const struct bytes_case cases[] = {
        CASE("{\"n\":1e+21,\"s\":\"\\u0000\"}", "text"),
        CASE("\xef\xbb\xbf{}", "text"), /* a byte order mark stays */
        CASE("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80", "text"),
        CASE("\xf4\x8f\xbf\xbf \xed\x9f\xbf \xee\x80\x80", "text"),
        CASE("", "text"),
        CASE("7", "text"),
        CASE("line\r\nfeed\t\x01\x7f", "text"),
        CASE("nul\0inside", "blob"),
        CASE("\0", "blob"),
        CASE("12345678\0", "blob"),
        CASE("latin \xe9t\xe9", "blob"),
        CASE("overlong \xc0\xaf", "blob"),
        CASE("overlong \xe0\x80\xaf", "blob"),
        CASE("overlong \xf0\x80\x80\xaf", "blob"),
        CASE("surrogate \xed\xa0\x80", "blob"),
        CASE("too far \xf4\x90\x80\x80", "blob"),
        CASE("too far \xf5\x80\x80\x80", "blob"),
        CASE("cut \xe2\x82", "blob"),
        CASE("cut \xf0\x9f\x98", "blob"),
        CASE("broken \xe2\x82(", "blob"),
        CASE("lone \x80", "blob"),
        CASE("\xff\xfe\xfd", "blob"),
    };
#undef CASE
    struct scene *scene = *state;
    struct sink_queue *queue = open_queue(scene, "live", "raw", 0);
    size_t count = sizeof(cases) / sizeof(cases[0]);
    sqlite3_stmt *statement = NULL;
    struct parcel parcel;
    sqlite3 *db;

    for (size_t i = 0; i < count; i++) {
        parcel_init(&parcel, queue, i);
        (void)parcel_add(&parcel, cases[i].body);
        parcel_store(scene, &parcel, 1, 0);
    }
    db = reader_open(scene);
    assert_int_equal(
        sqlite3_prepare_v2(db,
                           "SELECT typeof(body), CAST(body AS BLOB), body"
                           " FROM messages ORDER BY arrival",
                           -1, &statement, NULL),
        SQLITE_OK);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
        assert_string_equal(sqlite3_column_text(statement, 0), cases[i].type);
        for (int column = 1; column <= 2; column++) {
            int size = sqlite3_column_bytes(statement, column);

            assert_int_equal(size, cases[i].body.size);
            if (size > 0) {
                assert_memory_equal(sqlite3_column_blob(statement, column),
                                    cases[i].body.data, (size_t)size);
            }
        }
    }
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Ids are looked up as plain values: 7 and "7" are told apart, a quote does
 * not stay around a string, and what cannot be text stays as it came. */
static void test_ids_are_plain_values(void **state)
{
    static const char *const cases[][2] = {
        {"", "null|NULL"},
        {"7", "integer|7"},
        {"\"7\"", "text|7"},
        {"0", "integer|0"},
        {"-0", "text|-0"},
        {"-12", "integer|-12"},
        {"9223372036854775807", "integer|9223372036854775807"},
        {"-9223372036854775808", "integer|-9223372036854775808"},
        {"9223372036854775808", "text|9223372036854775808"},
        {"1e3", "text|1e3"},
        {"1.50", "text|1.50"},
        {"true", "text|true"},
        {"null", "text|null"},
        {"[1,\"a\"]", "text|[1,\"a\"]"},
        {"{\"a\":1}", "text|{\"a\":1}"},
        {"\"\"", "text|"},
        {"\"a/b\"", "text|a/b"},
        {"\"a\\/b\\\\\\\"\"", "text|a/b\\\""},
        {"\"\\b\\f\\n\\r\\t\"", "text|\b\f\n\r\t"},
        {"\"\\u0041\\u00e9\\u20aC\"", "text|A\xc3\xa9\xe2\x82\xac"},
        {"\"\\ud83d\\ude00!\"", "text|\xf0\x9f\x98\x80!"},
        {"\"a\\u0000b\"", "text|\"a\\u0000b\""},
        {"\"\\ud83d\"", "text|\"\\ud83d\""},
        {"\"\\ud83dxyzuvw\"", "text|\"\\ud83dxyzuvw\""},
        {"\"\\ud83d\\u0041\"", "text|\"\\ud83d\\u0041\""},
        {"\"\\ude00\"", "text|\"\\ude00\""},
        {"\"\\u12\"", "text|\"\\u12\""},
        {"\"\\x\"", "text|\"\\x\""},
        {"-", "text|-"},
    };
    struct scene *scene = *state;
    struct sink_queue *queue = open_queue(scene, "live", "student", 0);
    struct haplo_message *message;
    struct parcel parcel;
    char sql[160];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        parcel_init(&parcel, queue, i);
        message = parcel_add(&parcel, slice("{}"));
        message->id = slice(cases[i][0]);
        message->datetime = message->id;
        parcel_store(scene, &parcel, 1, 0);
        (void)snprintf(sql, sizeof(sql),
                       "SELECT typeof(id), id FROM messages"
                       " WHERE epoch = %zu AND datetime IS id",
                       i);
        expect(scene, sql, cases[i][1]);
    }
}

/* The scratch memory for escapes has an end: past it a string stays JSON. */
static void test_a_long_id_with_escapes_stays_json(void **state)
{
    struct scene *scene = *state;
    struct sink_queue *queue = open_queue(scene, "live", "student", 0);
    char id[2000];
    struct parcel parcel;

    memset(id, 'x', sizeof(id));
    id[0] = '"';
    id[1] = '\\';
    id[2] = 'n';
    for (uint64_t size = 1025; size <= 1028; size++) {
        id[size - 1] = '"';
        parcel_init(&parcel, queue, size);
        parcel_add(&parcel, slice("{}"))->id =
            (struct haplo_slice){id, (size_t)size};
        parcel_store(scene, &parcel, 1, 0);
        id[size - 1] = 'x';
    }
    expect(scene, "SELECT epoch, length(id) FROM messages ORDER BY arrival",
           "1025|1022;1026|1023;1027|1027;1028|1028");
}

/* Group commit */

/* An fsync() for each queue would be the limit of the whole program. */
static void test_what_comes_together_is_one_commit(void **state)
{
    enum { COUNT = 200 };
    struct scene *scene = *state;
    struct parcel *parcels = calloc(COUNT, sizeof(*parcels));
    char name[16];

    assert_non_null(parcels);
    for (size_t i = 0; i < COUNT; i++) {
        (void)snprintf(name, sizeof(name), "queue-%zu", i);
        parcel_make(&parcels[i], open_queue(scene, "live", name, 0), 0, "x");
        parcel_send(&parcels[i]);
    }
    settle(scene);
    for (size_t i = 0; i < COUNT; i++) {
        parcel_expect(&parcels[i], 1, 0);
    }
    assert_int_equal(atomic_load(&commit_count), 1);
    free(parcels);
}

/* What comes while a commit runs waits for its end, together. */
static void test_what_comes_meanwhile_is_the_next_commit(void **state)
{
    struct scene *scene = *state;
    struct parcel first;
    struct parcel later[5];
    char name[2] = "a";

    parcel_make(&first, open_queue(scene, "live", "first", 0), 0, "x");
    parcel_send(&first);
    /* One turn gives the first to the worker, whose end the loop has not
     * seen: the idle handle that starts it keeps this turn from sleeping. */
    (void)uv_run(&scene->loop, UV_RUN_NOWAIT);
    if (first.answer_count > 0) {
        return; /* the worker was faster, and nothing came meanwhile */
    }
    for (size_t i = 0; i < 5; i++) {
        name[0] = (char)('a' + i);
        parcel_make(&later[i], open_queue(scene, "live", name, 0), 0, "x");
        parcel_send(&later[i]);
    }
    settle(scene);
    for (size_t i = 0; i < 5; i++) {
        parcel_expect(&later[i], 1, 0);
        assert_true(later[i].place > first.place);
    }
    assert_int_equal(atomic_load(&commit_count), 2);
}

/* A group is bounded, so that a commit stays short and the WAL small. */
static void test_a_group_is_bounded_in_bytes(void **state)
{
    enum { COUNT = 5, SIZE = 3 * 1024 * 1024 };
    struct scene *scene = *state;
    struct parcel parcels[COUNT];
    char *bytes = malloc(SIZE);
    char name[2] = "a";

    assert_non_null(bytes);
    memset(bytes, 'x', SIZE);
    for (size_t i = 0; i < COUNT; i++) {
        name[0] = (char)('a' + i);
        parcel_init(&parcels[i], open_queue(scene, "live", name, 0), 0);
        parcel_add(&parcels[i], slice("x"))->body =
            (struct haplo_slice){bytes, SIZE};
        parcel_send(&parcels[i]);
    }
    settle(scene);
    for (size_t i = 0; i < COUNT; i++) {
        parcel_expect(&parcels[i], 1, 0);
    }
    assert_int_equal(atomic_load(&commit_count), 3); /* of 2, 2 and 1 */
    free(bytes);
}

/* A delivery's owner has it back in its callback, and may use it again. */
static void test_a_callback_may_deliver(void **state)
{
    struct scene *scene = *state;
    struct sink_queue *queue = open_queue(scene, "live", "student", 0);
    struct parcel first;
    struct parcel second;

    parcel_make(&first, queue, 0, "one");
    parcel_make(&second, queue, 1, "two");
    first.deliver_when_answered = &second;
    parcel_send(&first);
    settle(scene);
    parcel_expect(&first, 1, 0);
    parcel_expect(&second, 1, 0);
}

/* Epochs */

/* Without a commit of its own, the epoch of a quiet queue would stay behind
 * until its next message. */
static void test_an_epoch_is_stored_without_a_delivery(void **state)
{
    struct scene *scene = *state;
    struct sink_queue *queue = open_queue(scene, "live", "student", 0);

    confirm(queue, 5);
    settle(scene);
    expect(scene, "SELECT * FROM queues", "live|student|5");
    assert_int_equal(atomic_load(&commit_count), 1);
}

static void test_epochs_never_go_backwards(void **state)
{
    struct scene *scene = *state;
    struct sink_queue *queue = open_queue(scene, "live", "student", 0);
    struct parcel parcel;

    confirm(queue, 5);
    confirm(queue, 4);
    settle(scene);
    confirm(queue, 3);
    settle(scene);
    parcel_make(&parcel, queue, 2, "late");
    parcel_store(scene, &parcel, 1, 0);
    expect(scene, "SELECT epoch FROM queues", "5");
    /* Another program's hand is no reason either. */
    run(scene, "UPDATE queues SET epoch = 50");
    confirm(queue, 6);
    settle(scene);
    expect(scene, "SELECT epoch FROM queues", "50");
}

/* The mark of one batch and the delivery of the next may come in one turn. */
static void test_an_epoch_and_its_first_batch_in_one_commit(void **state)
{
    struct scene *scene = *state;
    struct sink_queue *queue = open_queue(scene, "live", "student", 0);
    struct parcel parcel;

    parcel_make(&parcel, queue, 0, "same");
    parcel_store(scene, &parcel, 1, 0);
    parcel_make(&parcel, queue, 1, "same");
    confirm(queue, 1);
    parcel_store(scene, &parcel, 1, 0);
    assert_int_equal(atomic_load(&commit_count), 2);
    expect(scene, "SELECT epoch FROM queues", "1");
}

/* A reload closes and opens queues while their epochs wait for the disk. */
static void test_a_reopened_queue_knows_the_unstored_epoch(void **state)
{
    struct scene *scene = *state;
    struct sink_queue *queue = open_queue(scene, "live", "student", 0);

    confirm(queue, 7);
    queue->sink->type->queue_close(queue);
    queue = open_queue(scene, "live", "student", 7);
    settle(scene);
    expect(scene, "SELECT epoch FROM queues", "7");
}

/* An empty queue proves a lost mark only where there was one to be lost: the
 * poller must know whether messages of the present epoch are stored. */
static void test_a_queue_knows_if_its_epoch_has_messages(void **state)
{
    struct scene *scene = *state;
    struct sink_queue *queue = open_queue(scene, "live", "student", 0);
    struct parcel parcel;

    assert_false(queue->ledger.is_unconfirmed);
    parcel_make(&parcel, queue, 0, "one");
    parcel_store(scene, &parcel, 1, 0);
    assert_true(queue->ledger.is_unconfirmed);
    scene_reopen(scene);
    queue = open_queue(scene, "live", "student", 0);
    assert_true(queue->ledger.is_unconfirmed);
    confirm(queue, 1);
    assert_false(queue->ledger.is_unconfirmed);
    settle(scene);
    scene_reopen(scene);
    assert_false(
        open_queue(scene, "live", "student", 1)->ledger.is_unconfirmed);
}

static void test_a_failed_epoch_goes_with_the_next_group(void **state)
{
    struct scene *scene = *state;
    struct sink_queue *queue = open_queue(scene, "live", "student", 0);
    struct sink_queue *other = open_queue(scene, "live", "other", 0);
    struct parcel parcel;
    long refused;

    atomic_store(&disk_is_full, true);
    confirm(queue, 1);
    while (uv_backend_timeout(&scene->loop) <= 0) {
        (void)uv_run(&scene->loop, UV_RUN_ONCE);
    }
    /* It is not tried again and again meanwhile. */
    refused = atomic_load(&refused_write_count);
    for (int i = 0; i < 1000; i++) {
        (void)uv_run(&scene->loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(atomic_load(&refused_write_count), refused);
    expect(scene, "SELECT count(*) FROM queues", "0");
    atomic_store(&disk_is_full, false);
    parcel_make(&parcel, other, 0, "x");
    parcel_store(scene, &parcel, 1, 0);
    expect(scene, "SELECT epoch FROM queues WHERE queue = 'student'", "1");
}

/* A quiet queue's epoch is stored when the outage ends, by a timer. */
static void test_a_failed_epoch_is_tried_again_by_itself(void **state)
{
    struct scene *scene = *state;
    sqlite3 *other = reader_open(scene);

    reader_run(other, "BEGIN IMMEDIATE");
    confirm(open_queue(scene, "live", "student", 0), 1);
    while (uv_backend_timeout(&scene->loop) <= 0) {
        (void)uv_run(&scene->loop, UV_RUN_ONCE);
    }
    reader_run(other, "ROLLBACK");
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    settle(scene);
    expect(scene, "SELECT epoch FROM queues", "1");
}

/* Not even an outage at the end keeps the sink from closing. */
static void test_close_gives_up_an_epoch_after_a_last_try(void **state)
{
    struct scene *scene = *state;
    struct sink_queue *queue = open_queue(scene, "live", "student", 0);

    confirm(queue, 1);
    settle(scene);
    atomic_store(&disk_is_full, true);
    confirm(queue, 2);
    scene_close(scene);
    atomic_store(&disk_is_full, false);
    scene_open(scene);
    (void)open_queue(scene, "live", "student", 1);
}

static void test_queues_are_opened_once(void **state)
{
    struct scene *scene = *state;
    struct sink_queue *queue = open_queue(scene, "live", "student", 0);
    struct sink_queue *again = queue;

    assert_int_equal(
        scene->sink->type->queue_open(scene->sink, "live", "student", &again,
                                      scene->why, sizeof(scene->why)),
        HAPLO_EEXIST);
    assert_null(again);
    assert_string_equal(scene->why, "live/student: open already");
    queue->sink->type->queue_close(queue);
    (void)open_queue(scene, "live", "student", 0);
}

/* Closing */

/* What was given is stored and answered, whenever the end comes. */
static void test_close_finishes_what_it_was_given(void **state)
{
    struct scene *scene = *state;
    struct parcel parcels[3];
    char name[2] = "a";

    for (size_t i = 0; i < 3; i++) {
        name[0] = (char)('a' + i);
        parcel_make(&parcels[i], open_queue(scene, "live", name, 0), 0, "x");
        parcel_send(&parcels[i]);
        (void)uv_run(&scene->loop, UV_RUN_NOWAIT);
    }
    confirm(parcels[2].delivery.queue, 1);
    scene_close(scene);
    for (size_t i = 0; i < 3; i++) {
        parcel_expect(&parcels[i], 1, 0);
    }
    expect(scene, "SELECT epoch FROM queues ORDER BY queue", "0;0;1");
}

static void test_a_callback_may_close(void **state)
{
    struct scene *scene = *state;
    struct parcel first;
    struct parcel second;

    scene->closed = false;
    parcel_make(&first, open_queue(scene, "live", "a", 0), 0, "x");
    parcel_make(&second, open_queue(scene, "live", "b", 0), 0, "x");
    first.close_when_answered = scene->sink;
    first.scene = scene;
    parcel_send(&first);
    parcel_send(&second);
    settle(scene);
    parcel_expect(&second, 1, 0);
    assert_true(scene->closed);
    assert_int_equal(access(scene->path, F_OK), 0);
}

/* Nothing but the inbox itself is left beside it, so that it can be copied. */
static void test_close_leaves_one_file(void **state)
{
    struct scene *scene = *state;
    struct parcel parcel;
    char beside[128];

    parcel_make(&parcel, open_queue(scene, "live", "a", 0), 0, "x");
    parcel_store(scene, &parcel, 1, 0);
    (void)snprintf(beside, sizeof(beside), "%s-wal", scene->path);
    assert_int_equal(access(beside, F_OK), 0);
    scene_close(scene);
    assert_int_not_equal(access(beside, F_OK), 0);
}

/* Crashes */

struct child {
    struct sink_queue *queue; /* */
    struct parcel parcel;     /* */
    char body[32];            /* */
    uint32_t number;          /* of the message */
    bool confirms;            /* each third one's mark is confirmed */
    uint64_t epoch;           /* */
};

static void child_send(struct child *child)
{
    (void)snprintf(child->body, sizeof(child->body), "%" PRIu32, child->number);
    parcel_make(&child->parcel, child->queue, child->epoch, child->body);
    child->parcel.delivery.delivered_cb = NULL;
}

static void child_answered(struct sink_delivery *delivery,
                           enum sink_verdict verdict, const char *text)
{
    struct child *child =
        (struct child *)((char *)delivery - offsetof(struct child, parcel));

    (void)text;
    if (verdict != SINK_ACCEPT ||
        write(STDOUT_FILENO, &child->number, sizeof(child->number)) !=
            (ssize_t)sizeof(child->number)) {
        _exit(1);
    }
    child->number += 1000;
    if (child->number % 3 == 0) {
        child->epoch++;
        delivery->queue->sink->type->confirmed(delivery->queue->sink,
                                               delivery->queue, child->epoch);
    }
    child_send(child);
    delivery->delivered_cb = child_answered;
    delivery->queue->sink->type->deliver(delivery->queue->sink, delivery);
}

/* Delivers forever on some queues, and writes down what was accepted. */
static int child_main(const char *path)
{
    static struct child children[4];
    char why[HAPLO_TEXT_SIZE_MAX];
    struct sink *sink;
    uv_loop_t loop;
    char name[2] = "a";

    if (uv_loop_init(&loop) != 0 ||
        sqlite_sink_open(&loop, "inbox", path, &sink, why, sizeof(why)) != 0) {
        return 1;
    }
    for (uint32_t i = 0; i < 4; i++) {
        struct child *child = &children[i];

        name[0] = (char)('a' + i);
        if (sink->type->queue_open(sink, "live", name, &child->queue, why,
                                   sizeof(why)) != 0) {
            return 1;
        }
        child->epoch = child->queue->ledger.epoch;
        child->number = i;
        child_send(child);
        child->parcel.delivery.delivered_cb = child_answered;
        sink->type->deliver(sink, &child->parcel.delivery);
    }
    return uv_run(&loop, UV_RUN_DEFAULT);
}

static pid_t child_start(const char *path, int *output)
{
    posix_spawn_file_actions_t actions;
    char *arguments[] = {(char *)program, (char *)"--child", (char *)path,
                         NULL};
    int ends[2];
    pid_t pid;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    assert_int_equal(
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO), 0);
    assert_int_equal(
        posix_spawn(&pid, program, &actions, NULL, arguments, environ), 0);
    assert_int_equal(posix_spawn_file_actions_destroy(&actions), 0);
    assert_int_equal(close(ends[1]), 0);
    *output = ends[0];
    return pid;
}

/* Accepted means durable, also when the process dies at any moment. */
static void test_a_killed_process_loses_nothing(void **state)
{
    struct scene *scene = *state;
    uint32_t accepted[4] = {0};
    size_t accepted_count = 0;
    uint32_t number;
    char sql[160];
    char expected[32];
    int output;
    int status;
    pid_t pid = child_start(scene->path, &output);

    /* After the kill the pipe still holds what was accepted before it. */
    while (read(output, &number, sizeof(number)) == (ssize_t)sizeof(number)) {
        accepted[number % 1000] = number / 1000 + 1;
        accepted_count++;
        if (accepted_count == 80) {
            assert_int_equal(kill(pid, SIGKILL), 0);
        }
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_int_equal(close(output), 0);
    for (unsigned i = 0; i < 4; i++) {
        (void)snprintf(sql, sizeof(sql),
                       "SELECT count(DISTINCT body) FROM messages WHERE"
                       " queue = '%c' AND body / 1000 < %" PRIu32,
                       'a' + (int)i, accepted[i]);
        (void)snprintf(expected, sizeof(expected), "%" PRIu32, accepted[i]);
        expect(scene, sql, expected);
    }
    expect(scene,
           "SELECT count(*) FROM messages GROUP BY queue, body"
           " HAVING count(*) > 1",
           "");
    expect(scene, "PRAGMA integrity_check", "ok");
    scene_open(scene);
}

/* Outages */

static void test_a_full_disk_is_told_and_mends(void **state)
{
    struct scene *scene = *state;
    struct sink_queue *queue = open_queue(scene, "live", "a", 0);
    struct parcel parcel;

    parcel_make(&parcel, queue, 0, "x");
    atomic_store(&disk_is_full, true);
    parcel_refused(scene, &parcel, "disk");
    parcel_refused(scene, &parcel, "disk");
    expect(scene, "SELECT count(*) FROM messages", "0");
    atomic_store(&disk_is_full, false);
    parcel_store(scene, &parcel, 1, 0);
}

/* Where a large batch finds no room, small ones still may. */
static void test_a_batch_without_room_does_not_harm_others(void **state)
{
    enum { SIZE = 1024 * 1024 };
    struct scene *scene = *state;
    struct sink_queue *large_queue = open_queue(scene, "live", "large", 0);
    struct sink_queue *small_queue = open_queue(scene, "live", "small", 0);
    char *bytes = malloc(SIZE);
    struct parcel large;
    struct parcel small[2];

    assert_non_null(bytes);
    memset(bytes, 'x', SIZE);
    reader_run(sink_db, "PRAGMA max_page_count = 20");
    parcel_make(&small[0], small_queue, 0, "one");
    parcel_init(&large, large_queue, 0);
    parcel_add(&large, slice("x"))->body = (struct haplo_slice){bytes, SIZE};
    parcel_make(&small[1], open_queue(scene, "live", "b", 0), 0, "two");
    confirm(open_queue(scene, "live", "quiet", 0), 9);
    parcel_send(&small[0]);
    parcel_send(&large);
    parcel_send(&small[1]);
    settle(scene);
    parcel_expect(&small[0], 1, 0);
    parcel_expect(&small[1], 1, 0);
    assert_int_equal(large.verdict, SINK_RETRY);
    assert_non_null(strstr(large.text, "the disk is full"));
    expect(scene, "SELECT queue, epoch FROM queues", "b|0;quiet|9;small|0");
    reader_run(sink_db, "PRAGMA max_page_count = 1000");
    parcel_store(scene, &large, 1, 0);
    free(bytes);
}

/* A message that SQLite cannot hold is the sink's one reject. */
static void test_a_message_too_large_is_rejected_alone(void **state)
{
    enum { SIZE = 200000 };
    struct scene *scene = *state;
    char *bytes = malloc(SIZE);
    struct parcel large;
    struct parcel small;

    assert_non_null(bytes);
    memset(bytes, 'x', SIZE);
    (void)sqlite3_limit(sink_db, SQLITE_LIMIT_LENGTH, SIZE - 1);
    parcel_init(&large, open_queue(scene, "live", "large", 0), 0);
    (void)parcel_add(&large, slice("fits"));
    parcel_add(&large, slice("x"))->body = (struct haplo_slice){bytes, SIZE};
    parcel_make(&small, open_queue(scene, "live", "small", 0), 0, "x");
    parcel_send(&large);
    parcel_send(&small);
    settle(scene);
    parcel_expect(&small, 1, 0);
    assert_int_equal(large.verdict, SINK_REJECT);
    assert_non_null(strstr(large.text, "larger than SQLite can hold"));
    expect(scene, "SELECT body FROM messages", "x");
    free(bytes);
}

/* An index that somebody added must not drop messages unseen, as OR IGNORE
 * would let it. */
static void test_a_foreign_constraint_is_no_repeat(void **state)
{
    struct scene *scene = *state;
    struct sink_queue *queue = open_queue(scene, "live", "a", 0);
    struct parcel parcel;
    struct parcel other;

    run(scene, "CREATE UNIQUE INDEX mine ON messages (body)");
    parcel_make(&parcel, queue, 0, "x");
    parcel_store(scene, &parcel, 1, 0);
    parcel_make(&parcel, queue, 1, "x");
    parcel_make(&other, open_queue(scene, "live", "b", 0), 0, "y");
    parcel_send(&parcel);
    parcel_send(&other);
    settle(scene);
    parcel_expect(&other, 1, 0);
    assert_int_equal(parcel.verdict, SINK_RETRY);
    assert_non_null(strstr(parcel.text, "UNIQUE constraint"));
    run(scene, "DROP INDEX mine");
    parcel_store(scene, &parcel, 1, 0);
}

static void test_a_lock_of_another_program_is_told(void **state)
{
    struct scene *scene = *state;
    struct parcel parcel;
    sqlite3 *other = reader_open(scene);

    parcel_make(&parcel, open_queue(scene, "live", "a", 0), 0, "x");
    reader_run(other, "BEGIN IMMEDIATE");
    parcel_refused(scene, &parcel, "another program holds a lock");
    reader_run(other, "ROLLBACK");
    parcel_store(scene, &parcel, 1, 0);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
}

/* Consumers read while the sink writes, and see what was there before. */
static void test_a_reader_does_not_hold_up_the_sink(void **state)
{
    struct scene *scene = *state;
    struct sink_queue *queue = open_queue(scene, "live", "a", 0);
    struct parcel parcel;
    sqlite3 *reader = reader_open(scene);

    parcel_make(&parcel, queue, 0, "one");
    parcel_store(scene, &parcel, 1, 0);
    reader_run(reader, "BEGIN");
    expect_rows(reader, "SELECT count(*) FROM messages", "1");
    parcel_make(&parcel, queue, 1, "two");
    parcel_store(scene, &parcel, 1, 0);
    expect_rows(reader, "SELECT count(*) FROM messages", "1");
    reader_run(reader, "COMMIT");
    expect_rows(reader, "SELECT count(*) FROM messages", "2");
    assert_int_equal(sqlite3_close(reader), SQLITE_OK);
}

/* A consumer deletes what it has read while messages arrive. */
static void test_two_writers_share_an_inbox(void **state)
{
    struct scene *scene = *state;
    struct sink_queue *queue = open_queue(scene, "live", "a", 0);
    sqlite3 *other = reader_open(scene);
    struct parcel parcel;

    for (uint64_t epoch = 0; epoch < 20; epoch++) {
        parcel_make(&parcel, queue, epoch, "x");
        parcel_store(scene, &parcel, 1, 0);
        reader_run(other, "DELETE FROM messages");
    }
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
}

/* The statement of haplo-inbox(5) leaves what a repeat is known by. */
static void test_deleting_confirmed_rows_is_safe(void **state)
{
    struct scene *scene = *state;
    struct sink_queue *queue = open_queue(scene, "live", "a", 0);
    struct parcel parcel;

    parcel_make(&parcel, queue, 0, "confirmed");
    parcel_store(scene, &parcel, 1, 0);
    confirm(queue, 1);
    parcel_make(&parcel, queue, 1, "not yet");
    parcel_store(scene, &parcel, 1, 0);
    run(scene, "DELETE FROM messages"
               " WHERE arrival <= 1000"
               "   AND epoch < (SELECT q.epoch FROM queues AS q"
               "                 WHERE q.server = messages.server"
               "                   AND q.queue = messages.queue)");
    expect(scene, "SELECT body FROM messages", "not yet");
    parcel_store(scene, &parcel, 0, 1);
}

/* A commit into a file without a name would be lost with the process. */
static void test_nothing_is_accepted_into_a_removed_file(void **state)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    struct scene *scene = *state;
    struct sink_queue *queue = open_queue(scene, "live", "a", 0);
    struct parcel parcel;
    char from[128];
    char to[128];

    for (uint64_t i = 0; i < 3; i++) {
        (void)snprintf(from, sizeof(from), "%s%s", scene->path, endings[i]);
        (void)snprintf(to, sizeof(to), "%s/aside", scene->folder);
        assert_int_equal(rename(from, to), 0);
        parcel_make(&parcel, queue, i, "x");
        parcel_refused(scene, &parcel, "was removed or replaced");
        assert_non_null(strstr(parcel.text, from));
        assert_int_not_equal(access(from, F_OK), 0);
        assert_int_equal(rename(to, from), 0);
        parcel_store(scene, &parcel, 1, 0);
    }
    expect(scene, "PRAGMA integrity_check", "ok");
}

static void test_nothing_is_accepted_beside_a_replaced_file(void **state)
{
    struct scene *scene = *state;
    struct parcel parcel;
    FILE *file;

    parcel_make(&parcel, open_queue(scene, "live", "a", 0), 0, "x");
    assert_int_equal(unlink(scene->path), 0);
    file = fopen(scene->path, "wx");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    parcel_refused(scene, &parcel, "was removed or replaced");
}

/* Also when that happens between the transaction's begin and its end. */
static void test_nothing_is_accepted_if_the_file_goes_in_between(void **state)
{
    struct scene *scene = *state;
    struct parcel parcel;

    parcel_make(&parcel, open_queue(scene, "live", "a", 0), 0, "x");
    removed_at_commit = scene->path;
    parcel_refused(scene, &parcel, "was removed or replaced");
    removed_at_commit = NULL;
}

/* A commit that was not called a success may have been one: what it stored is
 * known again, also in the epoch after a batch that lacks it. */
static void test_a_commit_in_doubt_repeats_nothing(void **state)
{
    struct scene *scene = *state;
    struct sink_queue *queue = open_queue(scene, "live", "a", 0);
    struct parcel parcel;
    char aside[128];

    (void)snprintf(aside, sizeof(aside), "%s/aside", scene->folder);
    parcel_make(&parcel, queue, 0, "x");
    removed_at_commit = scene->path;
    aside_at_commit = aside;
    parcel_refused(scene, &parcel, "was removed or replaced");
    removed_at_commit = NULL;
    aside_at_commit = NULL;
    assert_int_equal(rename(aside, scene->path), 0);
    expect(scene, "SELECT epoch, body FROM messages", "0|x");
    parcel_make(&parcel, queue, 0, "y");
    parcel_store(scene, &parcel, 1, 0);
    confirm(queue, 1);
    parcel_make(&parcel, queue, 1, "x");
    parcel_store(scene, &parcel, 0, 1);
    expect(scene, "SELECT epoch, body FROM messages ORDER BY arrival",
           "1|x;0|y");
}

/* What was accepted before somebody removed the WAL is saved. */
static void test_a_removed_wal_loses_nothing(void **state)
{
    struct scene *scene = *state;
    struct sink_queue *queue = open_queue(scene, "live", "a", 0);
    struct parcel parcel;
    char path[128];
    char command[256];
    sqlite3 *copy = NULL;

    parcel_make(&parcel, queue, 0, "x");
    parcel_store(scene, &parcel, 1, 0);
    (void)snprintf(path, sizeof(path), "%s-wal", scene->path);
    assert_int_equal(unlink(path), 0);
    parcel_make(&parcel, queue, 1, "y");
    parcel_refused(scene, &parcel, "-wal");
    /* Already in the inbox alone, should the process die now. */
    (void)snprintf(command, sizeof(command), "cp '%s' '%s/copy'", scene->path,
                   scene->folder);
    assert_int_equal(system(command), 0);
    (void)snprintf(path, sizeof(path), "%s/copy", scene->folder);
    assert_int_equal(sqlite3_open(path, &copy), SQLITE_OK);
    expect_rows(copy, "SELECT body FROM messages", "x");
    assert_int_equal(sqlite3_close(copy), SQLITE_OK);
    scene_reopen(scene);
    expect(scene, "SELECT body FROM messages", "x");
    parcel.delivery.queue = open_queue(scene, "live", "a", 0);
    parcel_store(scene, &parcel, 1, 0);
}

/* Whichever allocation of SQLite fails: a retry is asked for, and the next
 * delivery stores all of it once. */
static void test_every_allocation_may_fail(void **state)
{
    struct scene *scene = *state;
    uint64_t epoch = 0;
    struct parcel parcel;
    bool failed = true;

    for (long n = 1; failed; n++) {
        char path[96];

        (void)snprintf(path, sizeof(path), "%s", scene->path);
        (void)snprintf(scene->path, sizeof(scene->path), "%s/%ld.db",
                       scene->folder, n);
        atomic_store(&allocations_left, n);
        failed = scene_try_open(scene) != 0;
        if (!failed) {
            parcel_make(&parcel, open_queue(scene, "live", "a", 0), epoch, "x");
            (void)parcel_add(&parcel, slice("y"));
            parcel_send(&parcel);
            parcel_wait(scene, &parcel);
            failed = parcel.verdict != SINK_ACCEPT;
            assert_int_equal(failed && parcel.verdict != SINK_RETRY, 0);
            if (failed) {
                assert_non_null(strstr(parcel.text, "out of memory"));
                parcel_store(scene, &parcel, 2, 0);
            }
            failed = failed || atomic_load(&allocations_left) <= 0;
            scene_close(scene);
        } else {
            assert_non_null(strstr(scene->why, scene->path));
        }
        atomic_store(&allocations_left, -1);
        (void)snprintf(scene->path, sizeof(scene->path), "%s", path);
    }
}

/* Random runs */

#define RANDOM_QUEUE_COUNT 6
#define RANDOM_STEP_COUNT 400

/* One queue as its server and poller would drive it. */
struct walker {
    struct sink_queue *queue;           /* */
    struct parcel parcel;               /* */
    char bodies[MESSAGE_COUNT_MAX][24]; /* of the batch */
    size_t body_count;                  /* in the batch */
    uint64_t epoch;                     /* */
    size_t expected;                    /* rows of all epochs */
    size_t accepted;                    /* messages of this epoch, stored */
    bool is_out;                        /* the sink has the parcel */
};

static void walker_send(struct walker *walker)
{
    parcel_init(&walker->parcel, walker->queue, walker->epoch);
    for (size_t i = 0; i < walker->body_count; i++) {
        (void)parcel_add(&walker->parcel, slice(walker->bodies[i]));
    }
    parcel_send(&walker->parcel);
    walker->is_out = true;
}

static void walker_check(struct walker *walker)
{
    struct parcel *parcel = &walker->parcel;

    walker->is_out = false;
    assert_int_equal(parcel->answer_count, 1);
    assert_int_not_equal(parcel->verdict, SINK_REJECT);
    if (parcel->verdict == SINK_ACCEPT) {
        assert_int_equal(parcel->delivery.repeat_count, walker->accepted);
        assert_int_equal(parcel->delivery.stored_count,
                         walker->body_count - walker->accepted);
        walker->expected += parcel->delivery.stored_count;
        walker->accepted = walker->body_count;
    }
}

/* A fetch that may find the old messages again, and new ones; or a mark. Few
 * different bodies, so that equal ones and resends are common. */
static void walker_step(struct walker *walker, unsigned *seed)
{
    if (walker->is_out) {
        if (walker->parcel.answer_count == 0) {
            return;
        }
        walker_check(walker);
    }
    if (walker->accepted > 0 && walker->accepted == walker->body_count &&
        rand_r(seed) % 2 == 0) {
        walker->epoch++;
        walker->accepted = 0;
        walker->body_count = 0;
        confirm(walker->queue, walker->epoch);
    }
    if (walker->body_count == 0 ||
        (walker->body_count < MESSAGE_COUNT_MAX && rand_r(seed) % 3 == 0)) {
        (void)snprintf(walker->bodies[walker->body_count++],
                       sizeof(walker->bodies[0]), "%d", rand_r(seed) % 4);
    }
    walker_send(walker);
}

static void walkers_open(struct scene *scene, struct walker *walkers)
{
    char name[2] = "a";

    for (size_t i = 0; i < RANDOM_QUEUE_COUNT; i++) {
        name[0] = (char)('a' + i);
        walkers[i].queue = open_queue(scene, "live", name, walkers[i].epoch);
    }
}

/* With outages, closings and another program's locks at any moment, each
 * message is there once in each epoch in which it was accepted. */
static void test_random_runs_store_each_message_once(void **state)
{
    struct scene *scene = *state;
    struct walker walkers[RANDOM_QUEUE_COUNT];
    const char *given = getenv("HAPLO_TEST_SEED");
    unsigned seed = given != NULL ? (unsigned)strtoul(given, NULL, 10)
                                  : (unsigned)uv_hrtime();
    size_t expected = 0;
    sqlite3 *other;

    print_message("HAPLO_TEST_SEED=%u\n", seed);
    memset(walkers, 0, sizeof(walkers));
    walkers_open(scene, walkers);
    other = reader_open(scene);
    for (int step = 0; step < RANDOM_STEP_COUNT; step++) {
        walker_step(&walkers[rand_r(&seed) % RANDOM_QUEUE_COUNT], &seed);
        (void)uv_run(&scene->loop, UV_RUN_NOWAIT);
        switch (rand_r(&seed) % 40) {
        case 0:
            atomic_store(&disk_is_full, !atomic_load(&disk_is_full));
            break;
        case 1:
            (void)sqlite3_exec(other,
                               sqlite3_get_autocommit(other) ? "BEGIN IMMEDIATE"
                                                             : "ROLLBACK",
                               NULL, NULL, NULL);
            break;
        case 2:
            atomic_store(&allocations_left, 1 + rand_r(&seed) % 50);
            break;
        case 3:
            atomic_store(&disk_is_full, false);
            atomic_store(&allocations_left, -1);
            if (!sqlite3_get_autocommit(other)) {
                reader_run(other, "ROLLBACK");
            }
            scene_reopen(scene);
            walkers_open(scene, walkers);
            break;
        default:
            break;
        }
    }
    atomic_store(&disk_is_full, false);
    atomic_store(&allocations_left, -1);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    settle(scene);
    for (size_t i = 0; i < RANDOM_QUEUE_COUNT; i++) {
        if (walkers[i].is_out) {
            walker_check(&walkers[i]);
        }
        expected += walkers[i].expected;
    }
    assert_int_equal(query_int64(scene, "SELECT count(*) FROM messages"),
                     expected);
    expect(scene, "PRAGMA integrity_check", "ok");
}

/* Opening */

/* Messages are private; the umask only takes away. */
static void test_a_new_inbox_is_for_its_owner_only(void **state)
{
    struct scene *scene = *state;
    mode_t before = umask(0);
    char path[128];
    struct stat status;

    scene_open(scene);
    (void)umask(before);
    assert_int_equal(stat(scene->path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    (void)snprintf(path, sizeof(path), "%s-wal", scene->path);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
}

/* A process that died between making the file and filling it. */
static void test_an_empty_file_becomes_an_inbox(void **state)
{
    struct scene *scene = *state;

    file_write(scene->path, "");
    scene_open(scene);
    expect(scene, "SELECT count(*) FROM messages", "0");
}

/* SQLite would take some names for a URI or for memory. */
static void test_a_path_is_only_a_path(void **state)
{
    static const char *const names[] = {":memory:", "file:x?mode=memory"};
    struct scene *scene = *state;
    char before[PATH_MAX];

    assert_non_null(getcwd(before, sizeof(before)));
    assert_int_equal(chdir(scene->folder), 0);
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(scene->path, sizeof(scene->path), "%s", names[i]);
        scene_open(scene);
        scene_close(scene);
        assert_int_equal(access(names[i], F_OK), 0);
    }
    assert_int_equal(chdir(before), 0);
}

static void test_paths_that_cannot_be_an_inbox(void **state)
{
    struct scene *scene = *state;
    char path[96];

    (void)snprintf(path, sizeof(path), "%s", scene->path);
    (void)snprintf(scene->path, sizeof(scene->path), "%s", scene->folder);
    expect_refused(scene, HAPLO_EINVAL, "is a folder");
    (void)snprintf(scene->path, sizeof(scene->path), "%s/no/record.db",
                   scene->folder);
    expect_refused(scene, HAPLO_EINVAL, "no such file or directory");
    (void)snprintf(scene->path, sizeof(scene->path), "%s", path);
    assert_int_equal(symlink("nowhere", scene->path), 0);
    expect_refused(scene, HAPLO_EINVAL, "no such file or directory");
    assert_int_equal(unlink(scene->path), 0);
    assert_int_equal(mkfifo(scene->path, 0600), 0);
    expect_refused(scene, HAPLO_EINVAL, "not a file");
}

static void test_files_that_are_no_inbox(void **state)
{
    struct scene *scene = *state;

    file_write(scene->path, "this is a letter, and a rather long one, "
                            "so that it cannot be taken for a header.\n");
    expect_refused(scene, HAPLO_EINVAL, "not an SQLite database");
    assert_int_equal(unlink(scene->path), 0);
    run(scene, "CREATE TABLE mine (x)");
    expect_refused(scene, HAPLO_EINVAL, "not an inbox");
    expect(scene, "PRAGMA journal_mode", "delete"); /* and is untouched */
    run(scene, "DROP TABLE mine; PRAGMA user_version = 1");
    expect_refused(scene, HAPLO_EINVAL, "not an inbox");
    run(scene, "PRAGMA user_version = 0; PRAGMA application_id = 1");
    expect_refused(scene, HAPLO_EINVAL, "not an inbox");
}

static void test_a_newer_inbox_is_refused(void **state)
{
    struct scene *scene = *state;

    scene_open(scene);
    scene_close(scene);
    run(scene, "PRAGMA user_version = 9");
    expect_refused(scene, HAPLO_EINVAL,
                   "an inbox of version 9, made by a newer haplo-poll");
}

static void test_a_locked_file_is_told_at_opening(void **state)
{
    struct scene *scene = *state;
    sqlite3 *other = reader_open(scene);

    reader_run(other, "BEGIN EXCLUSIVE");
    expect_refused(scene, HAPLO_EBUSY, "another program holds a lock");
    reader_run(other, "COMMIT");
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    scene_open(scene);
}

/* Root may write everywhere, so another user tries. */
static void test_files_without_permission(void **state)
{
    struct scene *scene = *state;
    bool is_root = geteuid() == 0;

    scene_open(scene);
    scene_close(scene);
    assert_int_equal(chmod(scene->path, 0444), 0);
    assert_int_equal(chmod(scene->folder, 0755), 0);
    if (is_root) {
        assert_int_equal(seteuid(65534), 0);
    }
    expect_refused(scene, HAPLO_EINVAL, "cannot be written");
    (void)snprintf(scene->path + strlen(scene->path), 3, "2");
    if (is_root) {
        expect_refused(scene, HAPLO_EINVAL, "permission denied");
        assert_int_equal(seteuid(0), 0);
    }
}

/* Migrations */

static int migrate(struct scene *scene, const char *const *steps, int count)
{
    struct record_schema schema = *inbox_kind.schema;
    sqlite3 *db = reader_open(scene);
    int result;

    schema.steps = steps;
    schema.step_count = count;
    result = record_schema_migrate(db, &schema, scene->path, scene->why,
                                   sizeof(scene->why));

    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return result;
}

/* Version 2 will come: the way to it, with rows in the table. */
static void test_migrations_run_once_and_whole(void **state)
{
    struct scene *scene = *state;
    const char *steps[] = {
        inbox_kind.schema->steps[0],
        "ALTER TABLE messages ADD COLUMN read_at TEXT;",
        "UPDATE messages SET read_at = 'x'; SELECT nonsense;",
    };
    struct parcel parcel;

    scene_open(scene);
    parcel_make(&parcel, open_queue(scene, "live", "a", 0), 0, "x");
    parcel_store(scene, &parcel, 1, 0);
    scene_close(scene);
    assert_int_equal(migrate(scene, steps, 2), 0);
    assert_int_equal(migrate(scene, steps, 2), 0);
    expect(scene, "PRAGMA user_version", "2");
    assert_int_equal(migrate(scene, steps, 3), HAPLO_EINVAL);
    assert_non_null(strstr(scene->why, "nonsense"));
    expect(scene, "PRAGMA user_version", "2");
    expect(scene, "SELECT body, read_at FROM messages", "x|NULL");
    expect_refused(scene, HAPLO_EINVAL, "newer haplo-poll");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define OPENED(test) cmocka_unit_test_setup_teardown(test, setup_open, teardown)
#define UNOPENED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
        OPENED(test_a_message_becomes_a_row),
        OPENED(test_a_repeat_in_its_epoch_is_not_stored),
        OPENED(test_a_resend_in_a_later_epoch_is_stored),
        OPENED(test_equal_messages_of_a_batch_are_all_stored),
        OPENED(test_queues_do_not_share_identities),
        OPENED(test_arrival_only_goes_up),
        OPENED(test_arrival_is_the_order_of_delivery),
        OPENED(test_bodies_are_exact_bytes),
        OPENED(test_ids_are_plain_values),
        OPENED(test_a_long_id_with_escapes_stays_json),
        OPENED(test_what_comes_together_is_one_commit),
        OPENED(test_what_comes_meanwhile_is_the_next_commit),
        OPENED(test_a_group_is_bounded_in_bytes),
        OPENED(test_a_callback_may_deliver),
        OPENED(test_an_epoch_is_stored_without_a_delivery),
        OPENED(test_epochs_never_go_backwards),
        OPENED(test_an_epoch_and_its_first_batch_in_one_commit),
        OPENED(test_a_reopened_queue_knows_the_unstored_epoch),
        OPENED(test_a_queue_knows_if_its_epoch_has_messages),
        OPENED(test_a_failed_epoch_goes_with_the_next_group),
        OPENED(test_a_failed_epoch_is_tried_again_by_itself),
        OPENED(test_close_gives_up_an_epoch_after_a_last_try),
        OPENED(test_queues_are_opened_once),
        OPENED(test_close_finishes_what_it_was_given),
        OPENED(test_a_callback_may_close),
        OPENED(test_close_leaves_one_file),
        UNOPENED(test_a_killed_process_loses_nothing),
        OPENED(test_a_full_disk_is_told_and_mends),
        OPENED(test_a_batch_without_room_does_not_harm_others),
        OPENED(test_a_message_too_large_is_rejected_alone),
        OPENED(test_a_foreign_constraint_is_no_repeat),
        OPENED(test_a_lock_of_another_program_is_told),
        OPENED(test_a_reader_does_not_hold_up_the_sink),
        OPENED(test_two_writers_share_an_inbox),
        OPENED(test_deleting_confirmed_rows_is_safe),
        OPENED(test_nothing_is_accepted_into_a_removed_file),
        OPENED(test_nothing_is_accepted_beside_a_replaced_file),
        OPENED(test_nothing_is_accepted_if_the_file_goes_in_between),
        OPENED(test_a_commit_in_doubt_repeats_nothing),
        OPENED(test_a_removed_wal_loses_nothing),
        UNOPENED(test_every_allocation_may_fail),
        OPENED(test_random_runs_store_each_message_once),
        UNOPENED(test_a_new_inbox_is_for_its_owner_only),
        UNOPENED(test_an_empty_file_becomes_an_inbox),
        UNOPENED(test_a_path_is_only_a_path),
        UNOPENED(test_paths_that_cannot_be_an_inbox),
        UNOPENED(test_files_that_are_no_inbox),
        UNOPENED(test_a_newer_inbox_is_refused),
        UNOPENED(test_a_locked_file_is_told_at_opening),
        UNOPENED(test_files_without_permission),
        UNOPENED(test_migrations_run_once_and_whole),
#undef OPENED
#undef UNOPENED
    };

    if (argc == 3 && strcmp(argv[1], "--child") == 0) {
        return child_main(argv[2]);
    }
    program = argv[0];
    scene_opener = opener;
    faults_install();
    return cmocka_run_group_tests_name("sqlite_sink", tests, NULL, NULL);
}
