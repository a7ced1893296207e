/*
 * What a message becomes in an SQLite inbox: rows that other programs read, as
 * haplo-inbox(5) has it.
 */
#include "inbox_scene.h"

/* The view is the interface for people and programs. */
static void test_a_message_becomes_a_row(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "student");
    struct parcel *parcel = parcel_new(
        feed, "{\"id\":7,\"datetime\":\"2019-02-15T10:32:01Z\"}", NULL);

    parcel_store(parcel, 1, 0);
    expect(scene,
           "SELECT arrival, server, queue, id, datetime, received_at, body"
           " FROM messages",
           "1|live|student|7|2019-02-15T10:32:01Z|2019-02-15T10:32:01.250Z|"
           "{\"id\":7,\"datetime\":\"2019-02-15T10:32:01Z\"}");
    expect(scene, "PRAGMA journal_mode", "wal");
    expect(scene, "PRAGMA user_version", "1");
    expect(scene, "PRAGMA auto_vacuum", "2");
    parcel_confirm(parcel, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define OPENED(test) \
    cmocka_unit_test_setup_teardown(test, scene_setup_open, scene_teardown)
        OPENED(test_a_message_becomes_a_row),
#undef OPENED
    };

    faults_install();
    return cmocka_run_group_tests_name("inbox_rows", tests, NULL, NULL);
}
