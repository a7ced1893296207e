/*
 * The inbox: nothing that was accepted is lost, nothing is in it twice within
 * an epoch, and everything that can go wrong with the file is told in a line.
 *
 * Faults are made from inside SQLite's own layer: its system calls are
 * replaced (a full disk), its allocator (the Nth call fails), its sleep (so
 * that waiting for a lock takes no time).
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "core/batch.h"
#include "sinks/inbox_schema.h"
#include "sinks/sqlite.h"

#define MESSAGE_COUNT_MAX 8
#define RECEIVED_AT_MS UINT64_C(1550226721250) /* 2019-02-15T10:32:01.250Z */

extern char **environ;

static const char *program; /* argv[0], to run itself as a child */

/* -- Faults --------------------------------------------------------------- */

static atomic_bool disk_is_full;
static atomic_long refused_write_count;
static atomic_long commit_count;
static const char *removed_at_commit;     /* a path, or NULL */
static atomic_long allocations_left = -1; /* until one fails; -1: never */
static bool capturing;                    /* the next connection is a sink's */
static sqlite3 *sink_db;                  /* the sink's; only while it idles */
static sqlite3_mem_methods real_memory;

static bool write_fails(void)
{
    if (!atomic_load(&disk_is_full)) {
        return false;
    }
    atomic_fetch_add(&refused_write_count, 1);
    errno = ENOSPC;
    return true;
}

static ssize_t full_write(int descriptor, const void *data, size_t size)
{
    if (write_fails()) {
        return -1;
    }
    return write(descriptor, data, size);
}

static ssize_t full_pwrite(int descriptor, const void *data, size_t size,
                           off_t offset)
{
    if (write_fails()) {
        return -1;
    }
    return pwrite(descriptor, data, size, offset);
}

static int no_sleep(sqlite3_vfs *vfs, int microseconds)
{
    (void)vfs;
    return microseconds;
}

static bool allocation_fails(void)
{
    return atomic_load(&allocations_left) > 0 &&
           atomic_fetch_sub(&allocations_left, 1) == 1;
}

static void *failing_malloc(int size)
{
    return allocation_fails() ? NULL : real_memory.xMalloc(size);
}

static void *failing_realloc(void *block, int size)
{
    return allocation_fails() ? NULL : real_memory.xRealloc(block, size);
}

static int count_commit(void *data)
{
    (void)data;
    if (removed_at_commit != NULL) {
        (void)unlink(removed_at_commit);
    }
    atomic_fetch_add(&commit_count, 1);
    return 0;
}

static int on_connection(sqlite3 *db, const char **error, const void *api)
{
    (void)error;
    (void)api;
    if (capturing) {
        capturing = false;
        sink_db = db;
        (void)sqlite3_commit_hook(db, count_commit, NULL);
    }
    return SQLITE_OK;
}

static void faults_install(void)
{
    sqlite3_mem_methods memory;
    sqlite3_vfs *vfs;

    assert_int_equal(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_memory),
                     SQLITE_OK);
    memory = real_memory;
    memory.xMalloc = failing_malloc;
    memory.xRealloc = failing_realloc;
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &memory), SQLITE_OK);
    assert_int_equal(sqlite3_initialize(), SQLITE_OK);
    vfs = sqlite3_vfs_find(NULL);
    vfs->xSleep = no_sleep;
    (void)vfs->xSetSystemCall(vfs, "write", (sqlite3_syscall_ptr)full_write);
    (void)vfs->xSetSystemCall(vfs, "pwrite", (sqlite3_syscall_ptr)full_pwrite);
    (void)vfs->xSetSystemCall(vfs, "pwrite64",
                              (sqlite3_syscall_ptr)full_pwrite);
    assert_int_equal(sqlite3_auto_extension((void (*)(void))on_connection),
                     SQLITE_OK);
}

/* -- One inbox in a folder of its own ------------------------------------- */

struct inbox {
    uv_loop_t loop;                /* */
    char folder[64];               /* */
    char path[96];                 /* */
    struct sink *sink;             /* NULL: closed */
    bool closed;                   /* close_cb has fired */
    char why[HAPLO_TEXT_SIZE_MAX]; /* */
};

static int inbox_try_open(struct inbox *inbox)
{
    int result;

    capturing = true;
    result = sqlite_sink_open(&inbox->loop, "inbox", inbox->path, &inbox->sink,
                              inbox->why, sizeof(inbox->why));
    capturing = false;
    return result;
}

static void inbox_open(struct inbox *inbox)
{
    if (inbox_try_open(inbox) != 0) {
        fail_msg("%s", inbox->why);
    }
}

static void inbox_closed(void *data)
{
    struct inbox *inbox = data;

    assert_false(inbox->closed);
    inbox->closed = true;
    inbox->sink = NULL;
}

static void inbox_close(struct inbox *inbox)
{
    inbox->closed = false;
    inbox->sink->type->close(inbox->sink, inbox_closed, inbox);
    assert_false(inbox->closed);
    assert_int_equal(uv_run(&inbox->loop, UV_RUN_DEFAULT), 0);
    assert_true(inbox->closed);
    sink_db = NULL;
}

static void inbox_reopen(struct inbox *inbox)
{
    inbox_close(inbox);
    inbox_open(inbox);
}

static int setup(void **state)
{
    struct inbox *inbox = calloc(1, sizeof(*inbox));

    assert_non_null(inbox);
    /* In memory where there is such a place: no test needs a real disk. */
    (void)snprintf(inbox->folder, sizeof(inbox->folder),
                   "%s/haplo-inbox-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(inbox->folder));
    (void)snprintf(inbox->path, sizeof(inbox->path), "%s/inbox.db",
                   inbox->folder);
    assert_int_equal(uv_loop_init(&inbox->loop), 0);
    atomic_store(&disk_is_full, false);
    atomic_store(&allocations_left, -1);
    *state = inbox;
    return 0;
}

static int setup_open(void **state)
{
    int result = setup(state);

    inbox_open(*state);
    atomic_store(&commit_count, 0);
    return result;
}

static int teardown(void **state)
{
    struct inbox *inbox = *state;
    char command[128];

    atomic_store(&disk_is_full, false);
    atomic_store(&allocations_left, -1);
    if (inbox->sink != NULL) {
        inbox_close(inbox);
    }
    assert_int_equal(uv_loop_close(&inbox->loop), 0);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", inbox->folder);
    assert_int_equal(system(command), 0);
    free(inbox);
    return 0;
}

static struct sink_queue *open_queue(struct inbox *inbox, const char *server,
                                     const char *name, uint64_t epoch_expected)
{
    struct sink_queue *queue = NULL;

    assert_int_equal(inbox->sink->type->queue_open(inbox->sink, server, name,
                                                   &queue, inbox->why,
                                                   sizeof(inbox->why)),
                     0);
    assert_string_equal(queue->server, server);
    assert_string_equal(queue->queue, name);
    assert_int_equal(queue->ledger.epoch, epoch_expected);
    return queue;
}

static void confirm(struct sink_queue *queue, uint64_t epoch)
{
    queue->sink->type->confirmed(queue->sink, queue, epoch);
}

/* Runs the loop until it has nothing to do. */
static void settle(struct inbox *inbox)
{
    assert_int_equal(uv_run(&inbox->loop, UV_RUN_DEFAULT), 0);
}

/* -- Parcels: a batch and its delivery ------------------------------------ */

struct parcel {
    struct sink_delivery delivery;                    /* first: see parcel_of */
    struct haplo_batch batch;                         /* */
    struct haplo_message messages[MESSAGE_COUNT_MAX]; /* */
    struct sink *close_when_answered;                 /* or NULL */
    struct parcel *deliver_when_answered;             /* or NULL */
    struct inbox *inbox;                              /* for the former */
    unsigned answer_count;                            /* */
    unsigned place;                 /* of the answer, from 1 */
    enum sink_verdict verdict;      /* */
    char text[HAPLO_TEXT_SIZE_MAX]; /* */
};

static unsigned answer_place; /* of the newest answer */

static void parcel_send(struct parcel *parcel)
{
    struct sink *sink = parcel->delivery.queue->sink;

    parcel->answer_count = 0;
    sink->type->deliver(sink, &parcel->delivery);
    assert_int_equal(parcel->answer_count, 0);
}

static void parcel_answered(struct sink_delivery *delivery,
                            enum sink_verdict verdict, const char *text)
{
    struct parcel *parcel = (struct parcel *)delivery;

    parcel->answer_count++;
    parcel->place = ++answer_place;
    parcel->verdict = verdict;
    (void)snprintf(parcel->text, sizeof(parcel->text), "%s", text);
    assert_null(strchr(text, '\n'));
    assert_true((verdict == SINK_ACCEPT) == (text[0] == '\0'));
    assert_true(verdict == SINK_ACCEPT ||
                delivery->stored_count + delivery->repeat_count == 0);
    if (parcel->deliver_when_answered != NULL) {
        parcel_send(parcel->deliver_when_answered);
    }
    if (parcel->close_when_answered != NULL) {
        parcel->close_when_answered->type->close(parcel->close_when_answered,
                                                 inbox_closed, parcel->inbox);
    }
}

static struct haplo_slice slice(const char *text)
{
    return (struct haplo_slice){text, strlen(text)};
}

/* Not the library's hash: the sink takes the key as it is given. */
static void hash_bytes(struct haplo_slice bytes, uint8_t *key)
{
    uint64_t state = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < 16; i++) {
        for (size_t j = 0; j < bytes.size; j++) {
            state = (state ^ (uint8_t)bytes.data[j]) * UINT64_C(1099511628211);
        }
        state = (state ^ i) * UINT64_C(1099511628211);
        key[i] = (uint8_t)(state >> 32);
    }
}

static struct haplo_message *parcel_add(struct parcel *parcel,
                                        struct haplo_slice body)
{
    struct haplo_message *message;

    assert_true(parcel->batch.message_count < MESSAGE_COUNT_MAX);
    message = &parcel->messages[parcel->batch.message_count++];
    memset(message, 0, sizeof(*message));
    message->body = body;
    hash_bytes(body, message->key);
    for (struct haplo_message *other = parcel->messages; other < message;
         other++) {
        if (memcmp(other->key, message->key, sizeof(other->key)) == 0) {
            message->ordinal++;
        }
    }
    return message;
}

static void parcel_init(struct parcel *parcel, struct sink_queue *queue,
                        uint64_t epoch)
{
    memset(parcel, 0, sizeof(*parcel));
    parcel->batch.messages = parcel->messages;
    parcel->batch.epoch = epoch;
    parcel->delivery.queue = queue;
    parcel->delivery.batch = &parcel->batch;
    parcel->delivery.received_at_ms = RECEIVED_AT_MS;
    parcel->delivery.delivered_cb = parcel_answered;
}

/* With one message. */
static void parcel_make(struct parcel *parcel, struct sink_queue *queue,
                        uint64_t epoch, const char *body)
{
    parcel_init(parcel, queue, epoch);
    (void)parcel_add(parcel, slice(body));
}

static void parcel_wait(struct inbox *inbox, struct parcel *parcel)
{
    while (parcel->answer_count == 0) {
        assert_true(uv_run(&inbox->loop, UV_RUN_ONCE) != 0 ||
                    parcel->answer_count > 0);
    }
    assert_int_equal(parcel->answer_count, 1);
}

static void parcel_expect(struct parcel *parcel, size_t stored, size_t repeated)
{
    assert_string_equal(parcel->text, "");
    assert_int_equal(parcel->verdict, SINK_ACCEPT);
    assert_int_equal(parcel->delivery.stored_count, stored);
    assert_int_equal(parcel->delivery.repeat_count, repeated);
}

/* Sends it, and expects these counts. */
static void parcel_store(struct inbox *inbox, struct parcel *parcel,
                         size_t stored, size_t repeated)
{
    parcel_send(parcel);
    parcel_wait(inbox, parcel);
    parcel_expect(parcel, stored, repeated);
}

/* Sends it, and expects it to be told to come again, with this in the text. */
static void parcel_refused(struct inbox *inbox, struct parcel *parcel,
                           const char *text)
{
    parcel_send(parcel);
    parcel_wait(inbox, parcel);
    assert_int_equal(parcel->verdict, SINK_RETRY);
    assert_non_null(strstr(parcel->text, inbox->path));
    if (strstr(parcel->text, text) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", text, parcel->text);
    }
}

/* -- What another program sees -------------------------------------------- */

static sqlite3 *reader_open(struct inbox *inbox)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(inbox->path, &db), SQLITE_OK);
    return db;
}

static void reader_run(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    }
}

/* The rows as one text: "a|b;c|d". */
static void expect_rows(sqlite3 *db, const char *sql, const char *expected)
{
    sqlite3_stmt *statement = NULL;
    char rows[4096] = "";
    size_t size = 0;

    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL),
                     SQLITE_OK);
    while (sqlite3_step(statement) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(statement); i++) {
            const unsigned char *text = sqlite3_column_text(statement, i);

            size +=
                (size_t)snprintf(rows + size, sizeof(rows) - size, "%s%s",
                                 i > 0      ? "|"
                                 : size > 0 ? ";"
                                            : "",
                                 text != NULL ? (const char *)text : "NULL");
            assert_true(size < sizeof(rows));
        }
    }
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    assert_string_equal(rows, expected);
}

static void expect(struct inbox *inbox, const char *sql, const char *expected)
{
    sqlite3 *db = reader_open(inbox);

    expect_rows(db, sql, expected);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static int64_t query_int64(struct inbox *inbox, const char *sql)
{
    sqlite3 *db = reader_open(inbox);
    sqlite3_stmt *statement = NULL;
    int64_t value;

    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    value = sqlite3_column_int64(statement, 0);
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return value;
}

static void run(struct inbox *inbox, const char *sql)
{
    sqlite3 *db = reader_open(inbox);

    reader_run(db, sql);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* -- Rows ----------------------------------------------------------------- */

/* The columns are the interface that haplo-inbox(5) documents. */
static void test_a_message_becomes_a_row(void **state)
{
    struct inbox *inbox = *state;
    struct sink_queue *queue = open_queue(inbox, "live", "student", 0);
    struct haplo_message *message;
    struct parcel parcel;

    parcel_init(&parcel, queue, 0);
    message = parcel_add(&parcel, slice("{\"id\":7}"));
    message->id = slice("7");
    message->datetime = slice("\"2019-02-15T10:32:01Z\"");
    memcpy(message->key, "0123456789abcdef", 16);
    message->ordinal = 0x01020304;
    parcel_store(inbox, &parcel, 1, 0);
    expect(inbox,
           "SELECT arrival, server, queue, epoch, hex(key), id, datetime,"
           " received_at, body FROM messages",
           "1|live|student|0|3031323334353637383961626364656601020304|7|"
           "2019-02-15T10:32:01Z|2019-02-15T10:32:01.250Z|{\"id\":7}");
    expect(inbox, "SELECT * FROM queues", "live|student|0");
    expect(inbox, "PRAGMA journal_mode", "wal");
    expect(inbox, "PRAGMA user_version", "1");
}

/* The mark's answer was lost: the server sends the batch again. */
static void test_a_repeat_in_its_epoch_is_not_stored(void **state)
{
    struct inbox *inbox = *state;
    struct sink_queue *queue = open_queue(inbox, "live", "student", 0);
    struct parcel parcel;

    parcel_make(&parcel, queue, 0, "one");
    (void)parcel_add(&parcel, slice("two"));
    parcel_store(inbox, &parcel, 2, 0);
    (void)parcel_add(&parcel, slice("three"));
    parcel_store(inbox, &parcel, 1, 2);
    inbox_reopen(inbox);
    parcel.delivery.queue = open_queue(inbox, "live", "student", 0);
    parcel_store(inbox, &parcel, 0, 3);
    expect(inbox, "SELECT body FROM messages ORDER BY arrival",
           "one;two;three");
}

/* An administrator has unmarked it: it must go through. */
static void test_a_resend_in_a_later_epoch_is_stored(void **state)
{
    struct inbox *inbox = *state;
    struct sink_queue *queue = open_queue(inbox, "live", "student", 0);
    struct parcel parcel;

    parcel_make(&parcel, queue, 0, "one");
    parcel_store(inbox, &parcel, 1, 0);
    confirm(queue, 1);
    settle(inbox);
    inbox_reopen(inbox);
    parcel_make(&parcel, open_queue(inbox, "live", "student", 1), 1, "one");
    parcel_store(inbox, &parcel, 1, 0);
    expect(inbox, "SELECT epoch, body FROM messages ORDER BY arrival",
           "0|one;1|one");
}

/* Equal messages of one batch are several messages. */
static void test_equal_messages_of_a_batch_are_all_stored(void **state)
{
    struct inbox *inbox = *state;
    struct sink_queue *queue = open_queue(inbox, "live", "student", 0);
    struct parcel parcel;

    parcel_make(&parcel, queue, 0, "same");
    (void)parcel_add(&parcel, slice("same"));
    (void)parcel_add(&parcel, slice("same"));
    parcel_store(inbox, &parcel, 3, 0);
    parcel_store(inbox, &parcel, 0, 3);
}

/* Two servers may have queues of one name, with the same messages. */
static void test_queues_do_not_share_identities(void **state)
{
    static const char *const names[] = {
        "it's",        "a\"b",    "50%_",   "; DROP",
        "caf\xc3\xa9", " space ", "a/b\\c", "\xf0\x9f\x93\xa8",
        "line\nfeed",
    };
    struct inbox *inbox = *state;
    struct parcel parcel;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        parcel_make(&parcel, open_queue(inbox, names[i], "q", 0), 3, "x");
        parcel_store(inbox, &parcel, 1, 0);
        parcel_make(&parcel, open_queue(inbox, "q", names[i], 0), 4, "x");
        parcel_store(inbox, &parcel, 1, 0);
    }
    inbox_reopen(inbox);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        parcel_make(&parcel, open_queue(inbox, names[i], "q", 3), 3, "x");
        parcel_store(inbox, &parcel, 0, 1);
        parcel_make(&parcel, open_queue(inbox, "q", names[i], 4), 4, "x");
        parcel_store(inbox, &parcel, 0, 1);
    }
}

/* A consumer that keeps the last arrival it saw must not miss a row: not
 * after repeats, and not after the newest rows were deleted. */
static void test_arrival_only_goes_up(void **state)
{
    struct inbox *inbox = *state;
    struct sink_queue *queue = open_queue(inbox, "live", "student", 0);
    struct parcel parcel;
    int64_t newest;

    parcel_make(&parcel, queue, 0, "one");
    parcel_store(inbox, &parcel, 1, 0);
    parcel_store(inbox, &parcel, 0, 1);
    parcel_make(&parcel, queue, 1, "two");
    parcel_store(inbox, &parcel, 1, 0);
    expect(inbox,
           "SELECT body FROM messages WHERE arrival >"
           " (SELECT arrival FROM messages WHERE body = 'one')",
           "two");
    newest = query_int64(inbox, "SELECT max(arrival) FROM messages");
    run(inbox, "DELETE FROM messages");
    inbox_reopen(inbox);
    queue = open_queue(inbox, "live", "student", 1);
    parcel_make(&parcel, queue, 2, "three");
    parcel_store(inbox, &parcel, 1, 0);
    assert_true(query_int64(inbox, "SELECT arrival FROM messages") > newest);
}

/* Deliveries are rows in the order in which they came, over all queues. */
static void test_arrival_is_the_order_of_delivery(void **state)
{
    struct inbox *inbox = *state;
    struct parcel parcels[6];
    char name[2] = "a";

    answer_place = 0;
    for (size_t i = 0; i < 6; i++) {
        name[0] = (char)('f' - i);
        parcel_init(&parcels[i], open_queue(inbox, "live", name, 0), 0);
        (void)parcel_add(&parcels[i], (struct haplo_slice){&"654321"[i], 1});
        parcel_send(&parcels[i]);
    }
    settle(inbox);
    for (size_t i = 0; i < 6; i++) {
        parcel_expect(&parcels[i], 1, 0);
        assert_int_equal(parcels[i].place, i + 1);
    }
    expect(inbox, "SELECT queue, body FROM messages ORDER BY arrival",
           "f|6;e|5;d|4;c|3;b|2;a|1");
}

/* -- Bytes ---------------------------------------------------------------- */

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
    struct inbox *inbox = *state;
    struct sink_queue *queue = open_queue(inbox, "live", "raw", 0);
    size_t count = sizeof(cases) / sizeof(cases[0]);
    sqlite3_stmt *statement = NULL;
    struct parcel parcel;
    sqlite3 *db;

    for (size_t i = 0; i < count; i++) {
        parcel_init(&parcel, queue, i);
        (void)parcel_add(&parcel, cases[i].body);
        parcel_store(inbox, &parcel, 1, 0);
    }
    db = reader_open(inbox);
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
    struct inbox *inbox = *state;
    struct sink_queue *queue = open_queue(inbox, "live", "student", 0);
    struct haplo_message *message;
    struct parcel parcel;
    char sql[160];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        parcel_init(&parcel, queue, i);
        message = parcel_add(&parcel, slice("{}"));
        message->id = slice(cases[i][0]);
        message->datetime = message->id;
        parcel_store(inbox, &parcel, 1, 0);
        (void)snprintf(sql, sizeof(sql),
                       "SELECT typeof(id), id FROM messages"
                       " WHERE epoch = %zu AND datetime IS id",
                       i);
        expect(inbox, sql, cases[i][1]);
    }
}

/* The scratch memory for escapes has an end: past it a string stays JSON. */
static void test_a_long_id_with_escapes_stays_json(void **state)
{
    struct inbox *inbox = *state;
    struct sink_queue *queue = open_queue(inbox, "live", "student", 0);
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
        parcel_store(inbox, &parcel, 1, 0);
        id[size - 1] = 'x';
    }
    expect(inbox, "SELECT epoch, length(id) FROM messages ORDER BY arrival",
           "1025|1022;1026|1023;1027|1027;1028|1028");
}

/* -- Group commit --------------------------------------------------------- */

/* An fsync() for each queue would be the limit of the whole program. */
static void test_what_comes_together_is_one_commit(void **state)
{
    enum { COUNT = 200 };
    struct inbox *inbox = *state;
    struct parcel *parcels = calloc(COUNT, sizeof(*parcels));
    char name[16];

    assert_non_null(parcels);
    for (size_t i = 0; i < COUNT; i++) {
        (void)snprintf(name, sizeof(name), "queue-%zu", i);
        parcel_make(&parcels[i], open_queue(inbox, "live", name, 0), 0, "x");
        parcel_send(&parcels[i]);
    }
    settle(inbox);
    for (size_t i = 0; i < COUNT; i++) {
        parcel_expect(&parcels[i], 1, 0);
    }
    assert_int_equal(atomic_load(&commit_count), 1);
    free(parcels);
}

/* What comes while a commit runs waits for its end, together. */
static void test_what_comes_meanwhile_is_the_next_commit(void **state)
{
    struct inbox *inbox = *state;
    struct parcel first;
    struct parcel later[5];
    char name[2] = "a";

    parcel_make(&first, open_queue(inbox, "live", "first", 0), 0, "x");
    parcel_send(&first);
    /* One turn gives the first to the worker, whose end the loop has not
     * seen: the idle handle that starts it keeps this turn from sleeping. */
    (void)uv_run(&inbox->loop, UV_RUN_NOWAIT);
    if (first.answer_count > 0) {
        return; /* the worker was faster, and nothing came meanwhile */
    }
    for (size_t i = 0; i < 5; i++) {
        name[0] = (char)('a' + i);
        parcel_make(&later[i], open_queue(inbox, "live", name, 0), 0, "x");
        parcel_send(&later[i]);
    }
    settle(inbox);
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
    struct inbox *inbox = *state;
    struct parcel parcels[COUNT];
    char *bytes = malloc(SIZE);
    char name[2] = "a";

    assert_non_null(bytes);
    memset(bytes, 'x', SIZE);
    for (size_t i = 0; i < COUNT; i++) {
        name[0] = (char)('a' + i);
        parcel_init(&parcels[i], open_queue(inbox, "live", name, 0), 0);
        parcel_add(&parcels[i], slice("x"))->body =
            (struct haplo_slice){bytes, SIZE};
        parcel_send(&parcels[i]);
    }
    settle(inbox);
    for (size_t i = 0; i < COUNT; i++) {
        parcel_expect(&parcels[i], 1, 0);
    }
    assert_int_equal(atomic_load(&commit_count), 3); /* of 2, 2 and 1 */
    free(bytes);
}

/* A delivery's owner has it back in its callback, and may use it again. */
static void test_a_callback_may_deliver(void **state)
{
    struct inbox *inbox = *state;
    struct sink_queue *queue = open_queue(inbox, "live", "student", 0);
    struct parcel first;
    struct parcel second;

    parcel_make(&first, queue, 0, "one");
    parcel_make(&second, queue, 1, "two");
    first.deliver_when_answered = &second;
    parcel_send(&first);
    settle(inbox);
    parcel_expect(&first, 1, 0);
    parcel_expect(&second, 1, 0);
}

/* -- Epochs --------------------------------------------------------------- */

/* Without a commit of its own, the epoch of a quiet queue would stay behind
 * until its next message. */
static void test_an_epoch_is_stored_without_a_delivery(void **state)
{
    struct inbox *inbox = *state;
    struct sink_queue *queue = open_queue(inbox, "live", "student", 0);

    confirm(queue, 5);
    settle(inbox);
    expect(inbox, "SELECT * FROM queues", "live|student|5");
    assert_int_equal(atomic_load(&commit_count), 1);
}

static void test_epochs_never_go_backwards(void **state)
{
    struct inbox *inbox = *state;
    struct sink_queue *queue = open_queue(inbox, "live", "student", 0);
    struct parcel parcel;

    confirm(queue, 5);
    confirm(queue, 4);
    settle(inbox);
    confirm(queue, 3);
    settle(inbox);
    parcel_make(&parcel, queue, 2, "late");
    parcel_store(inbox, &parcel, 1, 0);
    expect(inbox, "SELECT epoch FROM queues", "5");
    /* Another program's hand is no reason either. */
    run(inbox, "UPDATE queues SET epoch = 50");
    confirm(queue, 6);
    settle(inbox);
    expect(inbox, "SELECT epoch FROM queues", "50");
}

/* The mark of one batch and the delivery of the next may come in one turn. */
static void test_an_epoch_and_its_first_batch_in_one_commit(void **state)
{
    struct inbox *inbox = *state;
    struct sink_queue *queue = open_queue(inbox, "live", "student", 0);
    struct parcel parcel;

    parcel_make(&parcel, queue, 0, "same");
    parcel_store(inbox, &parcel, 1, 0);
    parcel_make(&parcel, queue, 1, "same");
    confirm(queue, 1);
    parcel_store(inbox, &parcel, 1, 0);
    assert_int_equal(atomic_load(&commit_count), 2);
    expect(inbox, "SELECT epoch FROM queues", "1");
}

/* A reload closes and opens queues while their epochs wait for the disk. */
static void test_a_reopened_queue_knows_the_unstored_epoch(void **state)
{
    struct inbox *inbox = *state;
    struct sink_queue *queue = open_queue(inbox, "live", "student", 0);

    confirm(queue, 7);
    queue->sink->type->queue_close(queue);
    queue = open_queue(inbox, "live", "student", 7);
    settle(inbox);
    expect(inbox, "SELECT epoch FROM queues", "7");
}

/* An empty queue proves a lost mark only where there was one to be lost: the
 * poller must know whether messages of the present epoch are stored. */
static void test_a_queue_knows_if_its_epoch_has_messages(void **state)
{
    struct inbox *inbox = *state;
    struct sink_queue *queue = open_queue(inbox, "live", "student", 0);
    struct parcel parcel;

    assert_false(queue->ledger.is_unconfirmed);
    parcel_make(&parcel, queue, 0, "one");
    parcel_store(inbox, &parcel, 1, 0);
    assert_true(queue->ledger.is_unconfirmed);
    inbox_reopen(inbox);
    queue = open_queue(inbox, "live", "student", 0);
    assert_true(queue->ledger.is_unconfirmed);
    confirm(queue, 1);
    assert_false(queue->ledger.is_unconfirmed);
    settle(inbox);
    inbox_reopen(inbox);
    assert_false(
        open_queue(inbox, "live", "student", 1)->ledger.is_unconfirmed);
}

static void test_a_failed_epoch_goes_with_the_next_group(void **state)
{
    struct inbox *inbox = *state;
    struct sink_queue *queue = open_queue(inbox, "live", "student", 0);
    struct sink_queue *other = open_queue(inbox, "live", "other", 0);
    struct parcel parcel;
    long refused;

    atomic_store(&disk_is_full, true);
    confirm(queue, 1);
    while (uv_backend_timeout(&inbox->loop) <= 0) {
        (void)uv_run(&inbox->loop, UV_RUN_ONCE);
    }
    /* It is not tried again and again meanwhile. */
    refused = atomic_load(&refused_write_count);
    for (int i = 0; i < 1000; i++) {
        (void)uv_run(&inbox->loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(atomic_load(&refused_write_count), refused);
    expect(inbox, "SELECT count(*) FROM queues", "0");
    atomic_store(&disk_is_full, false);
    parcel_make(&parcel, other, 0, "x");
    parcel_store(inbox, &parcel, 1, 0);
    expect(inbox, "SELECT epoch FROM queues WHERE queue = 'student'", "1");
}

/* A quiet queue's epoch is stored when the outage ends, by a timer. */
static void test_a_failed_epoch_is_tried_again_by_itself(void **state)
{
    struct inbox *inbox = *state;
    sqlite3 *other = reader_open(inbox);

    reader_run(other, "BEGIN IMMEDIATE");
    confirm(open_queue(inbox, "live", "student", 0), 1);
    while (uv_backend_timeout(&inbox->loop) <= 0) {
        (void)uv_run(&inbox->loop, UV_RUN_ONCE);
    }
    reader_run(other, "ROLLBACK");
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    settle(inbox);
    expect(inbox, "SELECT epoch FROM queues", "1");
}

/* Not even an outage at the end keeps the sink from closing. */
static void test_close_gives_up_an_epoch_after_a_last_try(void **state)
{
    struct inbox *inbox = *state;
    struct sink_queue *queue = open_queue(inbox, "live", "student", 0);

    confirm(queue, 1);
    settle(inbox);
    atomic_store(&disk_is_full, true);
    confirm(queue, 2);
    inbox_close(inbox);
    atomic_store(&disk_is_full, false);
    inbox_open(inbox);
    (void)open_queue(inbox, "live", "student", 1);
}

static void test_queues_are_opened_once(void **state)
{
    struct inbox *inbox = *state;
    struct sink_queue *queue = open_queue(inbox, "live", "student", 0);
    struct sink_queue *again = queue;

    assert_int_equal(
        inbox->sink->type->queue_open(inbox->sink, "live", "student", &again,
                                      inbox->why, sizeof(inbox->why)),
        HAPLO_EEXIST);
    assert_null(again);
    assert_string_equal(inbox->why, "live/student: open already");
    queue->sink->type->queue_close(queue);
    (void)open_queue(inbox, "live", "student", 0);
}

/* -- Closing -------------------------------------------------------------- */

/* What was given is stored and answered, whenever the end comes. */
static void test_close_finishes_what_it_was_given(void **state)
{
    struct inbox *inbox = *state;
    struct parcel parcels[3];
    char name[2] = "a";

    for (size_t i = 0; i < 3; i++) {
        name[0] = (char)('a' + i);
        parcel_make(&parcels[i], open_queue(inbox, "live", name, 0), 0, "x");
        parcel_send(&parcels[i]);
        (void)uv_run(&inbox->loop, UV_RUN_NOWAIT);
    }
    confirm(parcels[2].delivery.queue, 1);
    inbox_close(inbox);
    for (size_t i = 0; i < 3; i++) {
        parcel_expect(&parcels[i], 1, 0);
    }
    expect(inbox, "SELECT epoch FROM queues ORDER BY queue", "0;0;1");
}

static void test_a_callback_may_close(void **state)
{
    struct inbox *inbox = *state;
    struct parcel first;
    struct parcel second;

    inbox->closed = false;
    parcel_make(&first, open_queue(inbox, "live", "a", 0), 0, "x");
    parcel_make(&second, open_queue(inbox, "live", "b", 0), 0, "x");
    first.close_when_answered = inbox->sink;
    first.inbox = inbox;
    parcel_send(&first);
    parcel_send(&second);
    settle(inbox);
    parcel_expect(&second, 1, 0);
    assert_true(inbox->closed);
    assert_int_equal(access(inbox->path, F_OK), 0);
}

/* Nothing but the inbox itself is left beside it, so that it can be copied. */
static void test_close_leaves_one_file(void **state)
{
    struct inbox *inbox = *state;
    struct parcel parcel;
    char beside[128];

    parcel_make(&parcel, open_queue(inbox, "live", "a", 0), 0, "x");
    parcel_store(inbox, &parcel, 1, 0);
    (void)snprintf(beside, sizeof(beside), "%s-wal", inbox->path);
    assert_int_equal(access(beside, F_OK), 0);
    inbox_close(inbox);
    assert_int_not_equal(access(beside, F_OK), 0);
}

/* -- Crashes -------------------------------------------------------------- */

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

/* Delivers for ever on some queues, and writes down what was accepted. */
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
    struct inbox *inbox = *state;
    uint32_t accepted[4] = {0};
    size_t accepted_count = 0;
    uint32_t number;
    char sql[160];
    char expected[32];
    int output;
    int status;
    pid_t pid = child_start(inbox->path, &output);

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
        expect(inbox, sql, expected);
    }
    expect(inbox,
           "SELECT count(*) FROM messages GROUP BY queue, body"
           " HAVING count(*) > 1",
           "");
    expect(inbox, "PRAGMA integrity_check", "ok");
    inbox_open(inbox);
}

/* -- Outages -------------------------------------------------------------- */

static void test_a_full_disk_is_told_and_mends(void **state)
{
    struct inbox *inbox = *state;
    struct sink_queue *queue = open_queue(inbox, "live", "a", 0);
    struct parcel parcel;

    parcel_make(&parcel, queue, 0, "x");
    atomic_store(&disk_is_full, true);
    parcel_refused(inbox, &parcel, "disk");
    parcel_refused(inbox, &parcel, "disk");
    expect(inbox, "SELECT count(*) FROM messages", "0");
    atomic_store(&disk_is_full, false);
    parcel_store(inbox, &parcel, 1, 0);
}

/* Where a large batch finds no room, small ones still may. */
static void test_a_batch_without_room_does_not_harm_others(void **state)
{
    enum { SIZE = 1024 * 1024 };
    struct inbox *inbox = *state;
    struct sink_queue *large_queue = open_queue(inbox, "live", "large", 0);
    struct sink_queue *small_queue = open_queue(inbox, "live", "small", 0);
    char *bytes = malloc(SIZE);
    struct parcel large;
    struct parcel small[2];

    assert_non_null(bytes);
    memset(bytes, 'x', SIZE);
    reader_run(sink_db, "PRAGMA max_page_count = 20");
    parcel_make(&small[0], small_queue, 0, "one");
    parcel_init(&large, large_queue, 0);
    parcel_add(&large, slice("x"))->body = (struct haplo_slice){bytes, SIZE};
    parcel_make(&small[1], open_queue(inbox, "live", "b", 0), 0, "two");
    confirm(open_queue(inbox, "live", "quiet", 0), 9);
    parcel_send(&small[0]);
    parcel_send(&large);
    parcel_send(&small[1]);
    settle(inbox);
    parcel_expect(&small[0], 1, 0);
    parcel_expect(&small[1], 1, 0);
    assert_int_equal(large.verdict, SINK_RETRY);
    assert_non_null(strstr(large.text, "the disk is full"));
    expect(inbox, "SELECT queue, epoch FROM queues", "b|0;quiet|9;small|0");
    reader_run(sink_db, "PRAGMA max_page_count = 1000");
    parcel_store(inbox, &large, 1, 0);
    free(bytes);
}

/* A message that SQLite cannot hold is the sink's one reject. */
static void test_a_message_too_large_is_rejected_alone(void **state)
{
    enum { SIZE = 200000 };
    struct inbox *inbox = *state;
    char *bytes = malloc(SIZE);
    struct parcel large;
    struct parcel small;

    assert_non_null(bytes);
    memset(bytes, 'x', SIZE);
    (void)sqlite3_limit(sink_db, SQLITE_LIMIT_LENGTH, SIZE - 1);
    parcel_init(&large, open_queue(inbox, "live", "large", 0), 0);
    (void)parcel_add(&large, slice("fits"));
    parcel_add(&large, slice("x"))->body = (struct haplo_slice){bytes, SIZE};
    parcel_make(&small, open_queue(inbox, "live", "small", 0), 0, "x");
    parcel_send(&large);
    parcel_send(&small);
    settle(inbox);
    parcel_expect(&small, 1, 0);
    assert_int_equal(large.verdict, SINK_REJECT);
    assert_non_null(strstr(large.text, "larger than SQLite can hold"));
    expect(inbox, "SELECT body FROM messages", "x");
    free(bytes);
}

/* An index that somebody added must not drop messages unseen, as OR IGNORE
 * would let it. */
static void test_a_foreign_constraint_is_no_repeat(void **state)
{
    struct inbox *inbox = *state;
    struct sink_queue *queue = open_queue(inbox, "live", "a", 0);
    struct parcel parcel;
    struct parcel other;

    run(inbox, "CREATE UNIQUE INDEX mine ON messages (body)");
    parcel_make(&parcel, queue, 0, "x");
    parcel_store(inbox, &parcel, 1, 0);
    parcel_make(&parcel, queue, 1, "x");
    parcel_make(&other, open_queue(inbox, "live", "b", 0), 0, "y");
    parcel_send(&parcel);
    parcel_send(&other);
    settle(inbox);
    parcel_expect(&other, 1, 0);
    assert_int_equal(parcel.verdict, SINK_RETRY);
    assert_non_null(strstr(parcel.text, "UNIQUE constraint"));
    run(inbox, "DROP INDEX mine");
    parcel_store(inbox, &parcel, 1, 0);
}

static void test_a_lock_of_another_program_is_told(void **state)
{
    struct inbox *inbox = *state;
    struct parcel parcel;
    sqlite3 *other = reader_open(inbox);

    parcel_make(&parcel, open_queue(inbox, "live", "a", 0), 0, "x");
    reader_run(other, "BEGIN IMMEDIATE");
    parcel_refused(inbox, &parcel, "another program holds a lock");
    reader_run(other, "ROLLBACK");
    parcel_store(inbox, &parcel, 1, 0);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
}

/* Consumers read while the sink writes, and see what was there before. */
static void test_a_reader_does_not_hold_up_the_sink(void **state)
{
    struct inbox *inbox = *state;
    struct sink_queue *queue = open_queue(inbox, "live", "a", 0);
    struct parcel parcel;
    sqlite3 *reader = reader_open(inbox);

    parcel_make(&parcel, queue, 0, "one");
    parcel_store(inbox, &parcel, 1, 0);
    reader_run(reader, "BEGIN");
    expect_rows(reader, "SELECT count(*) FROM messages", "1");
    parcel_make(&parcel, queue, 1, "two");
    parcel_store(inbox, &parcel, 1, 0);
    expect_rows(reader, "SELECT count(*) FROM messages", "1");
    reader_run(reader, "COMMIT");
    expect_rows(reader, "SELECT count(*) FROM messages", "2");
    assert_int_equal(sqlite3_close(reader), SQLITE_OK);
}

/* A consumer deletes what it has read while messages arrive. */
static void test_two_writers_share_an_inbox(void **state)
{
    struct inbox *inbox = *state;
    struct sink_queue *queue = open_queue(inbox, "live", "a", 0);
    sqlite3 *other = reader_open(inbox);
    struct parcel parcel;

    for (uint64_t epoch = 0; epoch < 20; epoch++) {
        parcel_make(&parcel, queue, epoch, "x");
        parcel_store(inbox, &parcel, 1, 0);
        reader_run(other, "DELETE FROM messages");
    }
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
}

/* The statement of haplo-inbox(5) leaves what a repeat is known by. */
static void test_deleting_confirmed_rows_is_safe(void **state)
{
    struct inbox *inbox = *state;
    struct sink_queue *queue = open_queue(inbox, "live", "a", 0);
    struct parcel parcel;

    parcel_make(&parcel, queue, 0, "confirmed");
    parcel_store(inbox, &parcel, 1, 0);
    confirm(queue, 1);
    parcel_make(&parcel, queue, 1, "not yet");
    parcel_store(inbox, &parcel, 1, 0);
    run(inbox, "DELETE FROM messages"
               " WHERE arrival <= 1000"
               "   AND epoch < (SELECT q.epoch FROM queues AS q"
               "                 WHERE q.server = messages.server"
               "                   AND q.queue = messages.queue)");
    expect(inbox, "SELECT body FROM messages", "not yet");
    parcel_store(inbox, &parcel, 0, 1);
}

/* A commit into a file without a name would be lost with the process. */
static void test_nothing_is_accepted_into_a_removed_file(void **state)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    struct inbox *inbox = *state;
    struct sink_queue *queue = open_queue(inbox, "live", "a", 0);
    struct parcel parcel;
    char from[128];
    char to[128];

    for (uint64_t i = 0; i < 3; i++) {
        (void)snprintf(from, sizeof(from), "%s%s", inbox->path, endings[i]);
        (void)snprintf(to, sizeof(to), "%s/aside", inbox->folder);
        assert_int_equal(rename(from, to), 0);
        parcel_make(&parcel, queue, i, "x");
        parcel_refused(inbox, &parcel, "was removed or replaced");
        assert_non_null(strstr(parcel.text, from));
        assert_int_not_equal(access(from, F_OK), 0);
        assert_int_equal(rename(to, from), 0);
        parcel_store(inbox, &parcel, 1, 0);
    }
    expect(inbox, "PRAGMA integrity_check", "ok");
}

static void test_nothing_is_accepted_beside_a_replaced_file(void **state)
{
    struct inbox *inbox = *state;
    struct parcel parcel;
    FILE *file;

    parcel_make(&parcel, open_queue(inbox, "live", "a", 0), 0, "x");
    assert_int_equal(unlink(inbox->path), 0);
    file = fopen(inbox->path, "wx");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    parcel_refused(inbox, &parcel, "was removed or replaced");
}

/* Also when that happens between the transaction's begin and its end. */
static void test_nothing_is_accepted_if_the_file_goes_in_between(void **state)
{
    struct inbox *inbox = *state;
    struct parcel parcel;

    parcel_make(&parcel, open_queue(inbox, "live", "a", 0), 0, "x");
    removed_at_commit = inbox->path;
    parcel_refused(inbox, &parcel, "was removed or replaced");
    removed_at_commit = NULL;
}

/* What was accepted before somebody removed the WAL is saved. */
static void test_a_removed_wal_loses_nothing(void **state)
{
    struct inbox *inbox = *state;
    struct sink_queue *queue = open_queue(inbox, "live", "a", 0);
    struct parcel parcel;
    char path[128];
    char command[256];
    sqlite3 *copy = NULL;

    parcel_make(&parcel, queue, 0, "x");
    parcel_store(inbox, &parcel, 1, 0);
    (void)snprintf(path, sizeof(path), "%s-wal", inbox->path);
    assert_int_equal(unlink(path), 0);
    parcel_make(&parcel, queue, 1, "y");
    parcel_refused(inbox, &parcel, "-wal");
    /* Already in the inbox alone, should the process die now. */
    (void)snprintf(command, sizeof(command), "cp '%s' '%s/copy'", inbox->path,
                   inbox->folder);
    assert_int_equal(system(command), 0);
    (void)snprintf(path, sizeof(path), "%s/copy", inbox->folder);
    assert_int_equal(sqlite3_open(path, &copy), SQLITE_OK);
    expect_rows(copy, "SELECT body FROM messages", "x");
    assert_int_equal(sqlite3_close(copy), SQLITE_OK);
    inbox_reopen(inbox);
    expect(inbox, "SELECT body FROM messages", "x");
    parcel.delivery.queue = open_queue(inbox, "live", "a", 0);
    parcel_store(inbox, &parcel, 1, 0);
}

/* Whichever allocation of SQLite fails: a retry is asked for, and the next
 * delivery stores all of it once. */
static void test_every_allocation_may_fail(void **state)
{
    struct inbox *inbox = *state;
    uint64_t epoch = 0;
    struct parcel parcel;
    bool failed = true;

    for (long n = 1; failed; n++) {
        char path[96];

        (void)snprintf(path, sizeof(path), "%s", inbox->path);
        (void)snprintf(inbox->path, sizeof(inbox->path), "%s/%ld.db",
                       inbox->folder, n);
        atomic_store(&allocations_left, n);
        failed = inbox_try_open(inbox) != 0;
        if (!failed) {
            parcel_make(&parcel, open_queue(inbox, "live", "a", 0), epoch, "x");
            (void)parcel_add(&parcel, slice("y"));
            parcel_send(&parcel);
            parcel_wait(inbox, &parcel);
            failed = parcel.verdict != SINK_ACCEPT;
            assert_int_equal(failed && parcel.verdict != SINK_RETRY, 0);
            if (failed) {
                assert_non_null(strstr(parcel.text, "out of memory"));
                parcel_store(inbox, &parcel, 2, 0);
            }
            failed = failed || atomic_load(&allocations_left) <= 0;
            inbox_close(inbox);
        } else {
            assert_non_null(strstr(inbox->why, inbox->path));
        }
        atomic_store(&allocations_left, -1);
        (void)snprintf(inbox->path, sizeof(inbox->path), "%s", path);
    }
}

/* -- Random runs ---------------------------------------------------------- */

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

static void walkers_open(struct inbox *inbox, struct walker *walkers)
{
    char name[2] = "a";

    for (size_t i = 0; i < RANDOM_QUEUE_COUNT; i++) {
        name[0] = (char)('a' + i);
        walkers[i].queue = open_queue(inbox, "live", name, walkers[i].epoch);
    }
}

/* With outages, closings and another program's locks at any moment, each
 * message is there once in each epoch in which it was accepted. */
static void test_random_runs_store_each_message_once(void **state)
{
    struct inbox *inbox = *state;
    struct walker walkers[RANDOM_QUEUE_COUNT];
    const char *given = getenv("HAPLO_TEST_SEED");
    unsigned seed = given != NULL ? (unsigned)strtoul(given, NULL, 10)
                                  : (unsigned)uv_hrtime();
    size_t expected = 0;
    sqlite3 *other;

    print_message("HAPLO_TEST_SEED=%u\n", seed);
    memset(walkers, 0, sizeof(walkers));
    walkers_open(inbox, walkers);
    other = reader_open(inbox);
    for (int step = 0; step < RANDOM_STEP_COUNT; step++) {
        walker_step(&walkers[rand_r(&seed) % RANDOM_QUEUE_COUNT], &seed);
        (void)uv_run(&inbox->loop, UV_RUN_NOWAIT);
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
            inbox_reopen(inbox);
            walkers_open(inbox, walkers);
            break;
        default:
            break;
        }
    }
    atomic_store(&disk_is_full, false);
    atomic_store(&allocations_left, -1);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    settle(inbox);
    for (size_t i = 0; i < RANDOM_QUEUE_COUNT; i++) {
        if (walkers[i].is_out) {
            walker_check(&walkers[i]);
        }
        expected += walkers[i].expected;
    }
    assert_int_equal(query_int64(inbox, "SELECT count(*) FROM messages"),
                     expected);
    expect(inbox, "PRAGMA integrity_check", "ok");
}

/* -- Opening -------------------------------------------------------------- */

static void expect_refused(struct inbox *inbox, int error, const char *text)
{
    assert_int_equal(inbox_try_open(inbox), error);
    assert_null(inbox->sink);
    assert_null(strchr(inbox->why, '\n'));
    assert_non_null(strstr(inbox->why, inbox->path));
    if (strstr(inbox->why, text) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", text, inbox->why);
    }
}

static void file_write(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* Messages are private; the umask only takes away. */
static void test_a_new_inbox_is_for_its_owner_only(void **state)
{
    struct inbox *inbox = *state;
    mode_t before = umask(0);
    char path[128];
    struct stat status;

    inbox_open(inbox);
    (void)umask(before);
    assert_int_equal(stat(inbox->path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    (void)snprintf(path, sizeof(path), "%s-wal", inbox->path);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
}

/* A process that died between making the file and filling it. */
static void test_an_empty_file_becomes_an_inbox(void **state)
{
    struct inbox *inbox = *state;

    file_write(inbox->path, "");
    inbox_open(inbox);
    expect(inbox, "SELECT count(*) FROM messages", "0");
}

/* SQLite would take some names for a URI or for memory. */
static void test_a_path_is_only_a_path(void **state)
{
    static const char *const names[] = {":memory:", "file:x?mode=memory"};
    struct inbox *inbox = *state;
    char before[PATH_MAX];

    assert_non_null(getcwd(before, sizeof(before)));
    assert_int_equal(chdir(inbox->folder), 0);
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(inbox->path, sizeof(inbox->path), "%s", names[i]);
        inbox_open(inbox);
        inbox_close(inbox);
        assert_int_equal(access(names[i], F_OK), 0);
    }
    assert_int_equal(chdir(before), 0);
}

static void test_paths_that_cannot_be_an_inbox(void **state)
{
    struct inbox *inbox = *state;
    char path[96];

    (void)snprintf(path, sizeof(path), "%s", inbox->path);
    (void)snprintf(inbox->path, sizeof(inbox->path), "%s", inbox->folder);
    expect_refused(inbox, HAPLO_EINVAL, "is a folder");
    (void)snprintf(inbox->path, sizeof(inbox->path), "%s/no/inbox.db",
                   inbox->folder);
    expect_refused(inbox, HAPLO_EINVAL, "no such file or directory");
    (void)snprintf(inbox->path, sizeof(inbox->path), "%s", path);
    assert_int_equal(symlink("nowhere", inbox->path), 0);
    expect_refused(inbox, HAPLO_EINVAL, "no such file or directory");
    assert_int_equal(unlink(inbox->path), 0);
    assert_int_equal(mkfifo(inbox->path, 0600), 0);
    expect_refused(inbox, HAPLO_EINVAL, "not a file");
}

static void test_files_that_are_no_inbox(void **state)
{
    struct inbox *inbox = *state;

    file_write(inbox->path, "this is a letter, and a rather long one, "
                            "so that it cannot be taken for a header.\n");
    expect_refused(inbox, HAPLO_EINVAL, "not an SQLite database");
    assert_int_equal(unlink(inbox->path), 0);
    run(inbox, "CREATE TABLE mine (x)");
    expect_refused(inbox, HAPLO_EINVAL, "not an inbox");
    expect(inbox, "PRAGMA journal_mode", "delete"); /* and is untouched */
    run(inbox, "DROP TABLE mine; PRAGMA user_version = 1");
    expect_refused(inbox, HAPLO_EINVAL, "not an inbox");
    run(inbox, "PRAGMA user_version = 0; PRAGMA application_id = 1");
    expect_refused(inbox, HAPLO_EINVAL, "not an inbox");
}

static void test_a_newer_inbox_is_refused(void **state)
{
    struct inbox *inbox = *state;

    inbox_open(inbox);
    inbox_close(inbox);
    run(inbox, "PRAGMA user_version = 9");
    expect_refused(inbox, HAPLO_EINVAL,
                   "an inbox of version 9, made by a newer haplo-poll");
}

static void test_a_locked_file_is_told_at_opening(void **state)
{
    struct inbox *inbox = *state;
    sqlite3 *other = reader_open(inbox);

    reader_run(other, "BEGIN EXCLUSIVE");
    expect_refused(inbox, HAPLO_EBUSY, "another program holds a lock");
    reader_run(other, "COMMIT");
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    inbox_open(inbox);
}

/* Root may write everywhere, so another user tries. */
static void test_files_without_permission(void **state)
{
    struct inbox *inbox = *state;
    bool is_root = geteuid() == 0;

    inbox_open(inbox);
    inbox_close(inbox);
    assert_int_equal(chmod(inbox->path, 0444), 0);
    assert_int_equal(chmod(inbox->folder, 0755), 0);
    if (is_root) {
        assert_int_equal(seteuid(65534), 0);
    }
    expect_refused(inbox, HAPLO_EINVAL, "cannot be written");
    (void)snprintf(inbox->path + strlen(inbox->path), 3, "2");
    if (is_root) {
        expect_refused(inbox, HAPLO_EINVAL, "permission denied");
        assert_int_equal(seteuid(0), 0);
    }
}

/* -- Migrations ----------------------------------------------------------- */

static int migrate(struct inbox *inbox, const char *const *steps, int count)
{
    struct inbox_schema schema = {steps, count};
    sqlite3 *db = reader_open(inbox);
    int result = inbox_schema_migrate(db, &schema, inbox->path, inbox->why,
                                      sizeof(inbox->why));

    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return result;
}

/* Version 2 will come: the way to it, with rows in the table. */
static void test_migrations_run_once_and_whole(void **state)
{
    struct inbox *inbox = *state;
    const char *steps[] = {
        inbox_schema.steps[0],
        "ALTER TABLE messages ADD COLUMN read_at TEXT;",
        "UPDATE messages SET read_at = 'x'; SELECT nonsense;",
    };
    struct parcel parcel;

    inbox_open(inbox);
    parcel_make(&parcel, open_queue(inbox, "live", "a", 0), 0, "x");
    parcel_store(inbox, &parcel, 1, 0);
    inbox_close(inbox);
    assert_int_equal(migrate(inbox, steps, 2), 0);
    assert_int_equal(migrate(inbox, steps, 2), 0);
    expect(inbox, "PRAGMA user_version", "2");
    assert_int_equal(migrate(inbox, steps, 3), HAPLO_EINVAL);
    assert_non_null(strstr(inbox->why, "nonsense"));
    expect(inbox, "PRAGMA user_version", "2");
    expect(inbox, "SELECT body, read_at FROM messages", "x|NULL");
    expect_refused(inbox, HAPLO_EINVAL, "newer haplo-poll");
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
    faults_install();
    return cmocka_run_group_tests_name("sqlite_sink", tests, NULL, NULL);
}
