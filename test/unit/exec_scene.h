/*
 * exec_scene.h - the exec outlet on a loop of its own, with a folder that is
 * the working directory of its commands. Include it once in a test program.
 */
#ifndef TEST_UNIT_EXEC_SCENE_H
#define TEST_UNIT_EXEC_SCENE_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
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
#include <uv.h>

#include "outlets/exec/exec.h"

#define UUID "550e8400-e29b-41d4-a716-446655440000"
#define MESSAGE_COUNT_MAX 8
#define CAP_MS 120000 /* a test that waits longer has failed */

struct scene {
    uv_loop_t loop;              /* of the outlet */
    uv_timer_t cap;              /* fails the test */
    char folder[64];             /* the commands are run here */
    const char *command[4];      /* of the outlet */
    struct exec_options options; /* with these */
    struct outlet *outlet;       /* NULL: closed */
    bool is_closed;              /* closed_cb has fired */
    size_t descriptor_count;     /* before it was opened */
};

struct bundle {
    struct outlet_parcel parcel;
    struct inbox_message messages[MESSAGE_COUNT_MAX];
    unsigned done_count; /* calls of delivered_cb */
    uv_loop_t *loop;     /* of the scene */
};

static inline size_t descriptor_count(void)
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

static inline void on_cap(uv_timer_t *timer)
{
    (void)timer;
    fail_msg("nothing happened for %d ms", CAP_MS);
}

static inline int setup(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));

    assert_non_null(scene);
    (void)snprintf(scene->folder, sizeof(scene->folder),
                   "/tmp/haplo-exec-XXXXXX");
    assert_non_null(mkdtemp(scene->folder));
    assert_int_equal(uv_loop_init(&scene->loop), 0);
    assert_int_equal(uv_timer_init(&scene->loop, &scene->cap), 0);
    scene->options = (struct exec_options){
        .command = scene->command,
        .folder = scene->folder,
        .time_limit_ms = 2 * CAP_MS,
        .grace_ms = 2 * CAP_MS,
    };
    scene->descriptor_count = descriptor_count();
    *state = scene;
    return 0;
}

/* Also opens the outlet, at first: sh runs this text. */
static inline void scene_run(struct scene *scene, const char *script)
{
    struct reason why;
    struct outlet_setting setting = {
        .loop = &scene->loop,
        .type = &exec_outlet_type,
        .name = "out",
        .inbox_uuid = UUID,
        .options = &scene->options,
    };

    if (script != NULL) {
        scene->command[0] = "/bin/sh";
        scene->command[1] = "-c";
        scene->command[2] = script;
    }
    assert_int_equal(exec_outlet_type.open(&setting, &scene->outlet, &why), 0);
}

/* One turn of the loop, or less if something has happened. */
static inline void scene_turn(struct scene *scene)
{
    assert_int_equal(uv_timer_start(&scene->cap, on_cap, CAP_MS, 0), 0);
    (void)uv_run(&scene->loop, UV_RUN_ONCE);
    assert_int_equal(uv_timer_stop(&scene->cap), 0);
}

static inline void on_scene_closed(void *data)
{
    struct scene *scene = data;

    scene->is_closed = true;
    uv_stop(&scene->loop);
}

static inline void scene_begin_close(struct scene *scene)
{
    scene->is_closed = false;
    exec_outlet_type.close(scene->outlet, on_scene_closed, scene);
    scene->outlet = NULL;
    assert_false(scene->is_closed);
}

/* Nothing is left behind: no descriptor, and no zombie. */
static inline void scene_close(struct scene *scene)
{
    if (scene->outlet != NULL) {
        scene_begin_close(scene);
        while (!scene->is_closed) {
            scene_turn(scene);
        }
    }
    assert_true(descriptor_count() <= scene->descriptor_count + 2);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static inline int teardown(void **state)
{
    struct scene *scene = *state;
    char command[128];

    scene_close(scene);
    uv_close((uv_handle_t *)&scene->cap, NULL);
    (void)uv_run(&scene->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&scene->loop), 0);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", scene->folder);
    assert_int_equal(system(command), 0);
    free(scene);
    return 0;
}

/* Parcels */

static inline void on_delivered(struct outlet_parcel *parcel)
{
    struct bundle *bundle = (struct bundle *)parcel;

    bundle->done_count++;
    uv_stop(bundle->loop);
}

/* So many messages of a queue: "1", "2" ... with these arrivals. */
static inline void bundle_make(struct bundle *bundle, size_t count)
{
    static const char *const texts[MESSAGE_COUNT_MAX] = {"1", "2", "3", "4",
                                                         "5", "6", "7", "8"};

    memset(bundle, 0, sizeof(*bundle));
    for (size_t i = 0; i < count; i++) {
        bundle->messages[i] = (struct inbox_message){
            .arrival = i + 1,
            .server = "example",
            .queue = "student",
            .received_at_ms = 1795898956000,
            .body = {texts[i], 1},
            .hash = i + 0x10,
        };
    }
    bundle->parcel.messages = bundle->messages;
    bundle->parcel.count = count;
    bundle->parcel.delivered_cb = on_delivered;
}

static inline void deliver_begin(struct scene *scene, struct bundle *bundle)
{
    bundle->done_count = 0;
    bundle->loop = &scene->loop;
    bundle->parcel.verdict = OUTLET_RETRY;
    bundle->parcel.delivered_count = 0;
    bundle->parcel.why.text[0] = '\0';
    exec_outlet_type.deliver(scene->outlet, &bundle->parcel);
    assert_int_equal(bundle->done_count, 0);
}

/* Completed once, and as outlet.h says. */
static inline void deliver_end(struct scene *scene, struct bundle *bundle)
{
    const struct outlet_parcel *parcel = &bundle->parcel;

    while (bundle->done_count == 0) {
        scene_turn(scene);
    }
    assert_int_equal(bundle->done_count, 1);
    assert_null(strchr(parcel->why.text, '\n'));
    assert_int_equal(parcel->verdict == OUTLET_DELIVERED,
                     parcel->why.text[0] == '\0');
    assert_int_equal(parcel->verdict == OUTLET_DELIVERED,
                     parcel->delivered_count == parcel->count);
}

static inline void deliver(struct scene *scene, struct bundle *bundle)
{
    deliver_begin(scene, bundle);
    deliver_end(scene, bundle);
}

static inline void deliver_well(struct scene *scene, struct bundle *bundle)
{
    deliver(scene, bundle);
    if (bundle->parcel.verdict != OUTLET_DELIVERED) {
        fail_msg("%s", bundle->parcel.why.text);
    }
}

static inline void expect_why(const struct bundle *bundle,
                              enum outlet_verdict verdict, const char *text)
{
    assert_int_equal(bundle->parcel.verdict, verdict);
    assert_string_equal(bundle->parcel.why.text, text);
}

/* What commands have written */

static inline char *path_in(const struct scene *scene, const char *name)
{
    static char path[128];

    (void)snprintf(path, sizeof(path), "%s/%s", scene->folder, name);
    return path;
}

static inline void expect_file(const struct scene *scene, const char *name,
                               const char *expected)
{
    static char text[65536];
    FILE *file = fopen(path_in(scene, name), "re");
    size_t size;

    if (file == NULL) {
        fail_msg("%s: %s", name, strerror(errno));
    }
    size = fread(text, 1, sizeof(text) - 1, file);
    assert_int_equal(fclose(file), 0);
    text[size] = '\0';
    assert_string_equal(text, expected);
}

#endif
