/*
 * Every captured answer of a real server, sent by a scripted server over a
 * real connection to a queue of the public API: the whole way through transfer
 * and reply, as an application sees it.
 *
 * A capture of a fetch answers the first request. One of a mark answers the
 * second, after a fetch with three messages.
 */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "haplopoll.h"
#include "http_server.h"

#define KEY "eB_RKYvYlpDbMLrJc7BBBgnd-SsyXh8qPEjXm2ZeRML0"
#define CAPTURE_SIZE_MAX 65536

enum verb { FETCH, MARK };

/* How the queue is set up. */
enum shape { HAPLO, ITEMS, XML, CSV, TEXT };

struct expectation {
    const char *name;     /* of the capture */
    enum verb verb;       /* which request it answers */
    enum shape shape;     /* */
    int error;            /* 0, or what the queue must report */
    size_t count;         /* FETCH: messages; MARK: marked */
    int64_t unread_count; /* MARK: as the server says */
    const char *form;     /* FETCH: what the mark must post; NULL: no mark */
    const char *words;    /* that the error's text must contain; or NULL */
};

#define FULL_FORM "token=MiwzLDQsNSw2LDcsOCw5LDEwLDExLDEyLDEzLDE0LDE1LDE2LDE3"

static const struct expectation table[] = {
    {"app-not-active-get", FETCH, HAPLO, HAPLO_ENOTFOUND, 0, 0, NULL, "404"},
    {"app-not-active-post", MARK, HAPLO, HAPLO_EREFUSED, 0, 0, NULL, "403"},
    {"auth-bad-key-get", FETCH, HAPLO, HAPLO_EREFUSED, 0, 0, NULL,
     "INVALID-API-KEY"},
    {"auth-bad-key-post-is-html", MARK, HAPLO, HAPLO_EREFUSED, 0, 0, NULL,
     "403"},
    {"auth-blocked-user-get", FETCH, HAPLO, HAPLO_EREFUSED, 0, 0, NULL,
     "UNAUTHORISED"},
    {"auth-blocked-user-post", MARK, HAPLO, HAPLO_EREFUSED, 0, 0, NULL, "403"},
    {"auth-key-of-other-queue-get", FETCH, HAPLO, HAPLO_EREFUSED, 0, 0, NULL,
     "INVALID-API-KEY"},
    {"auth-key-of-other-queue-post", MARK, HAPLO, HAPLO_EREFUSED, 0, 0, NULL,
     "403"},
    {"auth-lower-case-basic", FETCH, HAPLO, HAPLO_EREFUSED, 0, 0, NULL,
     "UNAUTHORISED"},
    {"auth-no-header-get", FETCH, HAPLO, HAPLO_EREFUSED, 0, 0, NULL,
     "UNAUTHORISED"},
    {"auth-no-header-post", MARK, HAPLO, HAPLO_EREFUSED, 0, 0, NULL, "403"},
    {"auth-not-in-group-is-200-html", FETCH, HAPLO, HAPLO_ECONTENT, 0, 0, NULL,
     "not permitted"},
    {"auth-other-user-name", FETCH, HAPLO, HAPLO_EREFUSED, 0, 0, NULL,
     "UNAUTHORISED"},
    {"docs-script-fetch", FETCH, HAPLO, 0, 3, 0, "token=MSwyLDM%3D", NULL},
    {"docs-script-mark", MARK, HAPLO, 0, 3, 0, NULL, NULL},
    {"error-mark-fails-half-way-500", MARK, HAPLO, HAPLO_ESERVER, 0, 0, NULL,
     "500"},
    {"error-mark-repeated-after-that", MARK, HAPLO, 0, 11, 4, NULL, NULL},
    {"fault-reset-after-mark", MARK, HAPLO, HAPLO_ERESET, 0, 0, NULL, NULL},
    {"fault-reset-before-mark", MARK, HAPLO, HAPLO_ERESET, 0, 0, NULL, NULL},
    {"fault-truncated-body", FETCH, HAPLO, HAPLO_ERESET, 0, 0, NULL, NULL},
    {"fetch-0-messages", FETCH, HAPLO, 0, 0, 0, NULL, NULL},
    {"fetch-1-message", FETCH, HAPLO, 0, 1, 0, "token=MQ%3D%3D", NULL},
    {"fetch-16-gzip", FETCH, HAPLO, 0, 16, 0, FULL_FORM, NULL},
    {"fetch-16-of-20-messages", FETCH, HAPLO, 0, 16, 0, FULL_FORM, NULL},
    {"fetch-edge-data", FETCH, HAPLO, 0, 4, 0, "token=MjMsMjQsMjUsMjY%3D",
     NULL},
    {"fetch-unicode", FETCH, HAPLO, 0, 1, 0, "token=MjI%3D", NULL},
    {"formatter-csv", FETCH, CSV, 0, 1, 0, "token=MzI%3D", NULL},
    {"formatter-json-other-shape", FETCH, ITEMS, 0, 1, 0, "token=MzM%3D", NULL},
    {"formatter-returning-a-string", FETCH, TEXT, 0, 1, 0, "token=MzQ%3D",
     NULL},
    {"formatter-xml", FETCH, XML, 0, 1, 0, "token=MzE%3D", NULL},
    {"formatter-xml-without-token", FETCH, XML, HAPLO_EDOCUMENT, 0, 0, NULL,
     "token_pattern"},
    {"host-unknown-404", FETCH, HAPLO, HAPLO_ENOTFOUND, 0, 0, NULL, "404"},
    {"http-redirects-to-https-get", FETCH, HAPLO, HAPLO_EREDIRECT, 0, 0, NULL,
     "https://localhost:32857"},
    {"http-redirects-to-https-post", MARK, HAPLO, HAPLO_EREDIRECT, 0, 0, NULL,
     "https://localhost:32857"},
    {"https-bad-key-post-secure-cookie", MARK, HAPLO, HAPLO_EREFUSED, 0, 0,
     NULL, "403"},
    {"https-fetch", FETCH, HAPLO, 0, 3, 0, "token=MSwyLDM%3D", NULL},
    {"mark-0-the-fetch-before", FETCH, HAPLO, 0, 3, 0, "token=MjcsMjgsMjk%3D",
     NULL},
    {"mark-1-ok", MARK, HAPLO, 0, 3, 1, NULL, NULL},
    {"mark-10-ids-of-another-queue", MARK, HAPLO, HAPLO_ENOPROGRESS, 0, 20,
     NULL, "none"},
    {"mark-11-fetch-after-unsend", FETCH, HAPLO, 0, 2, 0, "token=MjgsMzA%3D",
     NULL},
    {"mark-2-same-token-again", MARK, HAPLO, HAPLO_ENOPROGRESS, 0, 1, NULL,
     "none"},
    {"mark-3-empty-token", MARK, HAPLO, HAPLO_ENOPROGRESS, 0, 1, NULL, "none"},
    {"mark-4-no-body", MARK, HAPLO, HAPLO_ENOPROGRESS, 0, 1, NULL, "none"},
    {"mark-5-json-body-is-ignored", MARK, HAPLO, HAPLO_ENOPROGRESS, 0, 1, NULL,
     "none"},
    {"mark-6-token-of-docs-example-500", MARK, HAPLO, HAPLO_ESERVER, 0, 0, NULL,
     "500"},
    {"mark-7-plus-not-encoded-500", MARK, HAPLO, HAPLO_ESERVER, 0, 0, NULL,
     "500"},
    {"mark-8-multipart-500", MARK, HAPLO, HAPLO_ESERVER, 0, 0, NULL, "500"},
    {"mark-9-by-get", MARK, HAPLO, HAPLO_ENOPROGRESS, 0, 1, NULL, "none"},
    {"method-head", MARK, HAPLO, HAPLO_ENOTFOUND, 0, 0, NULL, "404"},
    {"method-options", MARK, HAPLO, HAPLO_ESTATUS, 0, 0, NULL, "405"},
    {"method-put", MARK, HAPLO, HAPLO_ENOTFOUND, 0, 0, NULL, "404"},
    {"path-neither-fetch-nor-mark", FETCH, HAPLO, HAPLO_ESTATUS, 0, 0, NULL,
     "400"},
    {"plugin2019-fetch-20-messages", FETCH, HAPLO, 0, 20, 0,
     "token=MSwyLDMsNCw1LDYsNyw4LDksMTAsMTEsMTIsMTMsMTQsMTUsMTYsMTcsMTgsMTksMj"
     "A%3D",
     NULL},
    {"plugin2019-mark", MARK, HAPLO, 0, 20, -1, NULL, NULL},
    {"queue-name-percent-encoded", FETCH, HAPLO, HAPLO_ECONTENT, 0, 0, NULL,
     "Group not defined"},
    {"queue-of-method-send-is-200-html", FETCH, HAPLO, HAPLO_ECONTENT, 0, 0,
     NULL, "Not a poll message queue"},
    {"queue-unknown-is-200-html", FETCH, HAPLO, HAPLO_ECONTENT, 0, 0, NULL,
     "Group not defined"},
    {"queue-unknown-mark-is-200-html", MARK, HAPLO, HAPLO_ECONTENT, 0, 0, NULL,
     "Group not defined"},
    {"redirect-followed-post-becomes-get", MARK, HAPLO, HAPLO_EREDIRECT, 0, 0,
     NULL, "http://localhost:39649"},
    {"redirect-followed-with-auth-marks-nothing", MARK, HAPLO, HAPLO_EREDIRECT,
     0, 0, NULL, "http://localhost:39649"},
    {"redirect-hostname-get", FETCH, HAPLO, HAPLO_EREDIRECT, 0, 0, NULL,
     "http://localhost:39649"},
    {"redirect-hostname-post", MARK, HAPLO, HAPLO_EREDIRECT, 0, 0, NULL,
     "http://localhost:39649"},
    {"throttle-get-with-good-key", FETCH, HAPLO, HAPLO_ETHROTTLED, 0, 0, NULL,
     "THROTTLE"},
    {"throttle-post-with-good-key-is-html", MARK, HAPLO, HAPLO_EREFUSED, 0, 0,
     NULL, "403"},
};

#define TABLE_COUNT (sizeof table / sizeof table[0])

static const char fetch_answer[] =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    "Content-Length: 96\r\n\r\n"
    "{\"version\": 0, \"token\": \"MSwyLDM=\", \"messages\": "
    "[{\"id\":1},{\"id\":2},{\"id\":3}]}                     ";
static const char mark_answer[] =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"
    "Content-Length: 34\r\n\r\n{\"markedCount\":16,\"unreadCount\":0}";

/* One queue and what becomes of it */

struct scene {
    const struct expectation *expected; /* */
    struct http_server server;          /* */
    struct haplo_poller *poller;        /* */
    struct haplo_queue *queue;          /* */
    char mark_request[4096];            /* as the server received it */
    size_t delivered_count;             /* messages */
    struct haplo_mark mark;             /* the last one confirmed */
    unsigned marked_calls;              /* of marked_cb */
    int error;                          /* the first that was reported */
    char text[HAPLO_TEXT_SIZE_MAX];     /* of it */
    uv_idle_t end;                      /* closes all, outside of callbacks */
};

static void on_end(uv_idle_t *end)
{
    struct scene *scene = end->data;
    if (strncmp(scene->server.request, "POST ", 5) == 0) {
        snprintf(scene->mark_request, sizeof scene->mark_request, "%.4000s",
                 scene->server.request);
    }
    haplo_poller_close(scene->poller, NULL);
    http_server_close(&scene->server);
    uv_close((uv_handle_t *)end, NULL);
}

static void on_deliver(struct haplo_queue *queue, struct haplo_batch batch)
{
    struct scene *scene = haplo_queue_data(queue);
    scene->delivered_count = haplo_batch_message_count(batch);
    haplo_batch_accept(batch);
}

static void on_marked(struct haplo_queue *queue, const struct haplo_mark *mark)
{
    struct scene *scene = haplo_queue_data(queue);
    scene->mark = *mark;
    scene->marked_calls++;
}

/* The scene ends at the first failure, or when the answer has led the queue
 * to rest or to its next fetch. */
static void on_event(struct haplo_poller *poller,
                     const struct haplo_event *event)
{
    struct scene *scene = haplo_poller_data(poller);
    bool ends = event->error != 0;
    if (event->queue == NULL || event->from == event->to) {
        return;
    }
    if (event->error != 0 && scene->error == 0) {
        scene->error = event->error;
        snprintf(scene->text, sizeof scene->text, "%s", event->text);
    }
    ends =
        ends || event->to == HAPLO_QUEUE_IDLE ||
        (event->from == HAPLO_QUEUE_MARKING && event->to == HAPLO_QUEUE_READY);
    if (ends) {
        uv_idle_start(&scene->end, on_end);
    }
}

static void set_shape(struct haplo_queue_options *options, enum shape shape)
{
    static const char *const patterns[] = {
        [XML] = "token=\"([^\"]*)\"",
        [CSV] = "#token,([^\r\n]*)",
        [TEXT] = "^token=([^ ]*)",
    };
    if (shape == ITEMS) {
        options->token_pointer = "/batch/ack";
        options->messages_pointer = "/batch/items";
    } else if (shape != HAPLO) {
        options->format = HAPLO_FORMAT_RAW;
        options->token_pattern = patterns[shape];
        options->content_type = shape == TEXT ? "text/html" : NULL;
    }
}

static void scene_run(struct scene *scene, const struct script_line *lines,
                      unsigned count)
{
    uv_loop_t loop;
    char url[64];
    char why[HAPLO_TEXT_SIZE_MAX] = "";
    struct haplo_server *server;
    assert_int_equal(uv_loop_init(&loop), 0);
    http_server_open(&scene->server, &loop);
    http_server_script(&scene->server, lines, count);
    uv_idle_init(&loop, &scene->end);
    scene->end.data = scene;
    const struct haplo_poller_options poller_options = {
        .struct_size = sizeof poller_options,
        .event_cb = on_event,
        .data = scene};
    assert_int_equal(
        haplo_poller_new(&loop, &poller_options, &scene->poller, NULL, 0), 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%d", scene->server.port);
    const struct haplo_server_options server_options = {
        .struct_size = sizeof server_options, .name = "capture", .url = url};
    if (haplo_server_add(scene->poller, &server_options, &server, why,
                         sizeof why) != 0) {
        fail_msg("%s", why);
    }
    struct haplo_queue_options options = {.struct_size = sizeof options,
                                          .name = "q1",
                                          .api_key = KEY,
                                          .mark_attempts_max = 1,
                                          .deliver_cb = on_deliver,
                                          .marked_cb = on_marked,
                                          .data = scene};
    set_shape(&options, scene->expected->shape);
    if (haplo_queue_add(server, &options, &scene->queue, why, sizeof why) !=
        0) {
        fail_msg("%s", why);
    }
    haplo_queue_poll_now(scene->queue);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

/* Captures as lines of the server's script */

static size_t read_capture(const char *name, char *bytes, size_t size)
{
    char path[256];
    snprintf(path, sizeof path, "test/captures/%s.txt", name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fail_msg("%s: not found (run tests from the root)", path);
        return 0;
    }
    size_t read = fread(bytes, 1, size, file);
    fclose(file);
    return read;
}

/* The script line that answers as the capture shows. Where curl was run
 * without its -i, the head is missing and made up. */
static struct script_line line_of(const char *name, char *bytes)
{
    static const char head[] = "HTTP/1.1 200 OK\r\n"
                               "Content-Type: application/json\r\n"
                               "Content-Length: %zu\r\n\r\n";
    char body[CAPTURE_SIZE_MAX];
    size_t size = read_capture(name, body, sizeof body);
    struct script_line line = {.bytes = bytes, .size = size};
    if (size == 0) {
        line.end = SCRIPT_RESET;
        line.size = 1; /* nothing of it arrives: the connection is reset */
        line.bytes = "";
        return line;
    }
    if (memcmp(body, "HTTP/1.1", 8) == 0) {
        memcpy(bytes, body, size);
        line.end = SCRIPT_CLOSE;
        return line;
    }
    int head_size = snprintf(bytes, CAPTURE_SIZE_MAX, head, size);
    memcpy(bytes + head_size, body, size);
    line.size = (size_t)head_size + size;
    return line;
}

static void check_scene(const struct scene *scene)
{
    const struct expectation *expected = scene->expected;
    if (scene->error != expected->error) {
        fail_msg("%s: %s, not %s: %s", expected->name,
                 haplo_error_name(scene->error),
                 haplo_error_name(expected->error), scene->text);
    }
    if (expected->words != NULL &&
        strstr(scene->text, expected->words) == NULL) {
        fail_msg("%s: nothing of \"%s\" in: %s", expected->name,
                 expected->words, scene->text);
    }
    assert_null(strstr(scene->text, KEY));
    if (expected->verb == FETCH) {
        assert_int_equal(scene->delivered_count, expected->count);
        assert_int_equal(scene->server.request_count,
                         expected->form != NULL ? 2 : 1);
    } else {
        assert_int_equal(scene->delivered_count, 3);
        assert_int_equal(scene->server.request_count, 2);
        assert_int_equal(scene->marked_calls, expected->error == 0);
    }
    if (expected->form != NULL) {
        assert_non_null(strstr(scene->mark_request, "\r\n\r\n"));
        assert_string_equal(strstr(scene->mark_request, "\r\n\r\n") + 4,
                            expected->form);
    }
    if (expected->verb == MARK && expected->error == 0) {
        assert_int_equal(scene->mark.marked_count, expected->count);
        assert_int_equal(scene->mark.unread_count, expected->unread_count);
    }
}

static void run_expectation(const struct expectation *expected)
{
    static char bytes[2 * CAPTURE_SIZE_MAX];
    struct scene *scene = calloc(1, sizeof *scene);
    struct script_line lines[2] = {{.bytes = fetch_answer},
                                   {.bytes = mark_answer}};
    assert_non_null(scene);
    scene->expected = expected;
    lines[expected->verb == MARK] = line_of(expected->name, bytes);
    scene_run(scene, lines, 2);
    check_scene(scene);
    free(scene);
}

/* What the real server was seen to send must lead to what the protocol notes
 * say, over a connection and not only in the parser. */
static void every_capture_is_handled_as_the_protocol_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        run_expectation(&table[i]);
    }
}

/* A capture that is added must not go untested. */
static void every_capture_has_a_line_in_the_table(void **state)
{
    glob_t found;
    (void)state;
    assert_int_equal(glob("test/captures/*.cmd", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        char name[128];
        bool is_listed = false;
        assert_int_equal(
            sscanf(found.gl_pathv[i], "test/captures/%127[^.]", name), 1);
        for (size_t j = 0; j < TABLE_COUNT; j++) {
            is_listed = is_listed || strcmp(name, table[j].name) == 0;
        }
        if (!is_listed) {
            fail_msg("%s is not in the table", name);
        }
    }
    assert_int_equal(found.gl_pathc, TABLE_COUNT);
    globfree(&found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_capture_has_a_line_in_the_table),
        cmocka_unit_test(every_capture_is_handled_as_the_protocol_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
