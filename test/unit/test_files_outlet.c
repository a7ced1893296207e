/*
 * Messages as files: whole and durable, or not there; named so that a repeat is
 * the same file. What goes wrong is test_files_failures.c's.
 */
#include "files_scene.h"

/* Files */

/* The folder is the interface that haplo-files(5) documents. */
static void test_a_parcel_becomes_a_file(void **state)
{
    static const char text[] = "{\"id\":1,\"t\":\"a  b\"}\n[1,2]\n7\n";
    struct scene *scene = *state;
    struct bundle bundle;

    bundle_make(&bundle, "q1", 42, " { \"id\": 1,\n \"t\": \"a  b\" } ");
    (void)bundle_add(&bundle, "[ 1, 2 ]", 8);
    (void)bundle_add(&bundle, "7", 1);
    deliver_well(scene, &bundle);
    expect_names(scene, "", "a");
    expect_names(scene, "a", "q1");
    expect_names(scene, "a/q1", "0000000000000042-dfc0ddced3ec969e.ndjson");
    expect_file(scene, "a/q1/0000000000000042-dfc0ddced3ec969e.ndjson", text,
                strlen(text));
}

/* What has no lines is one file, byte for byte. */
static void test_a_raw_message_is_a_file_of_exact_bytes(void **state)
{
    static const char body[] = "x <a> \n\t\0 </a>\r\n ";
    struct scene *scene = *state;
    struct bundle bundle;

    bundle_make(&bundle, "q1", 1, "x");
    bundle.messages[0].body = (struct haplo_slice){body, sizeof(body)};
    bundle.messages[0].format = HAPLO_FORMAT_RAW;
    deliver_well(scene, &bundle);
    expect_names(scene, "a/q1", RAW_X);
    expect_file(scene, "a/q1/" RAW_X, body, sizeof(body));
}

/* And several are several files. */
static void test_each_raw_message_is_a_file(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;

    bundle_make(&bundle, "q1", 1, "x");
    bundle.messages[0].format = HAPLO_FORMAT_RAW;
    (void)bundle_add(&bundle, "y", 1);
    deliver_well(scene, &bundle);
    expect_names(scene, "a/q1", RAW_X ";" RAW_Y);
    expect_file(scene, "a/q1/" RAW_Y, "y", 1);
}

/* Messages have no limit; the memory for writing them has. */
static void test_a_message_larger_than_the_buffer(void **state)
{
    enum { SIZE = 3 * FILES_BUFFER_SIZE + 17 };
    struct scene *scene = *state;
    struct bundle bundle;
    char *body = malloc(SIZE);
    char *line = malloc(SIZE + 1);
    size_t size = 0;

    assert_non_null(body);
    assert_non_null(line);
    for (size_t i = 0; i < SIZE; i++) {
        bool is_space = i % 7 == 3;

        body[i] = is_space ? ' ' : (char)('0' + i % 10);
        if (!is_space) {
            line[size++] = body[i];
        }
    }
    line[size++] = '\n';
    bundle_make(&bundle, "q1", 1, "x");
    bundle.messages[0].body = (struct haplo_slice){body, SIZE};
    deliver_well(scene, &bundle);
    expect_file(scene, "a/q1/" NAME_X, line, size);
    free(body);
    free(line);
}

/* The system may take less than it is given. */
static void test_short_writes_are_continued(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;

    bundle_make(&bundle, "q1", 1, "x");
    bundle.messages[0].body = (struct haplo_slice){"x{ }1", 5};
    calls.is_on = true;
    calls.writes_are_short = true;
    deliver_well(scene, &bundle);
    calls.is_on = false;
    assert_int_equal(calls.counts[WRITE], 5);
    expect_file(scene, "a/q1/" NAME_X, "x{}1\n", 5);
}

/* Whoever sorts names has the order of arrival. */
static void test_names_sort_by_arrival(void **state)
{
    static const uint64_t arrivals[] = {9, 10, 99, 100, 1000000000000000};
    struct scene *scene = *state;
    struct dirent **entries = NULL;
    char path[PATH_MAX];
    struct bundle bundle;

    for (size_t i = 5; i-- > 0;) {
        bundle_make(&bundle, "q1", arrivals[i], i % 2 == 0 ? "y" : "x");
        deliver_well(scene, &bundle);
    }
    (void)snprintf(path, sizeof(path), "%s/a/q1", scene->path);
    assert_int_equal(scandir(path, &entries, is_listed, alphasort), 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(strtoull(entries[i]->d_name, NULL, 10), arrivals[i]);
        free(entries[i]);
    }
    free(entries);
}

/* After a crash the same parcel stands once. */
static void test_a_repeat_is_the_same_file(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;

    bundle_make(&bundle, "q1", 1, "x");
    deliver_well(scene, &bundle);
    deliver_well(scene, &bundle);
    scene_close(scene);
    scene_open(scene);
    deliver_well(scene, &bundle);
    expect_names(scene, "a/q1", NAME_X);
    expect_file(scene, "a/q1/" NAME_X, "x\n", 2);
}

/* A message that was sent again has another arrival; an arrival that a restored
 * inbox gives once more has another hash; so has another inbox. */
static void test_what_is_no_repeat_has_another_name(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;
    struct outlet_setting other = {
        .inbox_uuid = "550e8400-e29b-41d4-a716-446655440001",
        .options = &scene->options,
    };

    bundle_make(&bundle, "q1", 1, "x");
    deliver_well(scene, &bundle);
    bundle.messages[0].arrival = 2;
    deliver_well(scene, &bundle);
    bundle.messages[0].hash++;
    deliver_well(scene, &bundle);
    scene_close(scene);
    assert_int_equal(
        files_ops.open(&other, &scene->memory, &scene->files, &scene->why), 0);
    deliver_well(scene, &bundle);
    expect_name_count(scene, "a/q1", 4);
}

/* Messages are private; the umask only takes away. */
static void test_files_are_for_their_owner_only(void **state)
{
    struct scene *scene = *state;
    mode_t before = umask(0);
    struct bundle bundle;

    scene_open(scene);
    bundle_make(&bundle, "q1", 1, "x");
    deliver_well(scene, &bundle);
    (void)umask(before);
    assert_int_equal(mode_of(scene, ""), 0700);
    assert_int_equal(mode_of(scene, "a"), 0700);
    assert_int_equal(mode_of(scene, "a/q1"), 0700);
    assert_int_equal(mode_of(scene, "a/q1/" NAME_X), 0600);
}

/* A group takes files away where the operator has made the folder for it; a
 * folder that was just made, as most are, is no such wish. */
static void test_files_are_shared_with_a_group_that_may_write(void **state)
{
    static const struct {
        const char *make;
        unsigned folder_mode;
        unsigned file_mode;
    } cases[] = {{"mkdir -m 2770 '%s'", 02770, 0640},
                 {"mkdir -m 777 '%s'", 0770, 0640},
                 {"mkdir -m 730 '%s'", 0730, 0600},
                 {"mkdir -m 755 '%s'", 0700, 0600}};
    struct scene *scene = *state;
    mode_t before = umask(0);

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bundle bundle;

        run(cases[i].make, scene->path);
        scene_open(scene);
        bundle_make(&bundle, "q1", 1, "x");
        deliver_well(scene, &bundle);
        assert_int_equal(mode_of(scene, "a"), cases[i].folder_mode);
        assert_int_equal(mode_of(scene, "a/q1"), cases[i].folder_mode);
        assert_int_equal(mode_of(scene, "a/q1/" NAME_X), cases[i].file_mode);
        scene_close(scene);
        run("rm -r '%s'", scene->path);
    }
    (void)umask(before);
}

/* Order */

/* A file is durable before it is seen, and its name before it is delivered; so
 * are the folders above. */
static void test_nothing_is_seen_or_delivered_before_it_is_durable(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;

    bundle_make(&bundle, "q1", 1, "x");
    calls.is_on = true;
    deliver_well(scene, &bundle);
    calls.is_on = false;
    assert_string_equal(
        calls.trace,
        "mkdir out/a;open out/a;close out/a;open out;fsync out;close out;"
        "mkdir out/a/q1;open out/a/q1;close out/a/q1;"
        "open out/a;fsync out/a;close out/a;open out/a/q1;"
        "open .writing;write out/a/q1/.writing;"
        "fsync out/a/q1/.writing;close out/a/q1/.writing;"
        "rename " NAME_X ";fsync out/a/q1;close out/a/q1;");
    memset(calls.trace, 0, sizeof(calls.trace));
    calls.is_on = true;
    deliver_well(scene, &bundle);
    calls.is_on = false;
    assert_string_equal(calls.trace,
                        "open out/a/q1;"
                        "open .writing;write out/a/q1/.writing;"
                        "fsync out/a/q1/.writing;close out/a/q1/.writing;"
                        "rename " NAME_X ";fsync out/a/q1;close out/a/q1;");
}

/* Names */

/* A name may begin with a dot, and may be the hidden file's. */
static void test_names_do_not_meet_the_hidden_file(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;

    bundle_make(&bundle, ".writing", 1, "x");
    bundle.messages[0].server = ".writing";
    deliver_well(scene, &bundle);
    bundle_make(&bundle, "...", 1, "x");
    bundle.messages[0].server = ".a";
    deliver_well(scene, &bundle);
    expect_names(scene, "", ".a;.writing");
    expect_names(scene, ".writing/.writing", NAME_X);
    expect_names(scene, ".a/...", NAME_X);
}

/* They would lead out of the folder. */
static void test_names_that_are_no_folders_are_refused(void **state)
{
    static const char *const names[] = {".", "..", "../b", "b/c", "/"};
    struct scene *scene = *state;
    struct bundle bundle;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        bundle_make(&bundle, names[i], 1, "x");
        deliver_badly(scene, &bundle, OUTLET_REFUSED,
                      "cannot be a folder's name");
        bundle_make(&bundle, "q1", 1, "x");
        bundle.messages[0].server = names[i];
        deliver_badly(scene, &bundle, OUTLET_REFUSED,
                      "cannot be a folder's name");
    }
    expect_names(scene, "", "");
}

/* That queue's lane is blocked; the disk is fine. */
static void test_a_name_that_the_disk_does_not_take_is_refused(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;
    char name[PATH_MAX + 1];

    memset(name, 'n', sizeof(name));
    name[300] = '\0';
    bundle_make(&bundle, name, 1, "x");
    deliver_badly(scene, &bundle, OUTLET_REFUSED, "name too long");
    name[300] = 'n';
    name[PATH_MAX] = '\0';
    deliver_badly(scene, &bundle, OUTLET_REFUSED, "name too long");
    bundle_make(&bundle, "q:1", 1, "x");
    calls.is_on = true;
    calls.fails = MKDIR;
    calls.fails_at = 2;
    calls.error = EINVAL; /* as of a file system that knows no colons */
    deliver_badly(scene, &bundle, OUTLET_REFUSED, "q:1: cannot be made");
}

/* Opening */

static void test_a_folder_that_is_there_is_used_as_it_is(void **state)
{
    struct scene *scene = *state;

    run("mkdir -m 2770 '%s'", scene->path);
    scene_open(scene);
    assert_int_equal(mode_of(scene, ""), 02770);
    scene_close(scene);
    scene_open(scene);
}

/* Progress is stored on the strength of it. */
static void test_a_new_folder_is_durable(void **state)
{
    struct scene *scene = *state;

    calls.is_on = true;
    scene_open(scene);
    calls.is_on = false;
    assert_non_null(strstr(calls.trace, "mkdir out;open out;close out;"
                                        "open ;fsync ;close ;"));
    scene_close(scene);
    assert_int_equal(rmdir(scene->path), 0);
    memset(calls.counts, 0, sizeof(calls.counts));
    calls.is_on = true;
    calls.fails = FSYNC;
    calls.fails_at = 1;
    calls.error = EIO;
    assert_int_equal(scene_try_open(scene, false), HAPLO_EINVAL);
    calls.is_on = false;
    expect_text(scene->why.text, "its name cannot be made durable");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define OPENED(test) cmocka_unit_test_setup_teardown(test, setup_open, teardown)
#define UNOPENED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
        OPENED(test_a_parcel_becomes_a_file),
        OPENED(test_a_raw_message_is_a_file_of_exact_bytes),
        OPENED(test_each_raw_message_is_a_file),
        OPENED(test_a_message_larger_than_the_buffer),
        OPENED(test_short_writes_are_continued),
        OPENED(test_names_sort_by_arrival),
        OPENED(test_a_repeat_is_the_same_file),
        OPENED(test_what_is_no_repeat_has_another_name),
        UNOPENED(test_files_are_for_their_owner_only),
        UNOPENED(test_files_are_shared_with_a_group_that_may_write),
        OPENED(test_nothing_is_seen_or_delivered_before_it_is_durable),
        OPENED(test_names_do_not_meet_the_hidden_file),
        OPENED(test_names_that_are_no_folders_are_refused),
        OPENED(test_a_name_that_the_disk_does_not_take_is_refused),
        UNOPENED(test_a_folder_that_is_there_is_used_as_it_is),
        UNOPENED(test_a_new_folder_is_durable),
    };

    return cmocka_run_group_tests_name("files", tests, NULL, NULL);
}
