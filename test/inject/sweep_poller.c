/*
 * Whole poll cycles through the public API. What was added delivers all it
 * has, and nothing is marked that was not accepted (scene_close() looks at
 * that).
 */
#include "poller_scene.h"

#include <openssl/crypto.h>
#include <poll.h>

#include "fault.h"
#include "sim_process.h"
#include "sweep.h"

int sweep_quiet_ms = 3; /* nothing came */
#define QUIET_COUNT 2   /* so often in a row: nothing will */

#define BUSY_COUNT 5000 /* turns without a pause: it goes in circles */

/* OpenSSL does that: when a handshake finds no memory for what comes in, it
 * never reads it, and libcurl waits on a socket that is always readable, until
 * the connection's time is up. */
void sweep_turn(uv_loop_t *loop)
{
    static int quiet_count;
    static int busy_count;
    uv_run(loop, UV_RUN_NOWAIT);
    int wait_ms = uv_backend_timeout(loop);
    if (wait_ms == 0) {
        return;
    }
    /* What a callback has begun to watch is in the kernel's hands only when
     * the loop has run once more. */
    struct pollfd events = {.fd = uv_backend_fd(loop), .events = POLLIN};
    int limit_ms =
        wait_ms < 0 || wait_ms > sweep_quiet_ms ? sweep_quiet_ms : wait_ms;
    bool is_quiet = poll(&events, 1, limit_ms) == 0;
    quiet_count = is_quiet ? quiet_count + 1 : 0;
    busy_count = is_quiet ? 0 : busy_count + 1;
    if (wait_ms > 0 &&
        (quiet_count >= QUIET_COUNT || busy_count >= BUSY_COUNT)) {
        quiet_count = 0;
        busy_count = 0;
        clock_skipped_ms += (uint64_t)wait_ms;
    }
}

void sweep_skip(uint64_t ms)
{
    clock_skipped_ms += ms;
}

#define NEW_KEY "Zz_newKeyNewKeyNewKeyNewKeyNewKeyNewKeyNewKey9"
#define FAILURE ANSWER("500 Internal Server Error", "text/html", "Oops")

/* On a fake server of this process */

/* Once more if it fails, as nothing fails a second time. */
static void poller_make(struct scene *scene)
{
    struct haplo_poller_options options = poller_options(scene);
    options.seed = 0; /* the system's */
    int error =
        haplo_poller_new(&scene->loop, &options, &scene->poller, NULL, 0);
    if (error != 0) {
        assert_int_equal(error, HAPLO_ENOMEM);
        assert_null(scene->poller);
        error =
            haplo_poller_new(&scene->loop, &options, &scene->poller, NULL, 0);
    }
    assert_int_equal(error, 0);
}

static void server_make(struct scene *scene)
{
    const struct haplo_server_options options = {.in_flight_max = 2,
                                                 .connect_timeout_ms = 500,
                                                 .first_byte_timeout_ms = 500,
                                                 .stall_timeout_ms = 500,
                                                 .total_timeout_ms = 2000};
    fault_pause();
    fake_open(&scene->fakes[scene->server_count], &scene->loop);
    fault_resume();
    int error = scene_try_server(scene, options);
    if (error != 0) {
        error = scene_try_server(scene, options);
    }
    assert_int_equal(error, 0);
}

static struct watch *queue_make(struct scene *scene, unsigned server,
                                struct haplo_queue_options options,
                                unsigned unread)
{
    struct watch *watch = watch_new(scene, server, options.name, unread);
    char why[HAPLO_TEXT_SIZE_MAX] = "";
    options.data = watch;
    options.interval_ms = 1000;
    options.backoff_ms = 100;
    options.backoff_max_ms = 1000;
    for (unsigned tries = 0; watch->queue == NULL; tries++) {
        int error = haplo_queue_add(scene->servers[server], &options,
                                    &watch->queue, why, sizeof why);
        assert_true(error == 0 || (tries == 0 && error == HAPLO_ENOMEM));
        assert_true((error == 0) == (watch->queue != NULL));
        assert_true((error == 0) == (why[0] == '\0'));
        why[0] = '\0';
    }
    haplo_queue_poll_now(watch->queue);
    return watch;
}

#define UNTIL(scene, condition) SWEEP_UNTIL(&(scene)->loop, condition)

static void key_change(struct watch *watch)
{
    int error = haplo_queue_set_key(watch->queue, NEW_KEY);
    if (error != 0) {
        assert_int_equal(error, HAPLO_ENOMEM);
        error = haplo_queue_set_key(watch->queue, NEW_KEY);
    }
    assert_int_equal(error, 0);
}

/* Batches of each format; one delivered again; a server that fails. */
static void queues_play(struct scene *scene)
{
    struct haplo_queue_options options = queue_options("q1");
    struct watch *q1 = queue_make(scene, 0, options, 20);
    options = queue_options("q2");
    options.messages_pointer = "/messages";
    options.content_type = "application/json";
    struct watch *q2 = queue_make(scene, 0, options, 40);
    options = queue_options("q3");
    options.format = HAPLO_FORMAT_RAW;
    options.token_pattern = "\"token\": \"([^\"]*)\"";
    struct watch *q3 = queue_make(scene, 0, options, 0);
    struct watch *q4 = queue_make(scene, 1, queue_options("q4"), 3);
    q2->fake->batch_max = 0; /* more than are compared pair by pair */
    q2->answer = RETRY;
    q2->retry_ms = 10;
    q4->fake->fetch_answer = FAILURE;
    UNTIL(scene, q2->deliver_count > 0 && q4->fake->fetch_count > 0);
    q2->answer = ACCEPT;
    key_change(q1);
    q4->fake->fetch_answer = NULL;
    q4->fake->mark_answer = FAILURE;
    UNTIL(scene, q4->fake->mark_count > 0);
    q4->fake->mark_answer = NULL;
    UNTIL(scene, q1->fake->unread + q2->fake->unread + q4->fake->unread == 0);
    UNTIL(scene, q3->fake->fetch_count > 0);
    assert_int_equal(haplo_queue_remove(q2->queue, scene_on_removed), 0);
    UNTIL(scene, q2->removed_count == 1);
}

static void http_run(void)
{
    sweep_quiet_ms = 1;
    fault_pause();
    struct scene *scene = scene_new();
    fault_resume();
    poller_make(scene);
    server_make(scene);
    server_make(scene);
    queues_play(scene);
    assert_int_equal(haplo_poller_stop(scene->poller, 1000, scene_on_stopped),
                     0);
    UNTIL(scene, scene->stopped_count == 1);
    haplo_poller_close(scene->poller, scene_on_closed);
    UNTIL(scene, scene->closed_count == 1);
    fault_pause();
    scene_close(scene);
    fault_resume();
}

/* On haplo-sim, with TLS */

#define IDS_MAX 256

/* What one run has seen. */
struct harvest {
    unsigned ids[IDS_MAX]; /* of messages that were accepted */
    unsigned count;        /* different ones */
    bool is_drained;       /* a mark was confirmed, and nothing is left */
    bool is_closed;        /* */
};

static void harvest_add(struct harvest *harvest, unsigned id)
{
    for (unsigned i = 0; i < harvest->count; i++) {
        if (harvest->ids[i] == id) {
            return;
        }
    }
    assert_true(harvest->count < IDS_MAX);
    harvest->ids[harvest->count++] = id;
}

static void tls_on_deliver(struct haplo_queue *queue, struct haplo_batch batch)
{
    const struct haplo_message *messages = haplo_batch_messages(batch);
    for (size_t i = 0; i < haplo_batch_message_count(batch); i++) {
        harvest_add(haplo_queue_data(queue), id_of(&messages[i]));
    }
    haplo_batch_accept(batch);
}

static void tls_on_marked(struct haplo_queue *queue,
                          const struct haplo_mark *mark)
{
    struct harvest *harvest = haplo_queue_data(queue);
    harvest->is_drained = mark->unread_count == 0;
}

static void tls_on_closed(void *data)
{
    *(bool *)data = true;
}

/* The simulator does not ask for the client's certificate, but it is read. */
static void tls_set_up(void)
{
    const struct sim_process *sim = sim_start();
    char command[512];
    snprintf(command, sizeof command,
             "cd '%s' && { test -e client.key || openssl req -x509 -newkey ec "
             "-pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=client "
             "-keyout client.key -out client.pem 2>/dev/null; }",
             sim->dir);
    assert_int_equal(system(command), 0);
}

static void tls_queue_add(struct haplo_poller *poller, struct harvest *harvest)
{
    const struct sim_process *sim = sim_start();
    char ca_file[96];
    char certificate_file[96];
    char key_file[96];
    char why[HAPLO_TEXT_SIZE_MAX] = "";
    snprintf(ca_file, sizeof ca_file, "%s/ca.pem", sim->dir);
    snprintf(certificate_file, sizeof certificate_file, "%s/client.pem",
             sim->dir);
    snprintf(key_file, sizeof key_file, "%s/client.key", sim->dir);
    const struct haplo_server_options server_options = {
        .struct_size = sizeof server_options,
        .name = "app1",
        .url = sim->url,
        .tls_ca_file = ca_file,
        .tls_certificate_file = certificate_file,
        .tls_key_file = key_file};
    const struct haplo_queue_options options = {.struct_size = sizeof options,
                                                .name = "q1",
                                                .api_key = sim->key,
                                                .backoff_ms = 100,
                                                .deliver_cb = tls_on_deliver,
                                                .marked_cb = tls_on_marked,
                                                .data = harvest};
    struct haplo_server *server = NULL;
    struct haplo_queue *queue = NULL;
    for (unsigned tries = 0; queue == NULL; tries++) {
        assert_true(tries < 2);
        int error = server != NULL ? 0
                                   : haplo_server_add(poller, &server_options,
                                                      &server, why, sizeof why);
        if (error == 0) {
            error = haplo_queue_add(server, &options, &queue, why, sizeof why);
        }
        assert_true(error == 0 || error == HAPLO_ENOMEM);
    }
    haplo_queue_poll_now(queue);
}

/* All that the server has is gathered; what it counts as marked was. */
static void tls_run(void)
{
    struct harvest harvest = {.count = 0};
    struct haplo_poller *poller = NULL;
    uv_loop_t loop;
    sweep_quiet_ms = 3;
    fault_pause();
    sim_add(20);
    unsigned unread = sim_unread();
    assert_int_equal(uv_loop_init(&loop), 0);
    fault_resume();
    const struct haplo_poller_options options = {
        .struct_size = sizeof options, .seed = 1, .data = &harvest.is_closed};
    if (haplo_poller_new(&loop, &options, &poller, NULL, 0) != 0) {
        assert_int_equal(haplo_poller_new(&loop, &options, &poller, NULL, 0),
                         0);
    }
    tls_queue_add(poller, &harvest);
    SWEEP_UNTIL(&loop, harvest.is_drained);
    haplo_poller_close(poller, tls_on_closed);
    SWEEP_UNTIL(&loop, harvest.is_closed);
    fault_pause();
    assert_int_equal(harvest.count, unread);
    assert_int_equal(sim_unread(), 0);
    assert_int_equal(uv_loop_close(&loop), 0);
    OPENSSL_thread_stop(); /* it keeps the texts of its newest errors */
    fault_resume();
}

const struct sweep_unit sweep_poller_units[] = {
    {"poller/http", http_run, NULL, false, 1},
    {"poller/tls", tls_run, tls_set_up, true, 1},
    {NULL, NULL, NULL, false, 0},
};
