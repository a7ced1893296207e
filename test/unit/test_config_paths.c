/* What `check` finds out about files and folders without creating any. */
#include <linux/capability.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "config_fixture.h"

#define FILES(path) \
    "outlets:\n"    \
    "  - {name: out, type: files, path: " path "}\n"
#define TOP(state_dir, inbox)    \
    "state_dir: " state_dir "\n" \
    "inbox: " inbox "\n"         \
    "servers:\n" SERVER QUEUE

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

/* The first start makes them: an empty place is no problem. */
static void what_can_be_created_is_accepted_and_not_created(void **state)
{
    struct config *config =
        assert_loaded(TOP("state", "inbox.db") FILES("files"));
    (void)state;
    assert_false(exists("state"));
    assert_false(exists("inbox.db"));
    assert_false(exists("files"));
    config_free(config);
}

/* The usual case: it runs already. */
static void what_exists_is_accepted(void **state)
{
    (void)state;
    assert_int_equal(mkdir("state", 0700), 0);
    text_write("inbox.db", "", 0600);
    assert_int_equal(mkdir("files", 0700), 0);
    struct config *config =
        assert_loaded(TOP("state", "inbox.db") FILES("files"));
    config_free(config);
    assert_int_equal(rmdir("state"), 0);
    assert_int_equal(unlink("inbox.db"), 0);
    assert_int_equal(rmdir("files"), 0);
}

/* Only the last folder of a path is created. */
static void a_missing_parent_is_told(void **state)
{
    (void)state;
    assert_refused(
        TOP("no/state", "no/inbox.db") FILES("no/files"),
        ":1:12: state_dir: no/state: cannot be created: no such file or "
        "directory: make its parent folder, or give another path\n"
        ":2:8: inbox: no/inbox.db: cannot be created: no such file or "
        "directory: make its parent folder, or give another path\n"
        ":10:36: outlet out: path: no/files: cannot be created: no such file "
        "or directory: make its parent folder, or give another path\n");
}

/* A file where a folder should be, and the other way round. */
static void something_else_in_its_place_is_told(void **state)
{
    (void)state;
    assert_refused(TOP("key", ".") FILES("key/files"),
                   ":1:12: state_dir: key: cannot be written: not a directory: "
                   "a file is in the place of a folder\n"
                   ":2:8: inbox: .: cannot be written: illegal operation on a "
                   "directory: a folder is in the place of a file\n"
                   ":10:36: outlet out: path: key/files: cannot be written: "
                   "not a directory: a file is in the place of a folder\n");
}

/* Gives up the right of root to write anywhere, for good. */
static void obey_modes(void)
{
    struct __user_cap_header_struct header = {.version =
                                                  _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}};
    assert_int_equal(syscall(SYS_capget, &header, data), 0);
    data[0].effective &= ~(1u << CAP_DAC_OVERRIDE);
    data[0].permitted &= ~(1u << CAP_DAC_OVERRIDE);
    assert_int_equal(syscall(SYS_capset, &header, data), 0);
}

/* Started by the wrong user. */
static void what_this_user_may_not_write_is_told(void **state)
{
    (void)state;
    assert_int_equal(mkdir("closed", 0500), 0);
    obey_modes();
    assert_refused(TOP("closed", "closed/inbox.db"),
                   ":1:12: state_dir: closed: cannot be written: permission "
                   "denied: let this user write there\n"
                   ":2:8: inbox: closed/inbox.db: cannot be created: "
                   "permission denied: let this user write there\n");
    assert_int_equal(rmdir("closed"), 0);
}

/* A key that was pasted in place of a path is not shown here either. */
static void no_key_is_shown(void **state)
{
    (void)state;
    assert_refused(TOP("no/" KEY, "inbox.db"),
                   ":1:12: state_dir: (hidden): cannot be created: no such "
                   "file or directory: make its parent folder, or give "
                   "another path\n");
}

/* Without these, no connection can be made. */
static void tls_files_are_opened(void **state)
{
    (void)state;
    assert_refused(HEAD "  - name: example\n"
                        "    url: https://server.example.ac.uk\n"
                        "    tls_ca_file: ca.pem\n"
                        "    tls_certificate_file: .\n"
                        "    tls_key_file: " FILE_NAME ".key\n"
                        "    queues:\n" QUEUE,
                   ":6:18: server example: tls_ca_file: \"ca.pem\": cannot be "
                   "read: No such file or directory: create the file, or "
                   "correct the path\n"
                   ":7:27: server example: tls_certificate_file: \".\": not a "
                   "regular file: correct the path\n"
                   ":8:19: server example: tls_key_file: \"haplo-poll.yaml.key"
                   "\": cannot be read: No such file or directory: create the "
                   "file, or correct the path\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_can_be_created_is_accepted_and_not_created),
        cmocka_unit_test(what_exists_is_accepted),
        cmocka_unit_test(a_missing_parent_is_told),
        cmocka_unit_test(something_else_in_its_place_is_told),
        cmocka_unit_test(no_key_is_shown),
        cmocka_unit_test(tls_files_are_opened),
        /* the last one */
        cmocka_unit_test(what_this_user_may_not_write_is_told),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
