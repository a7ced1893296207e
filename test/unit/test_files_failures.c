/*
 * What goes wrong with a folder of files, one line about it, and what becomes
 * of the parcel: whose fault is it, the queue's or the disk's?
 */
#include "files_scene.h"

/* What stands in the way */

/* A process that died while it wrote. */
static void test_a_left_over_file_is_replaced(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;

    run("mkdir -p '%s/a/q1'", scene->path);
    run("echo half > '%s/a/q1/.writing'", scene->path);
    bundle_make(&bundle, "q1", 1, "x");
    deliver_well(scene, &bundle);
    expect_names(scene, "a/q1", NAME_X);
    expect_file(scene, "a/q1/" NAME_X, "x\n", 2);
}

/* Somebody else's file must not be written through a link. */
static void test_a_link_is_never_written_through(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;

    run("mkdir -p '%s/a/q1'", scene->path);
    run("cd '%s' && echo mine > other && ln -s ../../other a/q1/.writing",
        scene->path);
    bundle_make(&bundle, "q1", 1, "x");
    deliver_well(scene, &bundle);
    expect_file(scene, "other", "mine\n", 5);
    run("cd '%s' && rm a/q1/* && ln other a/q1/.writing", scene->path);
    deliver_well(scene, &bundle);
    expect_file(scene, "other", "mine\n", 5);
    expect_names(scene, "a/q1", NAME_X);
}

/* What is in the way is named, and once it is gone all is well. */
static void test_files_and_folders_in_the_way(void **state)
{
    static const struct {
        const char *make;
        const char *text;
        const char *remove;
    } cases[] = {
        {"echo > '%s/a'", "a file is in the place of a folder", "rm '%s/a'"},
        {"mkdir '%s/a' && echo > a/q1", "a file is in the place of a folder",
         "rm -r '%s/a'"},
        {"mkdir -p '%s/a/q1/.writing'", "cannot be written", "rm -r '%s/a'"},
        {"mkdir -p '%s/a/q1/" NAME_X "'", NAME_X ": cannot be named",
         "rm -r '%s/a'"},
        {"ln -s nowhere '%s/a'", "cannot be made", "rm '%s/a'"},
    };
    struct scene *scene = *state;
    char before[PATH_MAX];

    assert_non_null(getcwd(before, sizeof(before)));
    assert_int_equal(chdir(scene->path), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bundle bundle;

        run(cases[i].make, scene->path);
        bundle_make(&bundle, "q1", 1, "x");
        deliver_badly(scene, &bundle, OUTLET_RETRY, cases[i].text);
        run(cases[i].remove, scene->path);
        deliver_well(scene, &bundle);
        expect_names(scene, "a/q1", NAME_X);
        run("rm -r '%s/a'", scene->path);
    }
    assert_int_equal(chdir(before), 0);
}

/* A receiver may remove the folder of a queue with the last file in it. */
static void test_a_removed_folder_is_made_again(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;

    bundle_make(&bundle, "q1", 1, "x");
    deliver_well(scene, &bundle);
    run("rm -r '%s/a/q1'", scene->path);
    deliver_well(scene, &bundle);
    run("rm -r '%s/a'", scene->path);
    deliver_well(scene, &bundle);
    expect_names(scene, "a/q1", NAME_X);
}

/* Its disk may be unmounted: messages must not go beside it, not even when the
 * outlet is opened again. */
static void test_a_missing_path_is_broken_and_not_made_again(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;

    bundle_make(&bundle, "q1", 1, "x");
    deliver_well(scene, &bundle);
    run("cd '%s' && mv out away", scene->above);
    deliver_badly(scene, &bundle, OUTLET_BROKEN, "no such file or directory");
    scene_close(scene);
    assert_int_equal(scene_try_open(scene, true), HAPLO_EINVAL);
    expect_text(scene->why.text, "no such file or directory");
    assert_int_not_equal(access(scene->path, F_OK), 0);
    run("cd '%s' && mv away out", scene->above);
    assert_int_equal(scene_try_open(scene, true), 0);
    deliver_well(scene, &bundle);
}

/* Another folder is in its place, as below a mount point: nobody would look
 * there. It is not accepted when the outlet is opened again, either. */
static void test_a_replaced_path_is_broken(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;

    bundle_make(&bundle, "q1", 1, "x");
    deliver_well(scene, &bundle);
    run("cd '%s' && mv out away && mkdir out", scene->above);
    deliver_badly(scene, &bundle, OUTLET_BROKEN, "is another folder");
    scene_close(scene);
    assert_int_equal(scene_try_open(scene, true), HAPLO_EINVAL);
    expect_text(scene->why.text, "is another folder");
    expect_names(scene, "", "");
    run("cd '%s' && rmdir out && mv away out", scene->above);
    assert_int_equal(scene_try_open(scene, true), 0);
    deliver_well(scene, &bundle);
}

/* The same in the middle of a file, of which both its place and its content
 * are right: it is delivered again. */
static void test_a_path_that_is_moved_meanwhile(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;

    bundle_make(&bundle, "q1", 1, "x");
    deliver_well(scene, &bundle);
    calls.is_on = true;
    calls.moved_away = scene->path;
    deliver_badly(scene, &bundle, OUTLET_BROKEN, "was moved or removed");
    calls.is_on = false;
}

/* What is written into a folder that has just gone would be found by nobody. */
static void test_a_folder_that_is_moved_meanwhile(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;
    char folder[128];

    bundle_make(&bundle, "q1", 1, "x");
    deliver_well(scene, &bundle);
    (void)snprintf(folder, sizeof(folder), "%s/a/q1", scene->path);
    calls.is_on = true;
    calls.moved_away = folder;
    deliver_badly(scene, &bundle, OUTLET_RETRY, "was moved or removed");
    calls.is_on = false;
    deliver_well(scene, &bundle);
    expect_names(scene, "a/q1", NAME_X);
}

/* Failures */

static size_t descriptor_count(void)
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/fd");

    assert_non_null(folder);
    while (readdir(folder) != NULL) {
        count++;
    }
    assert_int_equal(closedir(folder), 0);
    return count;
}

/* A parcel of which one call fails; true if it came to that. */
static bool one_call_fails(struct scene *scene, enum call call, unsigned nth,
                           int error)
{
    struct bundle bundle;
    size_t descriptors = descriptor_count();

    bundle_make(&bundle, "q1", 1, "x");
    memset(calls.counts, 0, sizeof(calls.counts));
    calls.trace[0] = '\0';
    calls.fails = call;
    calls.fails_at = nth;
    calls.error = error;
    calls.has_failed = false;
    calls.is_on = true;
    deliver(scene, &bundle);
    calls.is_on = false;
    assert_int_equal(descriptor_count(), descriptors);
    if (calls.has_failed) {
        bool is_lanes = error == ENOMEM || error == EFBIG || error == EXDEV;

        assert_int_equal(bundle.parcel.verdict,
                         is_lanes ? OUTLET_RETRY : OUTLET_BROKEN);
        expect_text(bundle.parcel.why.text, scene->path);
        deliver_well(scene, &bundle);
    }
    expect_names(scene, "a/q1", NAME_X);
    expect_file(scene, "a/q1/" NAME_X, "x\n", 2);
    run("rm -r '%s/a'", scene->path);
    return calls.has_failed;
}

/* Whichever call fails, and how: the parcel comes again, and then all is there,
 * once. A disk that is full or damaged is broken for all. */
static void test_every_call_may_fail(void **state)
{
    static const int errors[] = {ENOSPC, EDQUOT, EIO,   EROFS, EMFILE,
                                 ENFILE, ENOMEM, EFBIG, EXDEV};
    struct scene *scene = *state;
    unsigned failures = 0;

    for (int call = 0; call < UNLINK; call++) {
        for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
            unsigned nth = 1;

            while (one_call_fails(scene, (enum call)call, nth, errors[i])) {
                nth++;
                failures++;
            }
        }
    }
    assert_int_equal(failures, (2 + 7 + 1 + 4 + 1) * 9);
}

/* Only a folder above that was there before need not be readable. */
static void test_folders_without_permission(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;

    calls.is_on = true;
    calls.fails = OPEN;
    calls.error = EACCES;
    for (unsigned nth = 1; nth <= 4; nth++) {
        memset(calls.counts, 0, sizeof(calls.counts));
        calls.fails_at = nth;
        bundle_make(&bundle, "q1", nth, "x");
        deliver_badly(scene, &bundle, OUTLET_RETRY, "permission denied");
        run("rm -rf '%s/a'", scene->path);
    }
    run("mkdir -p '%s/a/q1'", scene->path);
    for (unsigned nth = 1; nth <= 2; nth++) {
        memset(calls.counts, 0, sizeof(calls.counts));
        calls.fails_at = nth;
        calls.has_failed = false;
        bundle_make(&bundle, "q1", 10 + nth, "x");
        deliver_well(scene, &bundle);
        assert_true(calls.has_failed);
    }
}

/* Some file systems tell only then that the disk is full. */
static void test_a_failed_close_of_a_file_is_a_failure(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;

    bundle_make(&bundle, "q1", 1, "x");
    deliver_well(scene, &bundle);
    run("rm '%s'/a/q1/*", scene->path);
    calls.is_on = true;
    calls.fails = CLOSE;
    calls.fails_at = 1;
    calls.error = EDQUOT;
    deliver_badly(scene, &bundle, OUTLET_BROKEN, "make room on its disk");
    calls.is_on = false;
    assert_true(calls.has_failed);
    expect_names(scene, "a/q1", "");
}

/* Some file systems have none for folders; what is written must be synced. */
static void test_a_folder_need_not_have_fsync(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;

    bundle_make(&bundle, "q1", 1, "x");
    deliver_well(scene, &bundle);
    calls.is_on = true;
    calls.fails = FSYNC;
    calls.fails_at = 2;
    calls.error = EINVAL;
    deliver_well(scene, &bundle);
    assert_true(calls.has_failed);
    calls.fails_at = 3;
    deliver_badly(scene, &bundle, OUTLET_RETRY, "cannot be made durable");
}

/* The line is for an operator: path, what, why, what to do. */
static void test_what_is_wrong_is_told_in_a_line(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;
    char expected[HAPLO_TEXT_SIZE_MAX];

    bundle_make(&bundle, "q1", 1, "x");
    calls.is_on = true;
    calls.fails = WRITE;
    calls.fails_at = 1;
    calls.error = ENOSPC;
    deliver(scene, &bundle);
    (void)snprintf(expected, sizeof(expected),
                   "%s/a/q1/" NAME_X ": cannot be written: no space left on "
                   "device: make room on its disk",
                   scene->path);
    assert_string_equal(bundle.parcel.why.text, expected);
}

/* Opening */

static void expect_not_opened(struct scene *scene, int error, const char *text)
{
    assert_int_equal(scene_try_open(scene, false), error);
    assert_null(strchr(scene->why.text, '\n'));
    expect_text(scene->why.text, scene->path);
    expect_text(scene->why.text, text);
}

/* A mistake in the configuration is explained. */
static void test_paths_that_cannot_be_used(void **state)
{
    struct scene *scene = *state;
    char path[80];

    (void)snprintf(path, sizeof(path), "%s", scene->path);
    (void)snprintf(scene->path, sizeof(scene->path), "%s/no/out", scene->above);
    expect_not_opened(scene, HAPLO_EINVAL, "make its parent folder");
    (void)snprintf(scene->path, sizeof(scene->path), "%s", path);
    run("echo > '%s'", scene->path);
    expect_not_opened(scene, HAPLO_EINVAL,
                      "a file is in the place of a folder");
}

/* Root may write everywhere, so another user tries. */
static void test_a_folder_without_permission(void **state)
{
    struct scene *scene = *state;
    bool is_root = geteuid() == 0;

    run("mkdir -m 555 '%s'", scene->path);
    assert_int_equal(chmod(scene->above, 0755), 0);
    if (is_root) {
        assert_int_equal(seteuid(65534), 0);
    }
    expect_not_opened(scene, HAPLO_EINVAL,
                      "cannot be written: permission denied: let this user "
                      "write there");
    (void)snprintf(scene->path + strlen(scene->path), 3, "2");
    if (is_root) {
        expect_not_opened(scene, HAPLO_EINVAL, "cannot be made");
        assert_int_equal(seteuid(0), 0);
    }
}

/* Two that write into one folder could take each other's hidden file. */
static void test_a_folder_is_used_by_one_at_a_time(void **state)
{
    struct scene *scene = *state;
    struct scene other = *scene;
    char path[64];

    (void)snprintf(path, sizeof(path), "%.63s", scene->path);
    expect_not_opened(&other, HAPLO_EBUSY, "give each its own folder");
    (void)snprintf(other.path, sizeof(other.path), "%s/../out/", path);
    expect_not_opened(&other, HAPLO_EBUSY, "in use");
    scene_close(scene);
    scene_open(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define OPENED(test) cmocka_unit_test_setup_teardown(test, setup_open, teardown)
#define UNOPENED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
        OPENED(test_a_left_over_file_is_replaced),
        OPENED(test_a_link_is_never_written_through),
        OPENED(test_files_and_folders_in_the_way),
        OPENED(test_a_removed_folder_is_made_again),
        OPENED(test_a_missing_path_is_broken_and_not_made_again),
        OPENED(test_a_replaced_path_is_broken),
        OPENED(test_a_path_that_is_moved_meanwhile),
        OPENED(test_a_folder_that_is_moved_meanwhile),
        OPENED(test_every_call_may_fail),
        OPENED(test_folders_without_permission),
        OPENED(test_a_failed_close_of_a_file_is_a_failure),
        OPENED(test_a_folder_need_not_have_fsync),
        OPENED(test_what_is_wrong_is_told_in_a_line),
        UNOPENED(test_paths_that_cannot_be_used),
        UNOPENED(test_a_folder_without_permission),
        OPENED(test_a_folder_is_used_by_one_at_a_time),
    };

    return cmocka_run_group_tests_name("files_failures", tests, NULL, NULL);
}
