#include "inbox_scene.h"

#include <stdio.h>

#include "core/identity.h"
#include "must.h"

unsigned parcel_places;

static uint64_t salt = 1000; /* never the same */

/* An inbox in a folder of its own */

static void on_opened(struct inbox *inbox, int error, const char *why,
                      void *data)
{
    struct scene *scene = data;

    assert_false(scene->is_opened);
    assert_true((error == 0) == (inbox != NULL));
    assert_null(strchr(why, '\n'));
    scene->is_opened = true;
    scene->inbox = inbox;
    scene->error = error;
    (void)snprintf(scene->why, sizeof(scene->why), "%s", why);
}

static void on_warning(struct inbox *inbox, const char *text, void *data)
{
    struct scene *scene = data;

    (void)inbox;
    scene->warning_count++;
    (void)snprintf(scene->warning, sizeof(scene->warning), "%s", text);
}

static void on_stored(struct inbox *inbox, const struct inbox_queue *queue,
                      uint64_t last_arrival, size_t count, void *data)
{
    struct scene *scene = data;

    (void)inbox;
    scene->wake_count++;
    if (queue != NULL) { /* else it is not known */
        assert_true(count > 0);
        assert_true(queue->id > 0);
        assert_true(last_arrival > scene->last_arrival);
        scene->last_arrival = last_arrival;
    }
}

int scene_try_open(struct scene *scene)
{
    const struct sqlite_inbox_options options = {
        .path = scene->path,
        .wal_bytes_max = scene->wal_bytes_max,
        .keep_ms = scene->keep_ms,
        .keeps_latest = scene->keeps_latest,
        .has_secure_delete = scene->has_secure_delete,
        .free_bytes_min = scene->free_bytes_min,
    };
    const struct inbox_options inbox_options = {
        .name = "inbox",
        .type = inbox_type_find("sqlite"),
        .type_options = &options,
        .used_by = "a test",
        .arrivals_path = scene->arrivals_path,
        .undelivered_bytes_max = scene->bytes_max,
        .warning_cb = on_warning,
        .warning_data = scene,
    };

    scene->is_opened = false;
    fault_is_capturing = true;
    assert_non_null(inbox_open(&scene->loop, &inbox_options, on_opened, scene));
    assert_false(scene->is_opened);
    while (!scene->is_opened) {
        (void)uv_run(&scene->loop, UV_RUN_ONCE);
    }
    fault_is_capturing = false;
    if (scene->inbox != NULL) {
        inbox_listen(scene->inbox, on_stored, scene);
        scene->last_arrival = 0;
    } else {
        scene_settle(scene);
    }
    return scene->error;
}

void inbox_scene_open(struct scene *scene)
{
    if (scene_try_open(scene) != 0) {
        fail_msg("%s", scene->why);
    }
}

static void on_closed(void *data)
{
    struct scene *scene = data;

    assert_false(scene->is_closed);
    scene->is_closed = true;
    scene->inbox = NULL;
}

void inbox_scene_close(struct scene *scene)
{
    scene->is_closed = false;
    inbox_close(scene->inbox, on_closed, scene);
    assert_false(scene->is_closed);
    scene_settle(scene);
    assert_true(scene->is_closed);
    fault_writer_db = NULL;
    for (struct feed *feed = scene->feeds; feed != NULL; feed = feed->next) {
        feed->queue = NULL;
    }
}

static void feed_open_queue(struct feed *feed)
{
    assert_int_equal(inbox_queue_open(feed->scene->inbox, feed->server,
                                      feed->name, &feed->queue),
                     0);
    assert_string_equal(feed->queue->server, feed->server);
    assert_string_equal(feed->queue->name, feed->name);
    feed_adopt(feed, feed->queue->state);
}

void scene_reopen(struct scene *scene)
{
    inbox_scene_close(scene);
    inbox_scene_open(scene);
    for (struct feed *feed = scene->feeds; feed != NULL; feed = feed->next) {
        feed_open_queue(feed);
    }
}

void scene_settle(struct scene *scene)
{
    assert_int_equal(uv_run(&scene->loop, UV_RUN_DEFAULT), 0);
}

void scene_expect_refused(struct scene *scene, int error, const char *text)
{
    assert_int_equal(scene_try_open(scene), error);
    assert_null(scene->inbox);
    assert_non_null(strstr(scene->why, scene->path));
    if (strstr(scene->why, text) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", text, scene->why);
    }
}

int scene_setup(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));

    MUST(scene != NULL);
    /* In memory where there is such a place: no test needs a real disk. */
    (void)snprintf(scene->folder, sizeof(scene->folder),
                   "%s/haplo-inbox-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    MUST(mkdtemp(scene->folder) != NULL);
    (void)snprintf(scene->path, sizeof(scene->path), "%s/inbox.db",
                   scene->folder);
    MUST(uv_loop_init(&scene->loop) == 0);
    faults_clear();
    *state = scene;
    return 0;
}

int scene_setup_open(void **state)
{
    int result = scene_setup(state);

    inbox_scene_open(*state);
    atomic_store(&fault_commit_count, 0);
    return result;
}

int scene_teardown(void **state)
{
    struct scene *scene = *state;
    struct feed *feed;
    char command[128];

    faults_clear();
    if (scene->inbox != NULL) {
        inbox_scene_close(scene);
    }
    assert_int_equal(uv_loop_close(&scene->loop), 0);
    while ((feed = scene->feeds) != NULL) {
        scene->feeds = feed->next;
        delivery_state_free(&feed->known);
        free(feed);
    }
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", scene->folder);
    assert_int_equal(system(command), 0);
    free(scene);
    return 0;
}

/* Feeds */

void feed_adopt(struct feed *feed, struct haplo_slice stored)
{
    assert_int_equal(delivery_state_adopt(&feed->known, stored), 0);
}

struct feed *feed_open(struct scene *scene, const char *server,
                       const char *name)
{
    struct feed *feed = calloc(1, sizeof(*feed));

    MUST(feed != NULL);
    feed->scene = scene;
    feed->next = scene->feeds;
    scene->feeds = feed;
    (void)snprintf(feed->server, sizeof(feed->server), "%s", server);
    (void)snprintf(feed->name, sizeof(feed->name), "%s", name);
    feed_open_queue(feed);
    return feed;
}

static void confirm_state(struct feed *feed, struct batch *batch,
                          size_t message_count, bool is_drained)
{
    uint8_t bytes[STATE_HEAD_SIZE];
    struct haplo_mark mark = {.message_count = message_count,
                              .unread_count = is_drained ? 0 : -1};

    mark.state =
        delivery_state_confirm(&feed->known, batch, is_drained, salt++, bytes);
    inbox_confirmed(feed->queue, &mark);
}

void feed_confirm_empty(struct feed *feed)
{
    confirm_state(feed, NULL, 0, true);
}

void feed_store(struct feed *feed, const char *text)
{
    struct parcel *parcel = parcel_new(feed, text, NULL);

    parcel_store(parcel, 1, 0);
    parcel_confirm(parcel, false);
    scene_settle(feed->scene);
}

/* Parcels */

static void on_delivered(struct inbox_delivery *delivery,
                         enum inbox_verdict verdict, const char *why)
{
    struct parcel *parcel = (struct parcel *)delivery;

    parcel->answer_count++;
    parcel->place = ++parcel_places;
    parcel->verdict = verdict;
    (void)snprintf(parcel->text, sizeof(parcel->text), "%s", why);
    assert_null(strchr(why, '\n'));
    assert_true((verdict == INBOX_STORED) == (why[0] == '\0'));
    assert_true(verdict == INBOX_STORED ||
                delivery->stored_count + delivery->repeat_count == 0);
    if (verdict == INBOX_STALE) {
        parcel->stored = malloc(delivery->stored.size + 1);
        MUST(parcel->stored != NULL);
        memcpy(parcel->stored, delivery->stored.data, delivery->stored.size);
        parcel->stored_size = delivery->stored.size;
    }
    if (parcel->deliver_when_answered != NULL) {
        parcel_send(parcel->deliver_when_answered);
    }
    if (parcel->close_when_answered != NULL) {
        inbox_close(parcel->close_when_answered, on_closed,
                    parcel->feed->scene);
    }
}

struct parcel *parcel_of(struct feed *feed, const struct haplo_slice *bodies,
                         size_t count)
{
    struct parcel *parcel = calloc(1, sizeof(*parcel));
    size_t dropped_count;

    MUST(parcel != NULL);
    parcel->feed = feed;
    parcel->batch = batch_new();
    MUST(parcel->batch != NULL);
    for (size_t i = 0; i < count; i++) {
        struct haplo_message *message = batch_add_message(parcel->batch);

        MUST(message != NULL);
        message->body = bodies[i];
    }
    identity_fill(parcel->batch->messages, count);
    MUST(delivery_state_evaluate(&feed->known, parcel->batch, salt++,
                                 &dropped_count) == 0);
    parcel->delivery.queue = feed->queue;
    parcel->delivery.batch = batch_lend(parcel->batch, 1);
    parcel->delivery.fetched_at_ms = FETCHED_AT_MS;
    parcel->delivery.delivered_cb = on_delivered;
    return parcel;
}

struct parcel *parcel_new(struct feed *feed, const char *text, ...)
{
    struct haplo_slice bodies[32];
    size_t count = 0;
    va_list more;

    va_start(more, text);
    for (; text != NULL; text = va_arg(more, const char *)) {
        MUST(count < 32);
        bodies[count++] = (struct haplo_slice){text, strlen(text)};
    }
    va_end(more);
    return parcel_of(feed, bodies, count);
}

void parcel_free(struct parcel *parcel)
{
    batch_free(parcel->batch);
    free(parcel->stored);
    free(parcel);
}

void parcel_send(struct parcel *parcel)
{
    parcel->answer_count = 0;
    free(parcel->stored);
    parcel->stored = NULL;
    parcel->delivery.queue = parcel->feed->queue;
    inbox_deliver(&parcel->delivery);
    assert_int_equal(parcel->answer_count, 0);
}

void parcel_wait(struct parcel *parcel)
{
    while (parcel->answer_count == 0) {
        assert_true(uv_run(&parcel->feed->scene->loop, UV_RUN_ONCE) != 0 ||
                    parcel->answer_count > 0);
    }
    assert_int_equal(parcel->answer_count, 1);
}

void parcel_expect_stored(struct parcel *parcel, size_t stored, size_t repeats)
{
    assert_string_equal(parcel->text, "");
    assert_int_equal(parcel->verdict, INBOX_STORED);
    assert_int_equal(parcel->delivery.stored_count, stored);
    assert_int_equal(parcel->delivery.repeat_count, repeats);
    delivery_state_accept(&parcel->feed->known, parcel->batch);
}

void parcel_store(struct parcel *parcel, size_t stored, size_t repeats)
{
    parcel_send(parcel);
    parcel_wait(parcel);
    parcel_expect_stored(parcel, stored, repeats);
}

void parcel_expect_retry(struct parcel *parcel, const char *text)
{
    parcel_send(parcel);
    parcel_wait(parcel);
    assert_int_equal(parcel->verdict, INBOX_RETRY);
    assert_non_null(strstr(parcel->text, parcel->feed->scene->path));
    if (strstr(parcel->text, text) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", text, parcel->text);
    }
}

void parcel_confirm(struct parcel *parcel, bool is_drained)
{
    confirm_state(parcel->feed, parcel->batch, parcel->batch->message_count,
                  is_drained);
    parcel_free(parcel);
}

void parcel_lose(struct parcel *parcel)
{
    delivery_state_keep(&parcel->feed->known, parcel->batch);
    parcel_free(parcel);
}

/* What another program sees */

sqlite3 *reader_open_db(const char *path)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    return db;
}

void reader_run(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    }
}

void reader_expect(sqlite3 *db, const char *sql, const char *expected)
{
    sqlite3_stmt *statement = NULL;
    char rows[4096] = "";
    size_t size = 0;

    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    }
    while (sqlite3_step(statement) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(statement); i++) {
            const char *text = (const char *)sqlite3_column_text(statement, i);

            size += (size_t)snprintf(rows + size, sizeof(rows) - size, "%s%s",
                                     i > 0      ? "|"
                                     : size > 0 ? ";"
                                                : "",
                                     text != NULL ? text : "NULL");
            assert_true(size < sizeof(rows));
        }
    }
    if (sqlite3_finalize(statement) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    }
    assert_string_equal(rows, expected);
}

void expect(struct scene *scene, const char *sql, const char *expected)
{
    sqlite3 *db = reader_open_db(scene->path);

    reader_expect(db, sql, expected);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

void run(struct scene *scene, const char *sql)
{
    sqlite3 *db = reader_open_db(scene->path);

    reader_run(db, sql);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

int64_t query_int64(struct scene *scene, const char *sql)
{
    sqlite3 *db = reader_open_db(scene->path);
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
