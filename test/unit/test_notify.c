/*
 * What the service manager is told, and that telling it never blocks. A socket
 * of the test is in place of systemd's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/notify.h"

#define TEXT_SIZE 1024
#define WATCHDOG_MS 40

struct scene {
    int manager; /* the socket of the test */
    char path[64];
    uv_loop_t loop;
    struct notify notify;
};

static void manager_open(struct scene *scene, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = strlen(name);
    memcpy(address.sun_path, name, size);
    if (name[0] == '@') {
        address.sun_path[0] = '\0';
    }
    scene->manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_true(scene->manager >= 0);
    assert_int_equal(
        bind(scene->manager, (struct sockaddr *)&address,
             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size)),
        0);
}

static void clear_environment(void)
{
    (void)unsetenv("NOTIFY_SOCKET");
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
}

static int setup(void **state)
{
    static unsigned number;
    struct scene *scene = calloc(1, sizeof *scene);
    assert_non_null(scene);
    (void)snprintf(scene->path, sizeof scene->path, "/tmp/test_notify.%d.%u",
                   (int)getpid(), number++);
    scene->manager = -1;
    clear_environment();
    assert_int_equal(uv_loop_init(&scene->loop), 0);
    *state = scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;
    notify_close(&scene->notify);
    assert_int_equal(uv_run(&scene->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&scene->loop), 0);
    if (scene->manager >= 0) {
        close(scene->manager);
    }
    (void)unlink(scene->path);
    clear_environment();
    free(scene);
    return 0;
}

static void open_with(struct scene *scene, const char *name)
{
    manager_open(scene, name);
    (void)setenv("NOTIFY_SOCKET", name, 1);
    notify_open(&scene->notify, &scene->loop);
}

/* The next message, or "" if there is none. */
static const char *told(const struct scene *scene)
{
    static char text[TEXT_SIZE];
    ssize_t size = recv(scene->manager, text, sizeof text - 1, 0);
    text[size < 0 ? 0 : size] = '\0';
    return text;
}

static void expect(const struct scene *scene, const char *text)
{
    assert_string_equal(told(scene), text);
}

/* systemctl start waits for this, and for nothing else. */
static void ready_is_told(void **state)
{
    struct scene *scene = *state;
    open_with(scene, scene->path);
    notify_ready(&scene->notify, "polling; queues: 3");
    expect(scene, "READY=1\nSTATUS=polling; queues: 3");
    notify_status(&scene->notify, "failing: %d", 2);
    expect(scene, "STATUS=failing: 2");
    expect(scene, "");
}

/* A name from the configuration must not be able to add a line of its own. */
static void status_is_one_line(void **state)
{
    struct scene *scene = *state;
    open_with(scene, scene->path);
    notify_status(&scene->notify, "a\nREADY=1");
    expect(scene, "STATUS=a?READY=1");
    notify_ready(&scene->notify, "b\nSTOPPING=1");
    expect(scene, "READY=1\nSTATUS=b?STOPPING=1");
}

/* systemd drops a RELOADING=1 without the time. */
static void reload_has_its_time(void **state)
{
    struct scene *scene = *state;
    unsigned long long told_us;
    struct timespec now;
    open_with(scene, scene->path);
    notify_reloading(&scene->notify);
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    assert_int_equal(
        sscanf(told(scene), "RELOADING=1\nMONOTONIC_USEC=%llu", &told_us), 1);
    unsigned long long now_us = (unsigned long long)now.tv_sec * 1000000 +
                                (unsigned long long)now.tv_nsec / 1000;
    assert_true(told_us <= now_us && now_us - told_us < 60000000);
    notify_ready(&scene->notify, "reload rejected");
    expect(scene, "READY=1\nSTATUS=reload rejected");
}

/* Otherwise the manager would kill it in the middle of a long drain. */
static void stopping_says_how_long(void **state)
{
    struct scene *scene = *state;
    open_with(scene, scene->path);
    notify_stopping(&scene->notify, 40000);
    expect(scene, "STOPPING=1\nEXTEND_TIMEOUT_USEC=40000000\n"
                  "STATUS=finishing outstanding work");
}

/* Managers in containers use these. */
static void abstract_socket(void **state)
{
    struct scene *scene = *state;
    char name[64];
    (void)snprintf(name, sizeof name, "@test_notify.%d", (int)getpid());
    open_with(scene, name);
    notify_ready(&scene->notify, "works");
    expect(scene, "READY=1\nSTATUS=works");
}

/* In a shell there is no manager, and a wrong variable is no reason to fail. */
static void without_a_manager_nothing_happens(void **state)
{
    struct scene *scene = *state;
    char much_too_long[200];
    const char *const names[] = {NULL,  "",        "@",           "/",
                                 "rel", "vsock:2", much_too_long, "/nowhere/x"};
    memset(much_too_long, 'x', sizeof much_too_long - 1);
    much_too_long[0] = '/';
    much_too_long[sizeof much_too_long - 1] = '\0';
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i] != NULL) {
            (void)setenv("NOTIFY_SOCKET", names[i], 1);
        }
        (void)setenv("WATCHDOG_USEC", "1000", 1);
        notify_open(&scene->notify, &scene->loop);
        notify_ready(&scene->notify, "");
        notify_stopping(&scene->notify, 1);
        assert_int_equal(scene->notify.kept_count, 0);
        notify_close(&scene->notify);
        (void)uv_run(&scene->loop, UV_RUN_DEFAULT);
    }
    notify_open(&scene->notify, &scene->loop);
}

/* The manager's socket is full: nobody waits for it, and the end of a start or
 * a reload is not lost. */
static void full_socket_does_not_block(void **state)
{
    struct scene *scene = *state;
    unsigned count = 0;
    open_with(scene, scene->path);
    while (scene->notify.kept_count == 0 && count < 100000) {
        notify_ready(&scene->notify, "full");
        count++;
    }
    assert_int_equal(scene->notify.kept_count, 1);
    notify_reloading(&scene->notify);
    notify_status(&scene->notify, "not worth waiting for");
    notify_ready(&scene->notify, "last");
    assert_int_equal(scene->notify.kept_count, 3);
    for (unsigned i = 0; i < 100; i++) { /* more than can be kept */
        notify_ready(&scene->notify, "last");
    }
    assert_int_equal(scene->notify.kept_count, NOTIFY_KEPT_MAX);
    while (count > 1) {
        expect(scene, "READY=1\nSTATUS=full");
        count--;
    }
    uv_ref((uv_handle_t *)&scene->notify.retry);
    (void)uv_run(&scene->loop, UV_RUN_DEFAULT); /* until none is left */
    uv_unref((uv_handle_t *)&scene->notify.retry);
    for (unsigned i = 0; i < NOTIFY_KEPT_MAX; i++) {
        expect(scene, "READY=1\nSTATUS=last");
    }
    expect(scene, "");
}

/* The watchdog */

static void open_watched(struct scene *scene, const char *pid)
{
    char limit[32];
    (void)snprintf(limit, sizeof limit, "%d", WATCHDOG_MS * 1000);
    (void)setenv("WATCHDOG_USEC", limit, 1);
    if (pid != NULL) {
        (void)setenv("WATCHDOG_PID", pid, 1);
    }
    open_with(scene, scene->path);
}

/* A stuck process must be found, and no other restarted. */
static void turning_loop_feeds_the_watchdog(void **state)
{
    struct scene *scene = *state;
    char pid[32];
    (void)snprintf(pid, sizeof pid, "%d", (int)getpid());
    open_watched(scene, pid);
    uv_ref((uv_handle_t *)&scene->notify.watchdog);
    for (unsigned i = 0; i < 5; i++) {
        (void)uv_run(&scene->loop, UV_RUN_ONCE);
        expect(scene, "WATCHDOG=1");
    }
    uv_unref((uv_handle_t *)&scene->notify.watchdog);
    assert_int_equal(uv_timer_get_repeat(&scene->notify.watchdog),
                     WATCHDOG_MS / 2);
}

static void on_stall(uv_timer_t *timer)
{
    const struct scene *scene = timer->data;
    struct timespec much_longer = {.tv_nsec = 3 * WATCHDOG_MS * 1000000};
    while (told(scene)[0] != '\0') {
    }
    (void)nanosleep(&much_longer, NULL);
    expect(scene, "");
    uv_close((uv_handle_t *)timer, NULL);
}

static void stuck_loop_does_not_feed_it(void **state)
{
    struct scene *scene = *state;
    uv_timer_t stall = {.data = scene};
    open_watched(scene, NULL);
    (void)uv_timer_init(&scene->loop, &stall);
    (void)uv_timer_start(&stall, on_stall, WATCHDOG_MS, 0);
    (void)uv_run(&scene->loop, UV_RUN_DEFAULT);
    uv_ref((uv_handle_t *)&scene->notify.watchdog);
    (void)uv_run(&scene->loop, UV_RUN_ONCE);
    uv_unref((uv_handle_t *)&scene->notify.watchdog);
    expect(scene, "WATCHDOG=1");
}

/* A wrapper's variable is inherited, but the limit is the wrapper's. */
static void watchdog_of_another_process(void **state)
{
    struct scene *scene = *state;
    open_watched(scene, "1");
    assert_int_equal(scene->notify.watchdog_ms, 0);
    assert_false(uv_is_active((uv_handle_t *)&scene->notify.watchdog));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ready_is_told),
        TEST(status_is_one_line),
        TEST(reload_has_its_time),
        TEST(stopping_says_how_long),
        TEST(abstract_socket),
        TEST(without_a_manager_nothing_happens),
        TEST(full_socket_does_not_block),
        TEST(turning_loop_feeds_the_watchdog),
        TEST(stuck_loop_does_not_feed_it),
        TEST(watchdog_of_another_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
