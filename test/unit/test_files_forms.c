/*
 * The forms that files can have: one for each message, rows of CSV, gzip,
 * folders for days. Each is whole and durable like any other, and a repeat is
 * the same file.
 */
#include <zlib.h>

#include "files_scene.h"

#define DAY_MS (UINT64_C(24) * 3600 * 1000)
#define SOME_DAY_MS UINT64_C(1795898956000) /* 2026-11-28 */

static const char *const columns[] = {"n=arrival", "a=/a", NULL};

/* A message is a document as the server sent it. */
static void test_each_message_is_a_file_of_exact_bytes(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;

    scene->options.per = FILES_PER_MESSAGE;
    scene_open(scene);
    bundle_make(&bundle, "q1", 1, "{ \"a\" :\n1 }");
    (void)bundle_add(&bundle, "y", 1);
    deliver_well(scene, &bundle);
    expect_names(scene, "a/q1",
                 "0000000000000001-2994cb1c907c2aa8.json;"
                 "0000000000000002-2a39b98b46d0f8fe.json");
    expect_file(scene, "a/q1/0000000000000001-2994cb1c907c2aa8.json",
                "{ \"a\" :\n1 }", 11);
    expect_file(scene, "a/q1/0000000000000002-2a39b98b46d0f8fe.json", "y", 1);
}

/* Those that are done stay done. */
static void test_a_failure_between_messages(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;

    scene->options.per = FILES_PER_MESSAGE;
    scene_open(scene);
    bundle_make(&bundle, "q1", 1, "x");
    (void)bundle_add(&bundle, "y", 1);
    calls.is_on = true;
    calls.fails = WRITE;
    calls.fails_at = 2;
    calls.error = ENOSPC;
    deliver(scene, &bundle);
    calls.is_on = false;
    assert_int_equal(bundle.parcel.verdict, OUTLET_BROKEN);
    assert_int_equal(bundle.parcel.delivered_count, 1);
    expect_name_count(scene, "a/q1", 1);
}

/* Programs that know gzip get the same bytes. */
static void expect_gzip(struct scene *scene, const char *name,
                        const char *expected, size_t size)
{
    char path[PATH_MAX];
    char *found = malloc(size + 1);
    gzFile file;

    assert_non_null(found);
    (void)snprintf(path, sizeof(path), "%s/%s", scene->path, name);
    file = gzopen(path, "re");
    assert_non_null(file);
    assert_int_equal(gzread(file, found, (unsigned)size + 1), (int)size);
    assert_false(gzdirect(file));
    assert_int_equal(gzclose(file), Z_OK);
    assert_memory_equal(found, expected, size);
    free(found);
}

/* There is no time in it, nor anything of the files before it. */
static void test_gzip_is_the_same_for_the_same_messages(void **state)
{
    static const char header[10] = {'\x1f', '\x8b', 8, 0, 0, 0, 0, 0, 0, 3};
    struct scene *scene = *state;
    struct bundle bundle;
    char first[256];
    char again[256];
    char path[PATH_MAX];
    size_t first_size;
    size_t again_size;

    scene->options.is_gzip = true;
    scene_open(scene);
    bundle_make(&bundle, "q1", 1, "x");
    deliver_well(scene, &bundle);
    expect_names(scene, "a/q1", NAME_X ".gz");
    expect_gzip(scene, "a/q1/" NAME_X ".gz", "x\n", 2);
    (void)snprintf(path, sizeof(path), "%s/a/q1/" NAME_X ".gz", scene->path);
    file_read(path, first, sizeof(first), &first_size);
    assert_memory_equal(first, header, sizeof(header));
    bundle_make(&bundle, "q2", 2, "something else");
    deliver_well(scene, &bundle);
    bundle_make(&bundle, "q1", 1, "x");
    deliver_well(scene, &bundle);
    file_read(path, again, sizeof(again), &again_size);
    assert_int_equal(first_size, again_size);
    assert_memory_equal(first, again, first_size);
}

/* Whatever the size, in whatever pieces it is written. */
static void test_a_large_gzip(void **state)
{
    enum { SIZE = 5 * FILES_BUFFER_SIZE + 17 };
    struct scene *scene = *state;
    struct bundle bundle;
    char *body = malloc(SIZE + 1);
    uint32_t number = 1;

    assert_non_null(body);
    for (size_t i = 0; i < SIZE; i++) {
        number = number * 1664525 + 1013904223;
        body[i] = (char)('!' + (number >> 24) % 90); /* hardly compressible */
    }
    body[0] = '"';
    for (size_t i = 1; i < SIZE; i++) {
        body[i] = body[i] == '"' || body[i] == '\\' ? 'x' : body[i];
    }
    body[SIZE - 1] = '"';
    scene->options.is_gzip = true;
    scene_open(scene);
    bundle_make(&bundle, "q1", 1, "x");
    bundle.messages[0].body = (struct haplo_slice){body, SIZE};
    deliver_well(scene, &bundle);
    body[SIZE] = '\n';
    expect_gzip(scene, "a/q1/" NAME_X ".gz", body, SIZE + 1);
    free(body);
}

/* A receiver that imports a day at a time; the day is that of the fetch, so
 * that a repeat after midnight is the same file. */
static void test_folders_for_days(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;

    scene->options.folders = FILES_FOLDERS_DATE;
    scene_open(scene);
    bundle_make(&bundle, "q1", 1, "x");
    bundle.messages[0].received_at_ms = SOME_DAY_MS;
    deliver_well(scene, &bundle);
    bundle.messages[0].received_at_ms += DAY_MS;
    deliver_well(scene, &bundle);
    bundle.messages[0].received_at_ms = SOME_DAY_MS;
    deliver_well(scene, &bundle);
    expect_names(scene, "a/q1", "2026-11-28;2026-11-29");
    expect_names(scene, "a/q1/2026-11-28", NAME_X);
    expect_names(scene, "a/q1/2026-11-29", NAME_X);
}

/* A new folder is lost with the power, unless it is synced; that is done once a
 * day. */
static void test_folders_for_days_are_durable(void **state)
{
    static const char file[] =
        "open .writing;write out/a/q1/2026-11-29/.writing;"
        "fsync out/a/q1/2026-11-29/.writing;"
        "close out/a/q1/2026-11-29/.writing;"
        "rename " NAME_X ";fsync out/a/q1/2026-11-29;"
        "close out/a/q1/2026-11-29;";
    struct scene *scene = *state;
    struct bundle bundle;

    scene->options.folders = FILES_FOLDERS_DATE;
    scene_open(scene);
    bundle_make(&bundle, "q1", 1, "x");
    bundle.messages[0].received_at_ms = SOME_DAY_MS;
    deliver_well(scene, &bundle);
    bundle.messages[0].received_at_ms += DAY_MS;
    calls.is_on = true;
    deliver_well(scene, &bundle);
    expect_text(calls.trace, "mkdir out/a/q1/2026-11-29;");
    expect_text(calls.trace, "fsync out/a/q1;");
    expect_text(calls.trace, file);
    calls.trace[0] = '\0';
    deliver_well(scene, &bundle);
    calls.is_on = false;
    assert_null(strstr(calls.trace, "mkdir"));
    assert_null(strstr(calls.trace, "fsync out/a/q1;"));
    expect_text(calls.trace, file);
}

/* Whoever may take the files may enter their folder, whatever the umask is. */
static void test_folders_for_days_are_shared_like_others(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;
    mode_t before = umask(077);

    run("mkdir '%s'", scene->path);
    assert_int_equal(chmod(scene->path, 02770), 0);
    scene->options.folders = FILES_FOLDERS_DATE;
    scene_open(scene);
    bundle_make(&bundle, "q1", 1, "x");
    bundle.messages[0].received_at_ms = SOME_DAY_MS;
    deliver_well(scene, &bundle);
    assert_int_equal(mode_of(scene, "a/q1/2026-11-28"), 02770);
    assert_int_equal(mode_of(scene, "a/q1/2026-11-28/" NAME_X), 0640);
    (void)umask(before);
}

/* Each file can be imported alone. */
static void test_rows_with_a_header(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;

    scene->options.format = FILES_CSV;
    scene->options.columns = columns;
    scene_open(scene);
    bundle_make(&bundle, "q1", 1, "{\"a\": \"x,y\"}");
    (void)bundle_add(&bundle, "{}", 2);
    deliver_well(scene, &bundle);
    expect_names(scene, "a/q1", "0000000000000001-643ee1887ff6f807.csv");
    expect_file(scene, "a/q1/0000000000000001-643ee1887ff6f807.csv",
                "n,a\r\n1,\"x,y\"\r\n2,\r\n", 18);
}

/* What is no JSON has no columns: it is kept as it is. */
static void test_raw_messages_are_no_rows(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;

    scene->options.format = FILES_CSV;
    scene->options.columns = columns;
    scene_open(scene);
    bundle_make(&bundle, "q1", 1, "x");
    bundle.messages[0].format = HAPLO_FORMAT_RAW;
    deliver_well(scene, &bundle);
    expect_file(scene, "a/q1/" RAW_X, "x", 1);
}

/* One message that cannot be read costs one message: those before it are a
 * file, and those after it another. */
static void test_an_unreadable_message_is_refused_alone(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;

    scene->options.format = FILES_CSV;
    scene->options.columns = columns;
    scene_open(scene);
    bundle_make(&bundle, "q1", 1, "{\"a\":1}");
    (void)bundle_add(&bundle, "{\"a\":2}", 7);
    (void)bundle_add(&bundle, "{\"a\"", 4);
    (void)bundle_add(&bundle, "{\"a\":4}", 7);
    deliver(scene, &bundle);
    assert_int_equal(bundle.parcel.verdict, OUTLET_REFUSED);
    assert_int_equal(bundle.parcel.delivered_count, 2);
    expect_text(bundle.parcel.why.text, "the message is not JSON");
    expect_name_count(scene, "a/q1", 1);
    bundle.parcel.messages += 2;
    bundle.parcel.count = 2;
    deliver(scene, &bundle);
    assert_int_equal(bundle.parcel.verdict, OUTLET_REFUSED);
    assert_int_equal(bundle.parcel.delivered_count, 0);
    bundle.parcel.messages += 1;
    bundle.parcel.count = 1;
    deliver_well(scene, &bundle);
    expect_name_count(scene, "a/q1", 2);
}

/* One call of this kind fails; true if it came to that. */
static bool one_call_fails(struct scene *scene, enum call call, unsigned nth)
{
    struct bundle bundle;

    bundle_make(&bundle, "q1", 1, "{\"a\":1}");
    bundle.messages[0].received_at_ms = SOME_DAY_MS;
    memset(calls.counts, 0, sizeof(calls.counts));
    calls.fails = call;
    calls.fails_at = nth;
    calls.error = ENOSPC;
    calls.has_failed = false;
    calls.is_on = true;
    deliver(scene, &bundle);
    calls.is_on = false;
    if (calls.has_failed) {
        assert_int_equal(bundle.parcel.verdict, OUTLET_BROKEN);
        deliver_well(scene, &bundle);
    }
    expect_names(scene, "a/q1/2026-11-28",
                 "0000000000000001-f1e9e0060c8afb8d.csv.gz");
    expect_gzip(scene,
                "a/q1/2026-11-28/0000000000000001-f1e9e0060c8afb8d.csv.gz",
                "n,a\r\n1,1\r\n", 10);
    run("rm -r '%s/a'", scene->path);
    return calls.has_failed;
}

/* Whatever fails, the parcel comes again, and then the file is whole. */
static void test_every_call_may_fail(void **state)
{
    struct scene *scene = *state;
    unsigned failures = 0;

    scene->options.format = FILES_CSV;
    scene->options.columns = columns;
    scene->options.folders = FILES_FOLDERS_DATE;
    scene->options.is_gzip = true;
    scene_open(scene);
    for (int call = 0; call < UNLINK; call++) {
        unsigned nth = 1;

        while (one_call_fails(scene, (enum call)call, nth)) {
            nth++;
            failures++;
        }
    }
    assert_true(failures > 10);
}

/* A replay for a receiver that drops files it has seen needs other names. */
static void test_a_replay_with_new_identities(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;

    scene_open(scene);
    bundle_make(&bundle, "q1", 1, "x");
    deliver_well(scene, &bundle);
    bundle.parcel.replay_id = 12;
    deliver_well(scene, &bundle);
    expect_names(scene, "a/q1", NAME_X);
    bundle.parcel.has_new_ids = true;
    deliver_well(scene, &bundle);
    expect_names(scene, "a/q1",
                 "0000000000000001-c23a06fd81b245a0-r12.ndjson;" NAME_X);
}

/* Options that need each other are told apart by `check`. */
static void test_options_that_do_not_fit(void **state)
{
    struct scene *scene = *state;
    struct files_options *options = &scene->options;
    char why[HAPLO_TEXT_SIZE_MAX];

    assert_int_equal(files_outlet_type.check(options, why, sizeof(why)), 0);
    options->format = FILES_CSV;
    assert_int_equal(files_outlet_type.check(options, why, sizeof(why)),
                     HAPLO_EINVAL);
    options->columns = columns;
    assert_int_equal(files_outlet_type.check(options, why, sizeof(why)), 0);
    options->format = FILES_NDJSON;
    assert_int_equal(files_outlet_type.check(options, why, sizeof(why)),
                     HAPLO_EINVAL);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_each_message_is_a_file_of_exact_bytes),
        TEST(test_a_failure_between_messages),
        TEST(test_gzip_is_the_same_for_the_same_messages),
        TEST(test_a_large_gzip),
        TEST(test_folders_for_days),
        TEST(test_folders_for_days_are_durable),
        TEST(test_folders_for_days_are_shared_like_others),
        TEST(test_rows_with_a_header),
        TEST(test_raw_messages_are_no_rows),
        TEST(test_an_unreadable_message_is_refused_alone),
        TEST(test_every_call_may_fail),
        TEST(test_a_replay_with_new_identities),
        TEST(test_options_that_do_not_fit),
    };

    return cmocka_run_group_tests_name("files_forms", tests, NULL, NULL);
}
