/*
 * Pollers that are opened and closed, one after the other, each at another
 * moment of its work: while a name is looked up, during the handshake, in the
 * middle of a body, with a batch that the application still reads, and so on;
 * and at any turn of the loop. Half of their servers speak TLS. A few live at
 * the same time, on one loop.
 *
 * `make soak` runs 10,000 of them with AddressSanitizer, and as many with
 * valgrind; HAPLO_SOAK is their number.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "failing_allocator.h"
#include "fake_haplo.h"
#include "fake_names.h"
#include "http/client_private.h"
#include "http/easy.h"
#include "http/endpoint_private.h"
#include "http/resolver.h"
#include "poller/poller.h"

#define KEY "eB_RKYvYlpDbMLrJc7BBBgnd-SsyXh8qPEjXm2ZeRML0"
#define LIVES_DEFAULT 300
#define AT_ONCE 3 /* lives */
#define BATCHES_MAX 8
#define QUEUES_PER_LIFE 3
#define TURNS_MAX 20000 /* until a moment comes, or a poller is closed */
#define ANY_TURN_MAX 64 /* by then, all of the other moments have passed */
#define TICK_MS 1       /* so that a turn of the loop does not last */

/* When a poller is closed. */
enum moment {
    AT_ONCE_AFTER_START,
    IN_LOOKUP,      /* of its server's name */
    IN_CONNECT,     /* TCP */
    IN_HANDSHAKE,   /* TLS */
    IN_WAIT,        /* for a response */
    IN_BODY,        /* half a response has arrived */
    WITH_BATCH,     /* the application has it */
    IN_MARK,        /* which is not confirmed */
    AFTER_MARK,     /* a batch was confirmed */
    INSIDE_DELIVER, /* of deliver_cb */
    INSIDE_MARKED,  /* of marked_cb */
    INSIDE_STOPPED, /* of stopped_cb */
    AT_ANY_TURN,    /* of the loop */
    MOMENT_COUNT
};

static const char *const moment_names[] = {
    "after the start", "look-up",      "connect",
    "handshake",       "wait",         "body",
    "batch delivered", "mark",         "after a mark",
    "in deliver_cb",   "in marked_cb", "in stopped_cb",
    "any turn"};

/* The server treats these queues in different ways. */
enum queue_kind {
    NORMAL,
    SILENT,      /* no response */
    SLOW,        /* half a response */
    SILENT_MARK, /* no response to a mark */
    QUEUE_KINDS
};

static const char *const queue_names[] = {"normal", "silent", "slow",
                                          "silent-mark"};

/* One poller, from its beginning to close_cb. */
struct life {
    struct haplo_poller *poller;             /* NULL: not begun, or over */
    enum moment moment;                      /* when it is closed */
    unsigned turns;                          /* since it began */
    unsigned delay;                          /* turns after the moment */
    unsigned any_turn;                       /* the moment AT_ANY_TURN */
    bool has_come;                           /* the moment */
    bool is_stopping;                        /* haplo_poller_stop() */
    bool is_closing;                         /* haplo_poller_close() */
    unsigned marked_count;                   /* calls of marked_cb */
    struct haplo_batch batches[BATCHES_MAX]; /* not answered yet */
    unsigned batch_count;                    /* of those */
};

static uv_loop_t loop;
static struct fake_server fakes[2]; /* plain, and with TLS */
static http_request_cb haplo_answers;
static struct life lives[AT_ONCE];
static unsigned closed_at[MOMENT_COUNT];
static char ca_file[] = "/tmp/haplo-soak-XXXXXX";

/* Always the same numbers. */
static unsigned draw(unsigned below)
{
    static uint32_t x = 2463534242;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return x % below;
}

static bool is_about_marks(enum moment moment)
{
    return moment == IN_MARK || moment == AFTER_MARK || moment == INSIDE_MARKED;
}

/* The servers */

static bool asks_for(const struct http_peer *peer, enum queue_kind kind)
{
    char part[32];
    (void)snprintf(part, sizeof part, "/%s/", queue_names[kind]);
    const char *end = strchr(peer->request, '\r');
    const char *found = strstr(peer->request, part);
    return found != NULL && found < end;
}

static void on_request(struct http_peer *peer)
{
    static const char half[] = "HTTP/1.1 200 OK\r\n"
                               "Content-Type: application/json\r\n"
                               "Content-Length: 5000\r\n\r\n"
                               "{\"version\": 0, \"tok";
    bool is_mark = strncmp(peer->request, "POST ", 5) == 0;
    if (asks_for(peer, SILENT) || (is_mark && asks_for(peer, SILENT_MARK))) {
        return;
    }
    if (asks_for(peer, SLOW)) {
        http_peer_send(peer, half, sizeof half - 1);
        return;
    }
    haplo_answers(peer);
}

static void servers_open(void)
{
    for (unsigned i = 0; i < 2; i++) {
        fake_open(&fakes[i], &loop);
        haplo_answers = fakes[i].http.request_cb;
        fakes[i].http.request_cb = on_request;
        fakes[i].queue_count = QUEUE_KINDS;
        for (unsigned kind = 0; kind < QUEUE_KINDS; kind++) {
            fakes[i].queues[kind].name = queue_names[kind];
            fakes[i].queues[kind].batch_max = 16;
        }
    }
    int fd = mkstemp(ca_file);
    assert_true(fd >= 0);
    close(fd);
    fakes[1].http.tls = http_tls_context(ca_file);
}

static void servers_close(void)
{
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(fakes[i].unaccepted_marks, 0);
        fake_close(&fakes[i]);
    }
    SSL_CTX_free(fakes[1].http.tls);
    unlink(ca_file);
}

/* There is always something to fetch. */
static void servers_refill(void)
{
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned kind = 0; kind < QUEUE_KINDS; kind++) {
            struct fake_queue *queue = &fakes[i].queues[kind];
            queue->unread = queue->unread == 0 ? 1 + draw(40) : queue->unread;
        }
    }
}

/* Which of the servers' queues a batch came from. */
static struct fake_queue *fake_of(struct haplo_queue *queue)
{
    const char *server = haplo_server_name(haplo_queue_server(queue));
    struct fake_server *fake = &fakes[strcmp(server, "tls") == 0];
    for (unsigned kind = 0; kind < QUEUE_KINDS; kind++) {
        if (strcmp(queue_names[kind], haplo_queue_name(queue)) == 0) {
            return &fake->queues[kind];
        }
    }
    fail_msg("unknown queue");
    return NULL;
}

/* The application */

static void on_closed(void *data)
{
    struct life *life = data;
    assert_true(life->is_closing);
    assert_int_equal(life->batch_count, 0);
    assert_non_null(life->poller); /* once */
    life->poller = NULL;
}

static void life_close(struct life *life)
{
    assert_false(life->is_closing);
    life->is_closing = true;
    closed_at[life->moment]++;
    haplo_poller_close(life->poller, on_closed);
}

static void on_event(struct haplo_poller *poller,
                     const struct haplo_event *event)
{
    const struct life *life = haplo_poller_data(poller);
    (void)event;
    assert_false(life->is_closing);
}

static void on_stopped(struct haplo_poller *poller, size_t batches_left)
{
    struct life *life = haplo_poller_data(poller);
    (void)batches_left;
    assert_false(life->is_closing);
    if (life->moment == INSIDE_STOPPED) {
        life_close(life);
    }
}

/* A thread might do this at any time before the answer. */
static void batch_read(struct haplo_batch batch)
{
    const struct haplo_message *messages = haplo_batch_messages(batch);
    size_t count = haplo_batch_message_count(batch);
    assert_true(count > 0);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(messages[i].body.data[0], '{');
        assert_int_equal(messages[i].body.data[messages[i].body.size - 1], '}');
    }
    assert_true(haplo_batch_state(batch).size > 0);
}

static void batch_accept(struct life *life, struct haplo_batch batch)
{
    if (!life->is_closing) {
        struct fake_queue *fake = fake_of(haplo_batch_queue(batch));
        size_t last = haplo_batch_message_count(batch) - 1;
        unsigned id = (unsigned)strtoul(
            haplo_batch_messages(batch)[last].id.data, NULL, 10);
        fake->accepted = id > fake->accepted ? id : fake->accepted;
    }
    assert_int_equal(haplo_batch_accept(batch),
                     life->is_closing ? HAPLO_ESTOPPED : 0);
}

/* Answers the newest batch that is held. */
static void batch_answer(struct life *life)
{
    struct haplo_batch batch = life->batches[--life->batch_count];
    int error = 0;
    batch_read(batch);
    switch (is_about_marks(life->moment) ? 0 : draw(4)) {
    case 0:
        batch_accept(life, batch);
        return;
    case 1:
        error = haplo_batch_retry(batch, 1 + draw(3), "soak");
        break;
    case 2:
        error = haplo_batch_drop(batch, "soak");
        break;
    default:
        error = haplo_batch_reject(batch, "soak");
        break;
    }
    assert_int_equal(error, life->is_closing ? HAPLO_ESTOPPED : 0);
    assert_int_equal(haplo_batch_accept(batch), HAPLO_EANSWERED);
}

static void on_deliver(struct haplo_queue *queue, struct haplo_batch batch)
{
    struct life *life = haplo_queue_data(queue);
    assert_false(life->is_closing);
    assert_true(life->batch_count < BATCHES_MAX);
    life->batches[life->batch_count++] = batch;
    if (life->moment == INSIDE_DELIVER) {
        life_close(life);
    } else if (life->moment != WITH_BATCH && draw(2) == 0) {
        batch_answer(life);
    }
}

static void on_marked(struct haplo_queue *queue, const struct haplo_mark *mark)
{
    struct life *life = haplo_queue_data(queue);
    assert_false(life->is_closing);
    life->marked_count += mark->message_count > 0;
    if (life->moment == INSIDE_MARKED) {
        life_close(life);
    }
}

/* Moments */

/* TCP is connected, and TLS not yet established. The client does not tell, but
 * the server knows: of one of its connections, nearly always this one. */
static bool is_in_handshake(const struct easy *easy)
{
    const struct http_peer *peer;
    if (!easy->endpoint->url.is_tls) {
        return false;
    }
    LIST_FOREACH (peer, &fakes[1].http.peers, link) {
        if (!SSL_is_init_finished(peer->ssl)) {
            return true;
        }
    }
    return false;
}

static bool request_shows(const struct easy *easy, enum moment moment)
{
    switch (moment) {
    case IN_CONNECT:
        return easy->phase == EASY_CONNECTING;
    case IN_HANDSHAKE:
        return easy->phase == EASY_CONNECTING && is_in_handshake(easy);
    case IN_WAIT:
        return easy->phase == EASY_WAITING;
    case IN_BODY:
        return easy->phase == EASY_RECEIVING;
    case IN_MARK:
        return easy->phase == EASY_WAITING && easy->transfer->body != NULL;
    default:
        return false;
    }
}

static bool name_is_looked_up(const struct life *life)
{
    const struct haplo_server *server;
    TAILQ_FOREACH (server, &life->poller->servers, link) {
        const struct resolver *resolver = server->endpoint->resolver;
        if (resolver != NULL && resolver->lookup != NULL) {
            return true;
        }
    }
    return false;
}

static bool moment_has_come(const struct life *life)
{
    const struct easy *easy;
    switch (life->moment) {
    case AT_ONCE_AFTER_START:
        return true;
    case IN_LOOKUP:
        return name_is_looked_up(life);
    case WITH_BATCH:
        return life->batch_count > 0;
    case AFTER_MARK:
        return life->marked_count > 0;
    case INSIDE_STOPPED:
        return life->turns > 5;
    case AT_ANY_TURN:
        return life->turns > life->any_turn;
    default:
        break;
    }
    LIST_FOREACH (easy, &life->poller->http->busy, busy_link) {
        if (request_shows(easy, life->moment)) {
            return true;
        }
    }
    return false;
}

/* Lives */

static void queue_open(struct life *life, struct haplo_server *server,
                       enum queue_kind kind)
{
    struct haplo_queue *queue;
    const struct haplo_queue_options options = {
        .struct_size = sizeof options,
        .name = queue_names[kind],
        .api_key = KEY,
        .interval_ms = 1,
        .backoff_ms = 1,
        .backoff_max_ms = 2,
        .deliver_cb = on_deliver,
        .marked_cb = on_marked,
        .data = life,
    };
    int error = haplo_queue_add(server, &options, &queue, NULL, 0);
    assert_true(error == 0 || error == HAPLO_EEXIST);
    if (error == 0) {
        haplo_queue_poll_now(queue);
    }
}

static struct haplo_server *server_open(struct life *life, bool is_tls)
{
    struct haplo_server *server;
    bool has_name = life->moment == IN_LOOKUP || draw(2) == 0;
    char url[64];
    const struct haplo_server_options options = {
        .struct_size = sizeof options,
        .name = is_tls ? "tls" : "plain",
        .url = url,
        .allow_http = true,
        .tls_ca_file = ca_file,
        .in_flight_max = 1 + draw(2),
        .data = life,
    };
    (void)snprintf(url, sizeof url, "%s://%s:%d", is_tls ? "https" : "http",
                   has_name ? "server.test" : "127.0.0.1",
                   fake_port(&fakes[is_tls]));
    assert_int_equal(haplo_server_add(life->poller, &options, &server, NULL, 0),
                     0);
    return server;
}

static enum queue_kind kind_needed(enum moment moment)
{
    return moment == IN_WAIT   ? SILENT
           : moment == IN_BODY ? SLOW
           : moment == IN_MARK ? SILENT_MARK
                               : NORMAL;
}

static void life_begin(struct life *life, enum moment moment)
{
    const struct haplo_poller_options options = {
        .struct_size = sizeof options,
        .seed = 1 + draw(1000),
        .event_cb = on_event,
        .data = life,
    };
    /* One that gets no response could keep its server from the others. */
    bool others_may_wait = moment < WITH_BATCH || moment == AT_ANY_TURN;
    bool is_tls = moment == IN_HANDSHAKE || draw(2) == 0;
    *life = (struct life){
        .moment = moment, .delay = draw(4), .any_turn = draw(ANY_TURN_MAX)};
    assert_int_equal(haplo_poller_new(&loop, &options, &life->poller, NULL, 0),
                     0);
    struct haplo_server *server = server_open(life, is_tls);
    queue_open(life, server, kind_needed(moment));
    if (draw(2) == 0) {
        server = server_open(life, !is_tls);
    }
    for (unsigned i = draw(QUEUES_PER_LIFE); i > 0; i--) {
        queue_open(life, server, others_may_wait ? draw(QUEUE_KINDS) : NORMAL);
    }
}

/* What happens to it between two turns of the loop. */
static void life_step(struct life *life)
{
    if (++life->turns >= TURNS_MAX) {
        fail_msg("%s: %s", moment_names[life->moment],
                 life->is_closing ? "close_cb did not come"
                                  : "the moment did not come");
    }
    if (life->batch_count > 0 && draw(3) == 0 &&
        (life->moment != WITH_BATCH || life->is_closing)) {
        batch_answer(life);
    }
    if (life->is_closing || life->is_stopping) {
        return;
    }
    life->has_come = life->has_come || moment_has_come(life);
    if (!life->has_come || life->delay-- > 0) {
        return;
    }
    if (life->moment == INSIDE_STOPPED) {
        life->is_stopping = true;
        assert_int_equal(haplo_poller_stop(life->poller, draw(20), on_stopped),
                         0);
    } else {
        life_close(life);
    }
}

static void on_tick(uv_timer_t *timer)
{
    (void)timer;
}

static unsigned open_descriptors(void)
{
    unsigned count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count;
}

/* What a process opens once and keeps, whoever uses libuv. */
static void keep_open(void)
{
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(uv_loop_close(&loop), 0);
}

/* Whatever a poller is doing, closing it ends that: no memory and no descriptor
 * is lost, and nothing is heard of it but close_cb. */
static void pollers_are_closed_at_any_moment(void **state)
{
    (void)state;
    const char *wanted = getenv("HAPLO_SOAK");
    unsigned count = wanted != NULL ? (unsigned)atoi(wanted) : LIVES_DEFAULT;
    unsigned begun = 0;
    unsigned alive = 1;
    uv_timer_t tick;
    keep_open();
    unsigned descriptors = open_descriptors();
    assert_int_equal(uv_loop_init(&loop), 0);
    uv_timer_init(&loop, &tick);
    uv_timer_start(&tick, on_tick, TICK_MS, TICK_MS);
    names_set("127.0.0.1", NULL, NULL);
    servers_open();
    while (begun < count || alive > 0) {
        alive = 0;
        servers_refill();
        for (unsigned i = 0; i < AT_ONCE; i++) {
            struct life *life = &lives[i];
            if (life->poller == NULL && begun < count) {
                life_begin(life, begun++ % MOMENT_COUNT);
            }
            if (life->poller != NULL) {
                life_step(life);
            }
            alive += life->poller != NULL;
        }
        uv_run(&loop, UV_RUN_ONCE);
    }
    for (unsigned i = 0; i < MOMENT_COUNT; i++) {
        print_message("closed: %-16s %u\n", moment_names[i], closed_at[i]);
        assert_in_range(closed_at[i], count / MOMENT_COUNT,
                        count / MOMENT_COUNT + 1);
    }
    servers_close();
    uv_close((uv_handle_t *)&tick, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    assert_int_equal(open_descriptors(), descriptors);
    assert_int_equal(allocator_held, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pollers_are_closed_at_any_moment),
    };
    allocator_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
