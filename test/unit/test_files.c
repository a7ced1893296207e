/*
 * Batches as files: whole and durable, or not there; and one line about
 * whatever goes wrong with the folder.
 *
 * The system calls that files.c makes are this program's own: they are noted,
 * and the Nth of a kind fails.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "sinks/files.h"
#include "sinks/files_job.h"

#define MESSAGE_COUNT_MAX 4
#define TRACE_SIZE 8192

/* -- System calls --------------------------------------------------------- */

enum call { MKDIR, OPEN, WRITE, FSYNC, RENAME, UNLINK, CLOSE, CALL_COUNT };

static const char *const call_names[CALL_COUNT] = {
    "mkdir", "open", "write", "fsync", "rename", "unlink", "close"};

static struct {
    bool is_on;             /* calls are noted, and may fail */
    char trace[TRACE_SIZE]; /* "mkdir a/q1;write a/q1/.writing;" */
    enum call fails;        /* a call of this kind */
    unsigned fails_at;      /* the Nth; 0: none */
    int error;              /* with that */
    unsigned counts[CALL_COUNT];
    bool has_failed;        /* */
    bool writes_are_short;  /* they take a byte at a time */
    const char *moved_away; /* this folder goes before an fsync(), if set */
    char root[64];          /* left out of the trace */
} calls;

static void path_of(int descriptor, char path[PATH_MAX])
{
    char link[64];
    ssize_t size;

    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", descriptor);
    size = readlink(link, path, PATH_MAX - 1);
    path[size > 0 ? size : 0] = '\0';
}

/* True if the call is to fail. */
static bool call_note(enum call call, const char *path)
{
    size_t size = strlen(calls.trace);
    size_t root_size = strlen(calls.root);

    if (!calls.is_on) {
        return false;
    }
    if (strncmp(path, calls.root, root_size) == 0) {
        path += root_size;
        path += path[0] == '/';
    }
    (void)snprintf(calls.trace + size, TRACE_SIZE - size, "%s %s;",
                   call_names[call], path);
    calls.counts[call]++;
    if (calls.fails == call && calls.counts[call] == calls.fails_at) {
        calls.has_failed = true;
        errno = calls.error;
        return true;
    }
    return false;
}

static bool call_note_of(enum call call, int descriptor)
{
    char path[PATH_MAX];

    if (!calls.is_on) {
        return false;
    }
    path_of(descriptor, path);
    return call_note(call, path);
}

#define HOOK __attribute__((visibility("default")))

HOOK int mkdir(const char *path, mode_t mode)
{
    return call_note(MKDIR, path) ? -1 : (int)syscall(SYS_mkdir, path, mode);
}

static int hooked_open(int folder, const char *path, int flags,
                       va_list arguments)
{
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;

    return call_note(OPEN, path)
               ? -1
               : (int)syscall(SYS_openat, folder, path, flags, mode);
}

HOOK int open(const char *path, int flags, ...)
{
    va_list arguments;
    int result;

    va_start(arguments, flags);
    result = hooked_open(AT_FDCWD, path, flags, arguments);
    va_end(arguments);
    return result;
}

HOOK int openat(int folder, const char *path, int flags, ...)
{
    va_list arguments;
    int result;

    va_start(arguments, flags);
    result = hooked_open(folder, path, flags, arguments);
    va_end(arguments);
    return result;
}

HOOK ssize_t write(int descriptor, const void *data, size_t size)
{
    if (call_note_of(WRITE, descriptor)) {
        return -1;
    }
    if (calls.is_on && calls.writes_are_short && size > 1) {
        size = 1;
    }
    return syscall(SYS_write, descriptor, data, size);
}

HOOK int fsync(int descriptor)
{
    char to[PATH_MAX];

    if (calls.is_on && calls.moved_away != NULL) {
        (void)snprintf(to, sizeof(to), "%s.moved", calls.moved_away);
        assert_int_equal(rename(calls.moved_away, to), 0);
        calls.moved_away = NULL;
    }
    return call_note_of(FSYNC, descriptor)
               ? -1
               : (int)syscall(SYS_fsync, descriptor);
}

HOOK int renameat(int from_folder, const char *from, int to_folder,
                  const char *to)
{
    return call_note(RENAME, to)
               ? -1
               : (int)syscall(SYS_renameat, from_folder, from, to_folder, to);
}

HOOK int unlinkat(int folder, const char *path, int flags)
{
    return call_note(UNLINK, path)
               ? -1
               : (int)syscall(SYS_unlinkat, folder, path, flags);
}

HOOK int close(int descriptor)
{
    bool fails = call_note_of(CLOSE, descriptor);
    int error = errno;
    int result = (int)syscall(SYS_close, descriptor);

    errno = fails ? error : errno;
    return fails ? -1 : result;
}

/* -- A folder of its own -------------------------------------------------- */

struct scene {
    char above[64];                /* a folder */
    char path[80];                 /* the outlet's in it */
    struct outlet *outlet;         /* NULL: closed */
    char why[HAPLO_TEXT_SIZE_MAX]; /* */
};

static int scene_try_open(struct scene *scene)
{
    return files_outlet_open(scene->path, &scene->outlet, scene->why,
                             sizeof(scene->why));
}

static void scene_open(struct scene *scene)
{
    if (scene_try_open(scene) != 0) {
        fail_msg("%s", scene->why);
    }
}

static void scene_close(struct scene *scene)
{
    scene->outlet->type->close(scene->outlet);
    scene->outlet = NULL;
}

static int setup(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));

    assert_non_null(scene);
    (void)snprintf(scene->above, sizeof(scene->above), "%s/haplo-files-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(scene->above));
    (void)snprintf(scene->path, sizeof(scene->path), "%s/out", scene->above);
    memset(&calls, 0, sizeof(calls));
    (void)snprintf(calls.root, sizeof(calls.root), "%s", scene->above);
    *state = scene;
    return 0;
}

static int setup_open(void **state)
{
    int result = setup(state);

    scene_open(*state);
    return result;
}

static void run(const char *format, const char *path)
{
    char command[256];

    (void)snprintf(command, sizeof(command), format, path);
    assert_int_equal(system(command), 0);
}

static int teardown(void **state)
{
    struct scene *scene = *state;

    calls.is_on = false;
    if (scene->outlet != NULL) {
        scene_close(scene);
    }
    run("rm -rf '%s'", scene->above);
    free(scene);
    return 0;
}

/* -- Batches -------------------------------------------------------------- */

struct bundle {
    struct outlet_batch batch;                               /* */
    struct haplo_message messages[MESSAGE_COUNT_MAX];        /* */
    const struct haplo_message *pointers[MESSAGE_COUNT_MAX]; /* */
    bool is_prepared;                                        /* */
};

static void bundle_add(struct bundle *bundle, const char *data, size_t size)
{
    size_t index = bundle->batch.message_count++;

    assert_true(index < MESSAGE_COUNT_MAX);
    bundle->messages[index].body = (struct haplo_slice){data, size};
    bundle->pointers[index] = &bundle->messages[index];
}

/* With one message, and a key of its own. */
static void bundle_make(struct bundle *bundle, const char *queue,
                        const char *body)
{
    memset(bundle, 0, sizeof(*bundle));
    bundle->batch.server = "a";
    bundle->batch.queue = queue;
    bundle->batch.messages = bundle->pointers;
    bundle->batch.is_prepared = &bundle->is_prepared;
    memset(bundle->batch.key, body[0], OUTLET_KEY_SIZE);
    bundle_add(bundle, body, strlen(body));
}

static void deliver_some(struct scene *scene, struct bundle *bundles,
                         size_t count)
{
    struct outlet_batch *batches = calloc(count, sizeof(*batches));

    assert_non_null(batches);
    for (size_t i = 0; i < count; i++) {
        batches[i] = bundles[i].batch;
        batches[i].verdict = SINK_RETRY;
    }
    scene->outlet->type->deliver(scene->outlet, batches, count);
    for (size_t i = 0; i < count; i++) {
        bundles[i].batch = batches[i];
        assert_null(strchr(batches[i].why, '\n'));
        assert_true((batches[i].verdict == SINK_ACCEPT) ||
                    batches[i].why[0] != '\0');
    }
    free(batches);
}

static void deliver(struct scene *scene, struct bundle *bundle)
{
    deliver_some(scene, bundle, 1);
}

static void deliver_well(struct scene *scene, struct bundle *bundle)
{
    deliver(scene, bundle);
    if (bundle->batch.verdict != SINK_ACCEPT) {
        fail_msg("%s", bundle->batch.why);
    }
}

static void expect_text(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", part, text);
    }
}

/* The verdict, the folder's path and these words. */
static void deliver_badly(struct scene *scene, struct bundle *bundle,
                          enum sink_verdict verdict, const char *text)
{
    deliver(scene, bundle);
    assert_int_equal(bundle->batch.verdict, verdict);
    expect_text(bundle->batch.why, scene->path);
    expect_text(bundle->batch.why, text);
}

/* -- What is in the folder ------------------------------------------------ */

static void file_read(const char *path, char *data, size_t data_size,
                      size_t *size)
{
    FILE *file = fopen(path, "re");

    if (file == NULL) {
        fail_msg("%s: %s", path, strerror(errno));
    }
    *size = fread(data, 1, data_size, file);
    assert_int_equal(fclose(file), 0);
}

static void expect_file(struct scene *scene, const char *name, const char *data,
                        size_t size)
{
    char path[PATH_MAX];
    size_t found_size;
    char *found = malloc(size + 1);

    assert_non_null(found);
    (void)snprintf(path, sizeof(path), "%s/%s", scene->path, name);
    file_read(path, found, size + 1, &found_size);
    assert_int_equal(found_size, size);
    assert_memory_equal(found, data, size);
    free(found);
}

static int is_listed(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

/* The names in a folder, with dots and all: "x;y". */
static void expect_names(struct scene *scene, const char *folder,
                         const char *expected)
{
    char path[PATH_MAX];
    char names[2048] = "";
    struct dirent **entries = NULL;
    int count;

    (void)snprintf(path, sizeof(path), "%s/%s", scene->path, folder);
    count = scandir(path, &entries, is_listed, alphasort);
    assert_true(count >= 0);
    for (int i = 0; i < count; i++) {
        size_t size = strlen(names);

        (void)snprintf(names + size, sizeof(names) - size, "%s%s",
                       i > 0 ? ";" : "", entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    assert_string_equal(names, expected);
}

static unsigned mode_of(struct scene *scene, const char *name)
{
    char path[PATH_MAX];
    struct stat status;

    (void)snprintf(path, sizeof(path), "%s/%s", scene->path, name);
    assert_int_equal(stat(path, &status), 0);
    return status.st_mode & 07777;
}

/* Bundles of one character's key. */
#define X32(c) c c c c c c c c c c c c c c c c
#define NAME_X "0000000000000-0000000-" X32("78") ".ndjson" /* 'x' */
#define NAME_Y "0000000000000-0000000-" X32("79") ".ndjson" /* 'y' */

/* -- Files ---------------------------------------------------------------- */

/* The folder is the interface that haplo-files(5) documents. */
static void test_a_batch_becomes_a_file(void **state)
{
    static const char text[] = "{\"id\":1,\"t\":\"a  b\"}\n[1,2]\n7\n";
    struct scene *scene = *state;
    struct bundle bundle;

    bundle_make(&bundle, "q1", " { \"id\": 1,\n \"t\": \"a  b\" } ");
    bundle_add(&bundle, "[ 1, 2 ]", 8);
    bundle_add(&bundle, "7", 1);
    bundle.batch.place.epoch = 42;
    bundle.batch.place.number = 5;
    memcpy(bundle.batch.key,
           "\x00\x0f\xf0\xff\x10\x32\x54\x76\x98\xba\xdc\xfe"
           "\x01\x02\x03\x04",
           OUTLET_KEY_SIZE);
    deliver_well(scene, &bundle);
    expect_names(scene, "", "a");
    expect_names(scene, "a", "q1");
    expect_names(
        scene, "a/q1",
        "0000000000042-0000005-000ff0ff1032547698badcfe01020304.ndjson");
    expect_file(
        scene,
        "a/q1/0000000000042-0000005-000ff0ff1032547698badcfe01020304.ndjson",
        text, strlen(text));
}

/* What has no lines is one file, byte for byte. */
static void test_a_raw_message_is_a_file_of_exact_bytes(void **state)
{
    static const char body[] = "x <a> \n\t\0 </a>\r\n ";
    struct scene *scene = *state;
    struct bundle bundle;

    bundle_make(&bundle, "q1", "x");
    bundle.messages[0].body = (struct haplo_slice){body, sizeof(body)};
    bundle.batch.format = HAPLO_FORMAT_RAW;
    deliver_well(scene, &bundle);
    expect_names(scene, "a/q1", "0000000000000-0000000-" X32("78") ".raw");
    expect_file(scene, "a/q1/0000000000000-0000000-" X32("78") ".raw", body,
                sizeof(body));
}

/* Messages have no limit; the memory for packing them has. */
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
    bundle_make(&bundle, "q1", "x");
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

    bundle_make(&bundle, "q1", "x1");
    bundle_add(&bundle, "{ }", 3);
    calls.is_on = true;
    calls.writes_are_short = true;
    deliver_well(scene, &bundle);
    calls.is_on = false;
    assert_int_equal(calls.counts[WRITE], 6);
    expect_file(scene, "a/q1/" NAME_X, "x1\n{}\n", 6);
}

/* Whoever sorts names has the order of delivery. */
static void test_names_sort_by_place(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;
    static const struct {
        uint64_t epoch;
        uint64_t number;
    } places[] = {{9, 0}, {10, 0}, {10, 9}, {10, 16}, {1000000000000, 1000000}};

    for (size_t i = 0; i < 5; i++) {
        bundle_make(&bundle, "q1", i % 2 == 0 ? "y" : "x");
        bundle.batch.place.epoch = places[i].epoch;
        bundle.batch.place.number = places[i].number;
        deliver_well(scene, &bundle);
    }
    expect_names(
        scene, "a/q1",
        "0000000000009-0000000-" X32(
            "79") ".ndjson;"
                  "0000000000010-0000000-" X32(
                      "78") ".ndjson;"
                            "0000000000010-0000009-" X32(
                                "79") ".ndjson;"
                                      "0000000000010-0000016-" X32(
                                          "78") ".ndjson;"
                                                "1000000000000-1000000-" X32(
                                                    "79") ".ndjson");
}

/* After a crash the same batch stands once; another one harms nothing. */
static void test_the_same_batch_again_replaces_its_file(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;

    bundle_make(&bundle, "q1", "x1");
    deliver_well(scene, &bundle);
    bundle_make(&bundle, "q1", "x2");
    deliver_well(scene, &bundle);
    expect_names(scene, "a/q1", NAME_X);
    expect_file(scene, "a/q1/" NAME_X, "x2\n", 3);
    bundle_make(&bundle, "q1", "y");
    deliver_well(scene, &bundle);
    expect_names(scene, "a/q1", NAME_X ";" NAME_Y);
}

/* Messages are private; the umask only takes away. */
static void test_files_are_for_their_owner_only(void **state)
{
    struct scene *scene = *state;
    mode_t before = umask(0);
    struct bundle bundle;

    scene_open(scene);
    bundle_make(&bundle, "q1", "x");
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
        bundle_make(&bundle, "q1", "x");
        deliver_well(scene, &bundle);
        assert_int_equal(mode_of(scene, "a"), cases[i].folder_mode);
        assert_int_equal(mode_of(scene, "a/q1"), cases[i].folder_mode);
        assert_int_equal(mode_of(scene, "a/q1/" NAME_X), cases[i].file_mode);
        scene_close(scene);
        run("rm -r '%s'", scene->path);
    }
    (void)umask(before);
}

/* Some of a delivery may go out again, from another place. */
static void test_two_batches_of_a_queue_at_once(void **state)
{
    struct scene *scene = *state;
    struct bundle bundles[3];

    bundle_make(&bundles[0], "q1", "x");
    bundle_make(&bundles[1], "q1", "y");
    bundle_make(&bundles[2], "q2", "x");
    bundles[1].batch.is_prepared = &bundles[0].is_prepared;
    for (int i = 0; i < 2; i++) {
        deliver_some(scene, bundles, 3);
        for (size_t j = 0; j < 3; j++) {
            assert_int_equal(bundles[j].batch.verdict, SINK_ACCEPT);
        }
        expect_names(scene, "a/q1", NAME_X ";" NAME_Y);
        expect_file(scene, "a/q1/" NAME_X, "x\n", 2);
        expect_file(scene, "a/q1/" NAME_Y, "y\n", 2);
    }
}

/* -- Order ---------------------------------------------------------------- */

/* A file is durable before it is seen, and its name before it is accepted; so
 * are the folders above. */
static void test_nothing_is_seen_or_accepted_before_it_is_durable(void **state)
{
    struct scene *scene = *state;
    struct bundle bundles[2];

    bundle_make(&bundles[0], "q1", "x");
    bundle_make(&bundles[1], "q2", "y");
    calls.is_on = true;
    deliver_some(scene, bundles, 2);
    calls.is_on = false;
    assert_string_equal(
        calls.trace,
        "mkdir out/a;open out;fsync out;close out;"
        "mkdir out/a/q1;open out/a;fsync out/a;close out/a;open out/a/q1;"
        "open .writing;write out/a/q1/.writing;"
        "fsync out/a/q1/.writing;close out/a/q1/.writing;"
        "rename " NAME_X ";fsync out/a/q1;close out/a/q1;"
        "mkdir out/a;open out;fsync out;close out;"
        "mkdir out/a/q2;open out/a;fsync out/a;close out/a;open out/a/q2;"
        "open .writing;write out/a/q2/.writing;"
        "fsync out/a/q2/.writing;close out/a/q2/.writing;"
        "rename " NAME_Y ";fsync out/a/q2;close out/a/q2;");
    memset(calls.trace, 0, sizeof(calls.trace));
    calls.is_on = true;
    deliver_some(scene, bundles, 1);
    calls.is_on = false;
    assert_string_equal(calls.trace,
                        "open out/a/q1;"
                        "open .writing;write out/a/q1/.writing;"
                        "fsync out/a/q1/.writing;close out/a/q1/.writing;"
                        "rename " NAME_X ";fsync out/a/q1;close out/a/q1;");
}

/* -- Names ---------------------------------------------------------------- */

/* A name may begin with a dot, and may be the hidden file's. */
static void test_names_do_not_meet_the_hidden_file(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;

    bundle_make(&bundle, ".writing", "x");
    bundle.batch.server = ".writing";
    deliver_well(scene, &bundle);
    bundle_make(&bundle, "...", "x");
    bundle.batch.server = ".a";
    deliver_well(scene, &bundle);
    expect_names(scene, "", ".a;.writing");
    expect_names(scene, ".writing/.writing", NAME_X);
    expect_names(scene, ".a/...", NAME_X);
}

static void test_names_that_are_no_folders_are_rejected(void **state)
{
    static const char *const names[] = {".", "..", "../b", "b/c", "/"};
    struct scene *scene = *state;
    struct bundle bundle;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        bundle_make(&bundle, names[i], "x");
        deliver_badly(scene, &bundle, SINK_REJECT, "cannot be a folder's name");
        bundle_make(&bundle, "q1", "x");
        bundle.batch.server = names[i];
        deliver_badly(scene, &bundle, SINK_REJECT, "cannot be a folder's name");
    }
    expect_names(scene, "", "");
}

static void test_a_name_that_the_disk_does_not_take_is_rejected(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;
    char name[PATH_MAX + 1];

    memset(name, 'n', sizeof(name));
    name[300] = '\0';
    bundle_make(&bundle, name, "x");
    deliver_badly(scene, &bundle, SINK_REJECT, "name too long");
    name[300] = 'n';
    name[PATH_MAX] = '\0';
    deliver_badly(scene, &bundle, SINK_REJECT, "name too long");
    bundle_make(&bundle, "q:1", "x");
    calls.is_on = true;
    calls.fails = MKDIR;
    calls.fails_at = 2;
    calls.error = EINVAL; /* as of a file system that knows no colons */
    deliver_badly(scene, &bundle, SINK_REJECT, "q:1: cannot be made");
}

/* -- What stands in the way ----------------------------------------------- */

/* A process that died while it wrote. */
static void test_a_left_over_file_is_replaced(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;

    run("mkdir -p '%s/a/q1'", scene->path);
    run("echo half > '%s/a/q1/.writing'", scene->path);
    bundle_make(&bundle, "q1", "x");
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
    bundle_make(&bundle, "q1", "x");
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
        bundle_make(&bundle, "q1", "x");
        deliver_badly(scene, &bundle, SINK_RETRY, cases[i].text);
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

    bundle_make(&bundle, "q1", "x");
    deliver_well(scene, &bundle);
    run("rm -r '%s/a/q1'", scene->path);
    deliver_well(scene, &bundle);
    run("rm -r '%s/a'", scene->path);
    deliver_well(scene, &bundle);
    expect_names(scene, "a/q1", NAME_X);
}

/* Its disk may be unmounted: messages must not go beside it. */
static void test_a_missing_path_is_not_made_again(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;

    bundle_make(&bundle, "q1", "x");
    deliver_well(scene, &bundle);
    run("cd '%s' && mv out away", scene->above);
    deliver_badly(scene, &bundle, SINK_RETRY, "no such file or directory");
    assert_int_not_equal(access(scene->path, F_OK), 0);
    run("cd '%s' && mv away out", scene->above);
    deliver_well(scene, &bundle);
}

/* What is written into a folder that has just gone would be found by nobody. */
static void test_a_folder_that_is_moved_meanwhile(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;
    char folder[128];

    bundle_make(&bundle, "q1", "x");
    deliver_well(scene, &bundle);
    (void)snprintf(folder, sizeof(folder), "%s/a/q1", scene->path);
    calls.is_on = true;
    calls.moved_away = folder;
    deliver_badly(scene, &bundle, SINK_RETRY, "was moved or removed");
    calls.is_on = false;
    deliver_well(scene, &bundle);
    expect_names(scene, "a/q1", NAME_X);
}

/* -- Failures ------------------------------------------------------------- */

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

/* Two batches of two queues, of which one call fails; true if it came to
 * that. */
static bool one_call_fails(struct scene *scene, enum call call, unsigned nth,
                           int error)
{
    struct bundle bundles[2];
    size_t descriptors = descriptor_count();
    int accepted;

    bundle_make(&bundles[0], "q1", "x");
    bundle_make(&bundles[1], "q2", "y");
    memset(calls.counts, 0, sizeof(calls.counts));
    calls.trace[0] = '\0';
    calls.fails = call;
    calls.fails_at = nth;
    calls.error = error;
    calls.has_failed = false;
    calls.is_on = true;
    deliver_some(scene, bundles, 2);
    calls.is_on = false;
    assert_int_equal(descriptor_count(), descriptors);
    accepted = (bundles[0].batch.verdict == SINK_ACCEPT) +
               (bundles[1].batch.verdict == SINK_ACCEPT);
    assert_int_equal(accepted, calls.has_failed && call != CLOSE ? 1 : 2);
    for (size_t i = 0; i < 2; i++) {
        struct outlet_batch *batch = &bundles[i].batch;

        if (batch->verdict != SINK_ACCEPT) {
            assert_int_equal(batch->verdict, SINK_RETRY);
            expect_text(batch->why, scene->path);
            deliver_well(scene, &bundles[i]);
        }
    }
    expect_names(scene, "a/q1", NAME_X);
    expect_names(scene, "a/q2", NAME_Y);
    expect_file(scene, "a/q1/" NAME_X, "x\n", 2);
    expect_file(scene, "a/q2/" NAME_Y, "y\n", 2);
    run("rm -r '%s/a'", scene->path);
    return calls.has_failed;
}

/* Whichever call fails, and how: the other batch is accepted, this one is to
 * come again, and then all is there, once. */
static void test_every_call_may_fail(void **state)
{
    static const int errors[] = {ENOSPC, EDQUOT, EIO,    EROFS,
                                 EMFILE, ENFILE, ENOMEM, EFBIG};
    struct scene *scene = *state;
    unsigned failures = 0;

    for (int call = 0; call < CALL_COUNT; call++) {
        for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
            unsigned nth = 1;

            if (call == UNLINK || call == CLOSE) {
                continue;
            }
            while (one_call_fails(scene, (enum call)call, nth, errors[i])) {
                nth++;
                failures++;
            }
        }
    }
    assert_int_equal(failures, (4 + 8 + 2 + 8 + 2) * 8);
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
        bundle_make(&bundle, "q1", "x");
        deliver_badly(scene, &bundle, SINK_RETRY, "permission denied");
        run("rm -rf '%s/a'", scene->path);
    }
    run("mkdir -p '%s/a/q1'", scene->path);
    for (unsigned nth = 1; nth <= 2; nth++) {
        memset(calls.counts, 0, sizeof(calls.counts));
        calls.fails_at = nth;
        calls.has_failed = false;
        bundle_make(&bundle, "q1", "x");
        deliver_well(scene, &bundle);
        assert_true(calls.has_failed);
    }
}

/* Some file systems tell only then that the disk is full. */
static void test_a_failed_close_of_a_file_is_a_failure(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;

    bundle_make(&bundle, "q1", "x");
    deliver_well(scene, &bundle);
    run("rm '%s'/a/q1/*", scene->path);
    calls.is_on = true;
    calls.fails = CLOSE;
    calls.fails_at = 1;
    calls.error = EDQUOT;
    deliver_badly(scene, &bundle, SINK_RETRY, "make room on its disk");
    calls.is_on = false;
    assert_true(calls.has_failed);
    expect_names(scene, "a/q1", "");
}

/* Some file systems have none for folders; what is written must be synced. */
static void test_a_folder_need_not_have_fsync(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;

    bundle_make(&bundle, "q1", "x");
    deliver_well(scene, &bundle);
    calls.is_on = true;
    calls.fails = FSYNC;
    calls.fails_at = 2;
    calls.error = EINVAL;
    deliver_well(scene, &bundle);
    assert_true(calls.has_failed);
    calls.fails_at = 3;
    deliver_badly(scene, &bundle, SINK_RETRY, "cannot be made durable");
}

/* The line is for an operator: path, what, why, what to do. */
static void test_what_is_wrong_is_told_in_a_line(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;
    char expected[HAPLO_TEXT_SIZE_MAX];

    bundle_make(&bundle, "q1", "x");
    calls.is_on = true;
    calls.fails = WRITE;
    calls.fails_at = 1;
    calls.error = ENOSPC;
    deliver(scene, &bundle);
    (void)snprintf(expected, sizeof(expected),
                   "%s/a/q1/" NAME_X ": cannot be written: no space left on "
                   "device: make room on its disk",
                   scene->path);
    assert_string_equal(bundle.batch.why, expected);
}

/* -- Opening -------------------------------------------------------------- */

static void expect_refused(struct scene *scene, int error, const char *text)
{
    assert_int_equal(scene_try_open(scene), error);
    assert_null(scene->outlet);
    assert_null(strchr(scene->why, '\n'));
    expect_text(scene->why, scene->path);
    expect_text(scene->why, text);
}

static void test_a_folder_that_is_there_is_used_as_it_is(void **state)
{
    struct scene *scene = *state;

    run("mkdir -m 2770 '%s'", scene->path);
    scene_open(scene);
    assert_int_equal(mode_of(scene, ""), 02770);
    scene_close(scene);
    scene_open(scene);
}

/* Messages are marked on the strength of it. */
static void test_a_new_folder_is_durable(void **state)
{
    struct scene *scene = *state;

    calls.is_on = true;
    scene_open(scene);
    calls.is_on = false;
    assert_non_null(strstr(calls.trace, "mkdir out;open ;fsync ;close ;"));
    scene_close(scene);
    assert_int_equal(rmdir(scene->path), 0);
    memset(calls.counts, 0, sizeof(calls.counts));
    calls.is_on = true;
    calls.fails = FSYNC;
    calls.fails_at = 1;
    calls.error = EIO;
    assert_int_equal(scene_try_open(scene), HAPLO_EINVAL);
    calls.is_on = false;
    expect_text(scene->why, "its name cannot be made durable");
}

static void test_paths_that_cannot_be_used(void **state)
{
    struct scene *scene = *state;
    char path[80];

    (void)snprintf(path, sizeof(path), "%s", scene->path);
    (void)snprintf(scene->path, sizeof(scene->path), "%s/no/out", scene->above);
    expect_refused(scene, HAPLO_EINVAL, "make its parent folder");
    (void)snprintf(scene->path, sizeof(scene->path), "%s", path);
    run("echo > '%s'", scene->path);
    expect_refused(scene, HAPLO_EINVAL, "a file is in the place of a folder");
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
    expect_refused(scene, HAPLO_EINVAL,
                   "cannot be written: permission denied: let this user write "
                   "there");
    (void)snprintf(scene->path + strlen(scene->path), 3, "2");
    if (is_root) {
        expect_refused(scene, HAPLO_EINVAL, "cannot be made");
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
    expect_refused(&other, HAPLO_EBUSY, "give each a folder of its own");
    (void)snprintf(other.path, sizeof(other.path), "%s/../out/", path);
    expect_refused(&other, HAPLO_EBUSY, "in use");
    scene_close(scene);
    scene_open(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define OPENED(test) cmocka_unit_test_setup_teardown(test, setup_open, teardown)
#define UNOPENED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
        OPENED(test_a_batch_becomes_a_file),
        OPENED(test_a_raw_message_is_a_file_of_exact_bytes),
        OPENED(test_a_message_larger_than_the_buffer),
        OPENED(test_short_writes_are_continued),
        OPENED(test_names_sort_by_place),
        OPENED(test_the_same_batch_again_replaces_its_file),
        UNOPENED(test_files_are_for_their_owner_only),
        UNOPENED(test_files_are_shared_with_a_group_that_may_write),
        OPENED(test_two_batches_of_a_queue_at_once),
        OPENED(test_nothing_is_seen_or_accepted_before_it_is_durable),
        OPENED(test_names_do_not_meet_the_hidden_file),
        OPENED(test_names_that_are_no_folders_are_rejected),
        OPENED(test_a_name_that_the_disk_does_not_take_is_rejected),
        OPENED(test_a_left_over_file_is_replaced),
        OPENED(test_a_link_is_never_written_through),
        OPENED(test_files_and_folders_in_the_way),
        OPENED(test_a_removed_folder_is_made_again),
        OPENED(test_a_missing_path_is_not_made_again),
        OPENED(test_a_folder_that_is_moved_meanwhile),
        OPENED(test_every_call_may_fail),
        OPENED(test_folders_without_permission),
        OPENED(test_a_failed_close_of_a_file_is_a_failure),
        OPENED(test_a_folder_need_not_have_fsync),
        OPENED(test_what_is_wrong_is_told_in_a_line),
        UNOPENED(test_a_folder_that_is_there_is_used_as_it_is),
        UNOPENED(test_a_new_folder_is_durable),
        UNOPENED(test_paths_that_cannot_be_used),
        UNOPENED(test_a_folder_without_permission),
        OPENED(test_a_folder_is_used_by_one_at_a_time),
#undef OPENED
#undef UNOPENED
    };

    return cmocka_run_group_tests_name("files", tests, NULL, NULL);
}
