/*
 * The control socket: a process that listens and, on another thread, one that
 * asks. What is asked is carried out once at most; who asked is told the
 * result, or in a line that there is none; and the next one that asks is
 * answered, whatever has failed before.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/control_ask.h"
#include "fault.h"
#include "haplopoll.h"
#include "sweep.h"

#define REQUEST "retry out app1/q1"
#define ANSWER "outlet out: trying again"
#define TRIES_MAX 2

/* The process that asks. */
struct client {
    const char *folder;               /* where the other one listens */
    bool is_reached;                  /* somebody listens */
    enum exit_code code;              /* its answer */
    char answer[HAPLO_TEXT_SIZE_MAX]; /* the same */
    atomic_bool is_done;              /* the thread ends */
};

static unsigned asked_count;   /* requests sent, or at least begun */
static unsigned request_count; /* carried out */

static void on_request(struct control *control, uint64_t number,
                       const char *request, void *data)
{
    (void)data;
    assert_string_equal(request, REQUEST);
    request_count++;
    assert_in_range(request_count, 1, asked_count);
    control_answer(control, number, EXIT_CODE_FINE, ANSWER);
}

static void *ask(void *data)
{
    struct client *client = data;
    client->is_reached = control_ask(client->folder, REQUEST, &client->code,
                                     client->answer, sizeof client->answer);
    atomic_store(&client->is_done, true);
    return NULL;
}

/* True if it was carried out, and said to be. */
static bool is_answered(uv_loop_t *loop, const char *folder)
{
    struct client client = {.folder = folder, .answer = "-"};
    pthread_t thread;
    unsigned count = request_count;
    asked_count++;
    fault_pause();
    assert_int_equal(pthread_create(&thread, NULL, ask, &client), 0);
    fault_resume();
    SWEEP_UNTIL(loop, atomic_load(&client.is_done));
    assert_int_equal(pthread_join(thread, NULL), 0);
    if (!client.is_reached) {
        return false;
    }
    assert_null(strchr(client.answer, '\n'));
    if (client.code == EXIT_CODE_FINE) {
        assert_true(request_count > count);
        assert_string_equal(client.answer, ANSWER);
        return true;
    }
    assert_int_equal(client.code, EXIT_CODE_FAILED);
    assert_non_null(strstr(client.answer, folder));
    return false;
}

static void listen_here(struct control *control, uv_loop_t *loop,
                        const char *folder)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    int error = -1;
    for (unsigned tries = 0; error != 0; tries++) {
        assert_true(tries < TRIES_MAX);
        error = control_open(control, loop, folder, on_request, NULL, why,
                             sizeof why);
        if (error != 0) {
            assert_non_null(strstr(why, folder));
            assert_null(strchr(why, '\n'));
            assert_int_equal(uv_run(loop, UV_RUN_DEFAULT), 0);
        }
    }
}

static void control_run(void)
{
    struct control control;
    uv_loop_t loop;
    char folder[] = "/tmp/haplo-sweep-XXXXXX";
    char path[64];
    sweep_quiet_ms = 3;
    fault_pause();
    assert_non_null(mkdtemp(folder));
    assert_int_equal(uv_loop_init(&loop), 0);
    fault_resume();
    listen_here(&control, &loop, folder);
    for (unsigned tries = 0; !is_answered(&loop, folder); tries++) {
        assert_true(tries < TRIES_MAX);
    }
    control_close(&control);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    fault_pause();
    assert_int_equal(uv_loop_close(&loop), 0);
    snprintf(path, sizeof path, "%s/" CONTROL_FILE, folder);
    (void)unlink(path);
    assert_int_equal(rmdir(folder), 0);
    fault_resume();
}

/* As the daemon does: who asks may be gone before the answer. */
static void control_set_up(void)
{
    assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
}

const struct sweep_unit sweep_control_units[] = {
    {"daemon/control", control_run, control_set_up, false, 1},
    {NULL, NULL, NULL, false, 0},
};
