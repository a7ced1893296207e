/*
 * sink_scene.h - a stage for sinks whose record is an SQLite file: a loop, a
 * folder, batches to deliver, and another program that looks at the record.
 *
 * Faults are made from inside SQLite's own layer: its system calls are
 * replaced (a full disk), its allocator (the Nth call fails), its sleep (so
 * that waiting for a lock takes no time).
 */
#ifndef TEST_SINK_SCENE_H
#define TEST_SINK_SCENE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "core/batch.h"
#include "sinks/sink.h"

#define MESSAGE_COUNT_MAX 8
#define RECEIVED_AT_MS UINT64_C(1550226721250) /* 2019-02-15T10:32:01.250Z */

/* Faults */

static atomic_bool disk_is_full;
static atomic_long refused_write_count;
static atomic_long commit_count;
static atomic_long full_at_commit;        /* the disk, from then on; or 0 */
static const char *removed_at_commit;     /* a path, or NULL */
static const char *aside_at_commit;       /* where it goes; NULL: nowhere */
static atomic_long allocations_left = -1; /* until one fails; -1: never */
static bool capturing;                    /* the next connection is a sink's */
static sqlite3 *sink_db;                  /* the sink's; only while it idles */
static sqlite3_mem_methods real_memory;

static inline bool write_fails(void)
{
    if (!atomic_load(&disk_is_full)) {
        return false;
    }
    atomic_fetch_add(&refused_write_count, 1);
    errno = ENOSPC;
    return true;
}

static inline ssize_t full_write(int descriptor, const void *data, size_t size)
{
    if (write_fails()) {
        return -1;
    }
    return write(descriptor, data, size);
}

static inline ssize_t full_pwrite(int descriptor, const void *data, size_t size,
                                  off_t offset)
{
    if (write_fails()) {
        return -1;
    }
    return pwrite(descriptor, data, size, offset);
}

static inline int no_sleep(sqlite3_vfs *vfs, int microseconds)
{
    (void)vfs;
    return microseconds;
}

static inline bool allocation_fails(void)
{
    return atomic_load(&allocations_left) > 0 &&
           atomic_fetch_sub(&allocations_left, 1) == 1;
}

static inline void *failing_malloc(int size)
{
    return allocation_fails() ? NULL : real_memory.xMalloc(size);
}

static inline void *failing_realloc(void *block, int size)
{
    return allocation_fails() ? NULL : real_memory.xRealloc(block, size);
}

static inline int count_commit(void *data)
{
    (void)data;
    if (removed_at_commit != NULL && aside_at_commit != NULL) {
        (void)rename(removed_at_commit, aside_at_commit);
    } else if (removed_at_commit != NULL) {
        (void)unlink(removed_at_commit);
    }
    if (atomic_fetch_add(&commit_count, 1) + 1 ==
        atomic_load(&full_at_commit)) {
        atomic_store(&disk_is_full, true);
    }
    return 0;
}

static inline int on_connection(sqlite3 *db, const char **error,
                                const void *api)
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

static inline void faults_install(void)
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

/* A sink with its record, in a folder of its own */

struct scene {
    uv_loop_t loop;                /* */
    char folder[64];               /* */
    char path[96];                 /* */
    struct sink *sink;             /* NULL: closed */
    bool closed;                   /* close_cb has fired */
    char why[HAPLO_TEXT_SIZE_MAX]; /* */
};

/* Each test program's own way to open its sink, at the scene's path. */
static int (*scene_opener)(struct scene *scene);

static inline int scene_try_open(struct scene *scene)
{
    int result;

    capturing = true;
    result = scene_opener(scene);
    capturing = false;
    return result;
}

static inline void scene_open(struct scene *scene)
{
    if (scene_try_open(scene) != 0) {
        fail_msg("%s", scene->why);
    }
}

static inline void scene_closed(void *data)
{
    struct scene *scene = data;

    assert_false(scene->closed);
    scene->closed = true;
    scene->sink = NULL;
}

static inline void scene_close(struct scene *scene)
{
    scene->closed = false;
    scene->sink->type->close(scene->sink, scene_closed, scene);
    assert_false(scene->closed);
    assert_int_equal(uv_run(&scene->loop, UV_RUN_DEFAULT), 0);
    assert_true(scene->closed);
    sink_db = NULL;
}

static inline void scene_reopen(struct scene *scene)
{
    scene_close(scene);
    scene_open(scene);
}

static inline int setup(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));

    assert_non_null(scene);
    /* In memory where there is such a place: no test needs a real disk. */
    (void)snprintf(scene->folder, sizeof(scene->folder), "%s/haplo-sink-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(scene->folder));
    (void)snprintf(scene->path, sizeof(scene->path), "%s/record.db",
                   scene->folder);
    assert_int_equal(uv_loop_init(&scene->loop), 0);
    atomic_store(&disk_is_full, false);
    atomic_store(&full_at_commit, 0);
    atomic_store(&allocations_left, -1);
    *state = scene;
    return 0;
}

static inline int setup_open(void **state)
{
    int result = setup(state);

    scene_open(*state);
    atomic_store(&commit_count, 0);
    return result;
}

static inline int teardown(void **state)
{
    struct scene *scene = *state;
    char command[128];

    atomic_store(&disk_is_full, false);
    atomic_store(&allocations_left, -1);
    if (scene->sink != NULL) {
        scene_close(scene);
    }
    assert_int_equal(uv_loop_close(&scene->loop), 0);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", scene->folder);
    assert_int_equal(system(command), 0);
    free(scene);
    return 0;
}

static inline struct sink_queue *open_some_queue(struct scene *scene,
                                                 const char *server,
                                                 const char *name)
{
    struct sink_queue *queue = NULL;

    assert_int_equal(scene->sink->type->queue_open(scene->sink, server, name,
                                                   &queue, scene->why,
                                                   sizeof(scene->why)),
                     0);
    assert_string_equal(queue->server, server);
    assert_string_equal(queue->queue, name);
    return queue;
}

static inline struct sink_queue *open_queue(struct scene *scene,
                                            const char *server,
                                            const char *name,
                                            uint64_t epoch_expected)
{
    struct sink_queue *queue = open_some_queue(scene, server, name);

    assert_int_equal(queue->ledger.epoch, epoch_expected);
    return queue;
}

static inline void confirm(struct sink_queue *queue, uint64_t epoch)
{
    queue->sink->type->confirmed(queue->sink, queue, epoch);
}

/* Runs the loop until it has nothing to do. */
static inline void settle(struct scene *scene)
{
    assert_int_equal(uv_run(&scene->loop, UV_RUN_DEFAULT), 0);
}

/* Parcels: a batch and its delivery */

struct parcel {
    struct sink_delivery delivery;                    /* first: see parcel_of */
    struct haplo_batch batch;                         /* */
    struct haplo_message messages[MESSAGE_COUNT_MAX]; /* */
    struct sink *close_when_answered;                 /* or NULL */
    struct parcel *deliver_when_answered;             /* or NULL */
    struct scene *scene;                              /* for the former */
    unsigned answer_count;                            /* */
    unsigned place;                 /* of the answer, from 1 */
    enum sink_verdict verdict;      /* */
    char text[HAPLO_TEXT_SIZE_MAX]; /* */
};

static unsigned answer_place; /* of the newest answer */

static inline void parcel_send(struct parcel *parcel)
{
    struct sink *sink = parcel->delivery.queue->sink;

    parcel->answer_count = 0;
    sink->type->deliver(sink, &parcel->delivery);
    assert_int_equal(parcel->answer_count, 0);
}

static inline void parcel_answered(struct sink_delivery *delivery,
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
                                                 scene_closed, parcel->scene);
    }
}

static inline struct haplo_slice slice(const char *text)
{
    return (struct haplo_slice){text, strlen(text)};
}

/* Not the library's hash: the sink takes the key as it is given. */
static inline void hash_bytes(struct haplo_slice bytes, uint8_t *key)
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

static inline struct haplo_message *parcel_add(struct parcel *parcel,
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

static inline void parcel_init(struct parcel *parcel, struct sink_queue *queue,
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
static inline void parcel_make(struct parcel *parcel, struct sink_queue *queue,
                               uint64_t epoch, const char *body)
{
    parcel_init(parcel, queue, epoch);
    (void)parcel_add(parcel, slice(body));
}

static inline void parcel_wait(struct scene *scene, struct parcel *parcel)
{
    while (parcel->answer_count == 0) {
        assert_true(uv_run(&scene->loop, UV_RUN_ONCE) != 0 ||
                    parcel->answer_count > 0);
    }
    assert_int_equal(parcel->answer_count, 1);
}

static inline void parcel_expect(struct parcel *parcel, size_t stored,
                                 size_t repeated)
{
    assert_string_equal(parcel->text, "");
    assert_int_equal(parcel->verdict, SINK_ACCEPT);
    assert_int_equal(parcel->delivery.stored_count, stored);
    assert_int_equal(parcel->delivery.repeat_count, repeated);
}

/* Sends it, and expects these counts. */
static inline void parcel_store(struct scene *scene, struct parcel *parcel,
                                size_t stored, size_t repeated)
{
    parcel_send(parcel);
    parcel_wait(scene, parcel);
    parcel_expect(parcel, stored, repeated);
}

/* Sends it, and expects it to be told to come again, with this in the text. */
static inline void parcel_refused(struct scene *scene, struct parcel *parcel,
                                  const char *text)
{
    parcel_send(parcel);
    parcel_wait(scene, parcel);
    assert_int_equal(parcel->verdict, SINK_RETRY);
    assert_non_null(strstr(parcel->text, scene->path));
    if (strstr(parcel->text, text) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", text, parcel->text);
    }
}

/* What another program sees */

static inline sqlite3 *reader_open(struct scene *scene)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(scene->path, &db), SQLITE_OK);
    return db;
}

static inline void reader_run(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    }
}

/* The rows as one text: "a|b;c|d". */
static inline void expect_rows(sqlite3 *db, const char *sql,
                               const char *expected)
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

static inline void expect(struct scene *scene, const char *sql,
                          const char *expected)
{
    sqlite3 *db = reader_open(scene);

    expect_rows(db, sql, expected);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static inline int64_t query_int64(struct scene *scene, const char *sql)
{
    sqlite3 *db = reader_open(scene);
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

static inline void run(struct scene *scene, const char *sql)
{
    sqlite3 *db = reader_open(scene);

    reader_run(db, sql);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static inline void expect_refused(struct scene *scene, int error,
                                  const char *text)
{
    assert_int_equal(scene_try_open(scene), error);
    assert_null(scene->sink);
    assert_null(strchr(scene->why, '\n'));
    assert_non_null(strstr(scene->why, scene->path));
    if (strstr(scene->why, text) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", text, scene->why);
    }
}

static inline void file_write(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

#endif
