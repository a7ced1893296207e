/*
 * files_scene.h - the files outlet without its thread, in a folder of its own.
 * The system calls that it makes are this file's: they are noted, and the Nth
 * of a kind fails. Include it once in a test program.
 */
#ifndef TEST_UNIT_FILES_SCENE_H
#define TEST_UNIT_FILES_SCENE_H

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

#include "outlets/files/files.h"
#include "outlets/files/files_job.h"

/* Files of one message, "x" with arrival 1 and "y" with arrival 2. */
#define NAME_X "0000000000000001-c23a06fd81b245a0.ndjson"
#define RAW_X "0000000000000001-c23a06fd81b245a0.raw"
#define RAW_Y "0000000000000002-2a39b98b46d0f8fe.raw"

#define MESSAGE_COUNT_MAX 4
#define TRACE_SIZE 8192

/* System calls */

enum call { MKDIR, OPEN, WRITE, FSYNC, RENAME, UNLINK, CLOSE, CALL_COUNT };

static const char *const call_names[CALL_COUNT] = {
    "mkdir", "open", "write", "fsync", "rename", "unlink", "close"};

static struct {
    bool is_on;                  /* calls are noted, and may fail */
    char trace[TRACE_SIZE];      /* "mkdir a/q1;write a/q1/.writing;" */
    enum call fails;             /* a call of this kind */
    unsigned fails_at;           /* the Nth; 0: none */
    int error;                   /* with that */
    unsigned counts[CALL_COUNT]; /* so far, of each kind */
    bool has_failed;             /* one of them has */
    bool writes_are_short;       /* they take a byte at a time */
    const char *moved_away; /* this folder goes before an fsync(), if set */
    char root[64];          /* left out of the trace */
} calls;

static inline void path_of(int descriptor, char path[PATH_MAX])
{
    char link[64];
    ssize_t size;

    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", descriptor);
    size = readlink(link, path, PATH_MAX - 1);
    path[size > 0 ? size : 0] = '\0';
}

/* True if the call is to fail. */
static inline bool call_note(enum call call, const char *path)
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

static inline bool call_note_of(enum call call, int descriptor)
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

static inline int hooked_open(int folder, const char *path, int flags,
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

/* A folder of its own */

#define UUID "550e8400-e29b-41d4-a716-446655440000"

struct scene {
    char above[64];                /* a folder */
    char path[80];                 /* the outlet's in it */
    struct files_options options;  /* with that path */
    struct blocking_memory memory; /* the same */
    void *files;                   /* the outlet's; NULL: closed */
    struct reason why;             /* of opening */
};

static inline int scene_try_open(struct scene *scene, bool is_again)
{
    const struct outlet_setting setting = {
        .type = &files_outlet_type,
        .name = "out",
        .inbox_uuid = UUID,
        .options = &scene->options,
    };

    scene->options.path = scene->path;
    scene->memory.was_open = is_again;
    return files_ops.open(&setting, &scene->memory, &scene->files, &scene->why);
}

static inline void scene_open(struct scene *scene)
{
    if (scene_try_open(scene, false) != 0) {
        fail_msg("%s", scene->why.text);
    }
}

static inline void scene_close(struct scene *scene)
{
    files_ops.close(scene->files);
    scene->files = NULL;
}

static inline int setup(void **state)
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

static inline int setup_open(void **state)
{
    int result = setup(state);

    scene_open(*state);
    return result;
}

static inline void run(const char *format, const char *path)
{
    char command[256];

    (void)snprintf(command, sizeof(command), format, path);
    assert_int_equal(system(command), 0);
}

static inline int teardown(void **state)
{
    struct scene *scene = *state;

    calls.is_on = false;
    if (scene->files != NULL) {
        scene_close(scene);
    }
    run("rm -rf '%s'", scene->above);
    free(scene);
    return 0;
}

/* Parcels */

struct bundle {
    struct outlet_parcel parcel;
    struct inbox_message messages[MESSAGE_COUNT_MAX];
};

static inline struct inbox_message *bundle_add(struct bundle *bundle,
                                               const char *data, size_t size)
{
    size_t index = bundle->parcel.count++;
    struct inbox_message *message = &bundle->messages[index];

    assert_true(index < MESSAGE_COUNT_MAX);
    *message = bundle->messages[0];
    message->arrival += index;
    message->body = (struct haplo_slice){data, size};
    message->hash = size + (unsigned char)data[0];
    return message;
}

/* With one message of the queue, whose number is the arrival as well. */
static inline void bundle_make(struct bundle *bundle, const char *queue,
                               uint64_t arrival, const char *body)
{
    memset(bundle, 0, sizeof(*bundle));
    bundle->parcel.messages = bundle->messages;
    bundle->messages[0].server = "a";
    bundle->messages[0].queue = queue;
    bundle->messages[0].arrival = arrival;
    bundle->messages[0].queue_id = arrival;
    (void)bundle_add(bundle, body, strlen(body));
}

static inline void deliver(struct scene *scene, struct bundle *bundle)
{
    struct outlet_parcel *parcel = &bundle->parcel;
    atomic_bool is_ending = false;

    parcel->verdict = OUTLET_RETRY;
    parcel->delivered_count = 0;
    parcel->why.text[0] = '\0';
    files_ops.deliver(scene->files, parcel, &is_ending);
    assert_null(strchr(parcel->why.text, '\n'));
    assert_int_equal(parcel->verdict == OUTLET_DELIVERED,
                     parcel->why.text[0] == '\0');
    assert_int_equal(parcel->verdict == OUTLET_DELIVERED,
                     parcel->delivered_count == parcel->count);
}

static inline void deliver_well(struct scene *scene, struct bundle *bundle)
{
    deliver(scene, bundle);
    if (bundle->parcel.verdict != OUTLET_DELIVERED) {
        fail_msg("%s", bundle->parcel.why.text);
    }
}

static inline void expect_text(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", part, text);
    }
}

/* The verdict, the folder's path and these words. */
static inline void deliver_badly(struct scene *scene, struct bundle *bundle,
                                 enum outlet_verdict verdict, const char *text)
{
    deliver(scene, bundle);
    if (bundle->parcel.verdict != verdict) {
        fail_msg("verdict %d: %s", bundle->parcel.verdict,
                 bundle->parcel.why.text);
    }
    expect_text(bundle->parcel.why.text, scene->path);
    expect_text(bundle->parcel.why.text, text);
}

/* What is in the folder */

static inline void file_read(const char *path, char *data, size_t data_size,
                             size_t *size)
{
    FILE *file = fopen(path, "re");

    if (file == NULL) {
        fail_msg("%s: %s", path, strerror(errno));
    }
    *size = fread(data, 1, data_size, file);
    assert_int_equal(fclose(file), 0);
}

static inline void expect_file(struct scene *scene, const char *name,
                               const char *data, size_t size)
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

static inline int is_listed(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

/* The names in a folder, with dots and all: "x;y". */
static inline void expect_names(struct scene *scene, const char *folder,
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

static inline void expect_name_count(struct scene *scene, const char *folder,
                                     int expected)
{
    char path[PATH_MAX];
    struct dirent **entries = NULL;
    int count;

    (void)snprintf(path, sizeof(path), "%s/%s", scene->path, folder);
    count = scandir(path, &entries, is_listed, alphasort);
    assert_int_equal(count, expected);
    while (count > 0) {
        free(entries[--count]);
    }
    free(entries);
}

static inline unsigned mode_of(struct scene *scene, const char *name)
{
    char path[PATH_MAX];
    struct stat status;

    (void)snprintf(path, sizeof(path), "%s/%s", scene->path, name);
    assert_int_equal(stat(path, &status), 0);
    return status.st_mode & 07777;
}

#endif
