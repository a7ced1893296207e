/*
 * The admin socket: a process that listens and, on another thread, one that
 * asks. Who asks gets the response, or is told in a line that there is none;
 * and the next one that asks is answered, whatever has failed before.
 */
#include <netinet/in.h>
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
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/admin/admin.h"
#include "daemon/admin/admin_ask.h"
#include "fault.h"
#include "haplopoll.h"
#include "sweep.h"

#define TRIES_MAX 3
#define TOKEN "0123456789abcdefghijklmnopqrstuv"

/* The process that asks. */
struct client {
    const struct config *config; /* says where the other one listens */
    int error;                   /* of asking */
    char why[HAPLO_TEXT_SIZE_MAX];
    struct admin_answer answer; /* if that is 0 */
    atomic_bool is_done;        /* the thread ends */
};

static void *ask(void *data)
{
    struct client *client = data;
    client->error = admin_ask(client->config, "POST", "/api/v1/session",
                              "{\"token\":\"" TOKEN "\"}", &client->answer,
                              client->why, sizeof client->why);
    atomic_store(&client->is_done, true);
    return NULL;
}

/* True if it got the response of the handler: a session. Where the
 * file of the token cannot be read, the token is not known. */
static bool is_answered(uv_loop_t *loop, const struct config *config)
{
    struct client client = {.config = config};
    pthread_t thread;
    fault_pause();
    assert_int_equal(pthread_create(&thread, NULL, ask, &client), 0);
    fault_resume();
    SWEEP_UNTIL(loop, atomic_load(&client.is_done));
    assert_int_equal(pthread_join(thread, NULL), 0);
    if (client.error != 0) {
        assert_true(client.why[0] != '\0');
        assert_null(strchr(client.why, '\n'));
    }
    bool is_expected = client.error == 0 && client.answer.status == 200;
    if (client.error == 0 && !is_expected) {
        assert_true(client.answer.status == 500 || client.answer.status == 401);
    }
    admin_answer_free(&client.answer);
    return is_expected;
}

/* Opening never fails as a whole; it may not listen. */
static bool try_once(uv_loop_t *loop, const struct config *config,
                     struct gather *gather)
{
    struct admin *admin = admin_open(loop, config, gather, NULL);
    bool is_fine = false;
    for (unsigned tries = 0; admin != NULL && !is_fine && tries < TRIES_MAX;
         tries++) {
        is_fine = is_answered(loop, config);
    }
    admin_close(admin);
    assert_int_equal(uv_run(loop, UV_RUN_DEFAULT), 0);
    return is_fine;
}

static void token_write(const char *path)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(TOKEN "\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0600), 0);
}

/* Another program may take it: then the process goes on without. */
static unsigned free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(descriptor, (struct sockaddr *)&address, size), 0);
    assert_int_equal(
        getsockname(descriptor, (struct sockaddr *)&address, &size), 0);
    assert_int_equal(close(descriptor), 0);
    return ntohs(address.sin_port);
}

static void admin_run(void)
{
    uv_loop_t loop;
    char folder[] = "/tmp/haplo-sweep-XXXXXX";
    char path[64];
    char token[64];
    char listen_on[32];
    sweep_quiet_ms = 3;
    fault_pause();
    snprintf(listen_on, sizeof listen_on, "127.0.0.1:%u", free_port());
    assert_non_null(mkdtemp(folder));
    snprintf(token, sizeof token, "%s/token", folder);
    token_write(token);
    assert_int_equal(uv_loop_init(&loop), 0);
    fault_resume();
    const struct config config = {
        .state_dir = folder,
        .admin = {.token_file = token, .listen = listen_on}};
    struct gather gather = {.config = &config};
    for (unsigned tries = 0; !try_once(&loop, &config, &gather); tries++) {
        assert_true(tries < TRIES_MAX);
    }
    fault_pause();
    assert_int_equal(uv_loop_close(&loop), 0);
    snprintf(path, sizeof path, "%s/" ADMIN_SOCKET_FILE, folder);
    (void)unlink(path);
    assert_int_equal(unlink(token), 0);
    assert_int_equal(rmdir(folder), 0);
    fault_resume();
}

/* As the daemon does: who asks may be gone before the answer. */
static void admin_set_up(void)
{
    assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
}

const struct sweep_unit sweep_admin_units[] = {
    {"daemon/admin", admin_run, admin_set_up, false, 1},
    {NULL, NULL, NULL, false, 0},
};
