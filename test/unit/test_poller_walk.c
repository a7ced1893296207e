/*
 * The public API and uv_walk(): an application may look at all handles of its
 * loop, and close what is left when its pollers are closed. One that closes
 * those of a poller is told so.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "haplopoll.h"

#define KEY "eB_RKYvYlpDbMLrJc7BBBgnd-SsyXh8qPEjXm2ZeRML0"

static uv_loop_t loop;
static uv_timer_t own_timer;
static struct haplo_poller *poller;
static unsigned closed_count;

static void on_deliver(struct haplo_queue *queue, struct haplo_batch batch)
{
    (void)queue;
    (void)haplo_batch_retry(batch, 0, NULL);
}

static void on_closed(void *data)
{
    (void)data;
    closed_count++;
}

/* A poller at work: nobody listens on port 1. */
static void open_all(void)
{
    struct haplo_server *server;
    struct haplo_queue *queue;
    const struct haplo_server_options at = {.struct_size = sizeof at,
                                            .name = "server",
                                            .url = "http://127.0.0.1:1"};
    const struct haplo_queue_options options = {.struct_size = sizeof options,
                                                .name = "q1",
                                                .api_key = KEY,
                                                .deliver_cb = on_deliver};
    closed_count = 0;
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(uv_timer_init(&loop, &own_timer), 0);
    assert_int_equal(haplo_poller_new(&loop, NULL, &poller, NULL, 0), 0);
    assert_int_equal(haplo_server_add(poller, &at, &server, NULL, 0), 0);
    assert_int_equal(haplo_queue_add(server, &options, &queue, NULL, 0), 0);
    haplo_queue_poll_now(queue);
    uv_run(&loop, UV_RUN_NOWAIT);
}

static void count_handle(uv_handle_t *handle, void *data)
{
    unsigned *count = data;
    assert_string_not_equal(uv_handle_type_name(handle->type), "");
    (*count)++;
}

static void close_handle(uv_handle_t *handle, void *data)
{
    (void)data;
    if (!uv_is_closing(handle)) {
        uv_close(handle, NULL);
    }
}

/* A debugging aid that lists the handles of the loop does no harm. */
static void handles_may_be_visited(void **state)
{
    (void)state;
    unsigned count = 0;
    open_all();
    uv_walk(&loop, count_handle, &count);
    assert_true(count > 1);
    haplo_poller_close(poller, on_closed);
    uv_close((uv_handle_t *)&own_timer, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(closed_count, 1);
    assert_int_equal(uv_loop_close(&loop), 0);
}

/* What the header asks for: no handle of a poller is left for uv_walk(). */
static void everything_may_be_closed_after_the_pollers(void **state)
{
    (void)state;
    unsigned count = 0;
    open_all();
    haplo_poller_close(poller, on_closed);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(closed_count, 1);
    uv_walk(&loop, count_handle, &count);
    assert_int_equal(count, 1);
    uv_walk(&loop, close_handle, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void close_before(void)
{
    uv_walk(&loop, close_handle, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    haplo_poller_close(poller, on_closed);
}

static void close_after(void)
{
    haplo_poller_close(poller, on_closed);
    uv_walk(&loop, close_handle, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
}

/* What a process says that does this to its poller. */
static void check_told(void (*close_all)(void))
{
    char text[1024] = "";
    int ends[2];
    int status;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit none = {0, 0};
        signal(SIGABRT, SIG_DFL);
        setrlimit(RLIMIT_CORE, &none);
        dup2(ends[1], STDERR_FILENO);
        open_all();
        close_all();
        _exit(0);
    }
    close(ends[1]);
    size_t size = 0;
    ssize_t got;
    while ((got = read(ends[0], text + size, sizeof text - 1 - size)) > 0) {
        size += (size_t)got;
    }
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_non_null(strstr(text, "uv_walk(): the application has closed a"));
}

/* Otherwise the program would wait for close_cb forever, and nothing would say
 * why. */
static void a_poller_whose_handles_were_closed_says_so(void **state)
{
    (void)state;
    check_told(close_before);
    check_told(close_after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handles_may_be_visited),
        cmocka_unit_test(everything_may_be_closed_after_the_pollers),
        cmocka_unit_test(a_poller_whose_handles_were_closed_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
