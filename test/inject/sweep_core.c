/*
 * Each part of core/ by itself. What is read wrongly here would be stored, or
 * marked, wrongly.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/batch.h"
#include "core/delivery_state.h"
#include "core/fetch_reply.h"
#include "core/form.h"
#include "core/identity.h"
#include "core/mark_reply.h"
#include "core/scheduler.h"
#include "fault.h"
#include "haplopoll.h"
#include "sweep.h"

#define CAP (1 << 20)

/* A failure for want of memory must be called that, in one line. */
static void assert_told(int error, const char *why)
{
    assert_true(atomic_load(&fault_record->has_failed));
    if (strncmp(fault_record->what, "memory", 6) == 0) {
        assert_int_equal(error, HAPLO_ENOMEM);
    }
    assert_true(why == NULL || why[0] != '\0');
    assert_true(why == NULL || strchr(why, '\n') == NULL);
}

/* Answers to a fetch */

struct reading {
    struct haplo_queue_options options; /* the shape */
    const char *content_type;           /* */
    const char *body;                   /* */
    size_t size;                        /* of body */
    size_t step;                        /* bytes that arrive together */
    size_t message_count;               /* expected */
    const char *form;                   /* expected; "": no token */
};

static void batch_check(const struct batch *batch,
                        const struct reading *reading)
{
    assert_int_equal(batch->message_count, reading->message_count);
    assert_int_equal(batch->form_size, strlen(reading->form));
    assert_memory_equal(batch->form, reading->form, batch->form_size);
    for (size_t i = 0; i < batch->message_count; i++) {
        const struct haplo_slice *body = &batch->messages[i].body;
        assert_true(body->data >= batch->body);
        assert_true(body->data + body->size <= batch->body + batch->body_size);
    }
}

/* False if it failed. */
static bool body_read(struct batch *batch, const struct fetch_format *format,
                      const struct reading *reading)
{
    static struct fetch_reply reply;
    struct reason why = {""};
    const struct http_head head = {200, reading->content_type, NULL,
                                   (int64_t)reading->size};
    int error = 0;
    fetch_reply_begin(&reply, format, batch, CAP, &why);
    fetch_reply_head(&reply, &head);
    for (size_t at = 0; at < reading->size && error == 0; at += reading->step) {
        size_t left = reading->size - at;
        error = fetch_reply_data(&reply, reading->body + at,
                                 left < reading->step ? left : reading->step);
    }
    error = fetch_reply_end(&reply);
    if (error == 0) {
        batch_check(batch, reading);
    } else {
        assert_told(error, why.text);
        assert_int_equal(batch->message_count, 0);
        assert_int_equal(batch->form_size, 0);
    }
    return error == 0;
}

static void fetch_read(const struct reading *reading)
{
    struct fetch_format format = {0};
    struct reason why = {""};
    int error = fetch_format_init(&format, &reading->options, &why);
    if (error != 0) {
        assert_told(error, NULL);
        return;
    }
    struct batch *batch = batch_new();
    if (batch != NULL) {
        /* What it kept is used again; and one failure is one failure. */
        bool is_read = body_read(batch, &format, reading);
        batch_reset(batch);
        assert_true(body_read(batch, &format, reading) || is_read);
    } else {
        assert_told(HAPLO_ENOMEM, NULL);
    }
    batch_free(batch);
    fetch_format_free(&format);
}

#define MESSAGE "{\"id\":\"a\\u0000\\n\",\"datetime\":1,\"n\":[{},[2]]}"

static void json_batch_run(void)
{
    static const char body[] = "{\"version\": 0, \"token\": \"t+\\u00e9\", "
                               "\"messages\": [" MESSAGE ", " MESSAGE "]}";
    fetch_read(&(struct reading){.content_type = "application/json",
                                 .body = body,
                                 .size = sizeof body - 1,
                                 .step = 7,
                                 .message_count = 2,
                                 .form = "token=t%2B%C3%A9"});
}

static void json_pointer_run(void)
{
    static const char body[] =
        "{\"a/b\":{\"t\":\"T\"},\"m\":[[1,2],[3," MESSAGE "]]}";
    fetch_read(&(struct reading){
        .options = {.token_pointer = "/a~1b/t", .messages_pointer = "/m/1"},
        .content_type = "application/json",
        .body = body,
        .size = sizeof body - 1,
        .step = 1000,
        .message_count = 2,
        .form = "token=T"});
}

static void raw_batch_run(void)
{
    static const char body[] = "<m><token>T1</token><n>x</n></m>";
    fetch_read(&(struct reading){
        .options = {.format = HAPLO_FORMAT_RAW,
                    .token_pattern = "<token>([^<]*)</token>|<(a|b)+c>",
                    .content_type = "text/xml"},
        .content_type = "text/xml",
        .body = body,
        .size = sizeof body - 1,
        .step = 10,
        .message_count = 1,
        .form = "token=T1"});
}

/* Strings beyond what the reader's own memory holds, in pieces: yajl's buffers
 * grow; so many messages that their table and that of their keys does. */
static void large_batch_run(void)
{
    static char body[90000];
    static size_t size;
    if (size == 0) {
        size = (size_t)sprintf(body, "{\"version\":0,\"token\":\"T\","
                                     "\"messages\":[{\"id\":\"");
        memset(body + size, 'x', 40000);
        size += 40000;
        size += (size_t)sprintf(body + size, "\\\\\"}");
        for (int i = 0; i < 200; i++) {
            size += (size_t)sprintf(body + size, ",{\"id\":%d}", i % 50);
        }
        size += (size_t)sprintf(body + size, "]}");
    }
    fetch_read(&(struct reading){.content_type = "application/json",
                                 .body = body,
                                 .size = size,
                                 .step = 5000,
                                 .message_count = 201,
                                 .form = "token=T"});
}

static void status_read(const struct batch *unused, long status,
                        const char *content_type, const char *body,
                        int expected)
{
    static struct fetch_reply reply;
    static const struct haplo_queue_options options;
    struct fetch_format format = {0};
    struct reason why = {""};
    const struct http_head head = {status, content_type, NULL, -1};
    (void)unused;
    if (fetch_format_init(&format, &options, &why) != 0) {
        return;
    }
    struct batch *batch = batch_new();
    if (batch != NULL) {
        fetch_reply_begin(&reply, &format, batch, CAP, &why);
        fetch_reply_head(&reply, &head);
        (void)fetch_reply_data(&reply, body, strlen(body));
        int error = fetch_reply_end(&reply);
        if (error != expected) {
            assert_true(atomic_load(&fault_record->has_failed));
            assert_int_not_equal(error, 0);
        }
        assert_true(why.text[0] != '\0');
    }
    batch_free(batch);
    fetch_format_free(&format);
}

/* An error page must stay an error, whatever fails while it is read. */
static void refusal_run(void)
{
    status_read(NULL, 403, "application/json",
                "{\"success\":false,\"kind\":\"THROTTLE\",\"error\":"
                "{\"message\":\"Too \\u00e9 many\"}}",
                HAPLO_ETHROTTLED);
    status_read(NULL, 403, "text/html", "<p>no</p>", HAPLO_EREFUSED);
    status_read(NULL, 200, "text/html", "<html><h1>Home</h1>", HAPLO_ECONTENT);
    status_read(NULL, 500, "text/plain", "Oops", HAPLO_ESERVER);
}

/* Answers to a mark */

static void mark_read(const char *content_type, const char *body,
                      uint64_t marked, int64_t unread)
{
    static struct mark_reply reply;
    struct reason why = {""};
    const struct http_head head = {200, content_type, NULL, -1};
    mark_reply_begin(&reply, &why);
    mark_reply_head(&reply, &head);
    (void)mark_reply_data(&reply, body, strlen(body));
    int error = mark_reply_end(&reply);
    if (error == 0) {
        assert_int_equal(reply.marked_count, marked);
        assert_int_equal(reply.unread_count, unread);
    } else {
        assert_told(error, why.text);
    }
}

static void mark_reply_run(void)
{
    mark_read("application/json", "{\"markedCount\":3,\"unreadCount\":4}", 3,
              4);
    mark_read("text/plain", "Marked: 5, Unread: 6", 5, 6);
    mark_read("text/plain", "Marked: 7", 7, -1);
}

/* The rest */

static void form_run(void)
{
    static char token[30000];
    memset(token, '/', sizeof token);
    struct batch *batch = batch_new();
    if (batch == NULL) {
        return;
    }
    struct reason why;
    int error = form_set(batch, token, sizeof token, &why);
    assert_true(error == 0 || error == HAPLO_ENOMEM);
    assert_int_equal(batch->form_size,
                     error == 0 ? strlen("token=") + 3 * sizeof token : 0);
    batch_free(batch);
}

/* Half of its messages are the same, and so is the other half. NULL: it could
 * not be made. */
static struct batch *batch_evaluate(const struct delivery_state *state,
                                    size_t new_count)
{
    size_t dropped;
    struct batch *batch = batch_new();
    for (size_t i = 0; batch != NULL && i < 100; i++) {
        struct haplo_message *message = batch_add_message(batch);
        if (message == NULL) {
            batch_free(batch);
            return NULL;
        }
        message->body.data = i % 2 == 0 ? "even" : "odd";
        message->body.size = i % 2 == 0 ? 4 : 3;
    }
    if (batch == NULL) {
        return NULL;
    }
    identity_fill(batch->messages, batch->message_count);
    int error = delivery_state_evaluate(state, batch, 1, &dropped);
    if (error != 0) {
        assert_int_equal(error, HAPLO_ENOMEM);
        batch_free(batch);
        return NULL;
    }
    assert_int_equal(batch->new_count, new_count);
    return batch;
}

/* Whatever fails, what was stored stays known. */
static void delivery_state_run(void)
{
    struct delivery_state state = {0};
    struct delivery_state other = {0};
    struct batch *batch = batch_evaluate(&state, 100);
    if (batch == NULL) {
        return;
    }
    int error = delivery_state_adopt(
        &other,
        (struct haplo_slice){(const char *)batch->state, batch->state_size});
    assert_true(error == 0 || error == HAPLO_ENOMEM);
    assert_int_equal(delivery_state_count(&other, NULL), error == 0 ? 100 : 0);
    delivery_state_accept(&state, batch);
    delivery_state_keep(&state, batch);
    batch_free(batch);
    assert_int_equal(delivery_state_count(&state, NULL), 100);
    batch_free(batch_evaluate(&state, 0));
    delivery_state_free(&other);
    delivery_state_free(&state);
}

static void queue_add(struct scheduler *scheduler, struct server *server,
                      struct queue *queue)
{
    static const struct queue_policy policy = {.interval_ms = 1000};
    queue_init(queue, &policy, server, 5);
    int error = scheduler_add_queue(scheduler, queue);
    if (error == 0) {
        assert_int_equal(scheduler_due_ms(scheduler), 5);
        scheduler_remove_queue(scheduler, queue);
    }
    assert_true(error == 0 || error == HAPLO_ENOMEM);
    assert_int_equal(scheduler_due_ms(scheduler), HEAP_NEVER);
}

static void scheduler_run(void)
{
    static struct server servers[40];
    static struct queue queue;
    static const struct server_policy policy = {1, 5, 5};
    static const char *const sites[] = {"a", "b", "c", "d"};
    struct scheduler scheduler;
    scheduler_init(&scheduler, 4, 1000, 1);
    for (size_t i = 0; i < 40; i++) {
        server_init(&servers[i], &policy);
        int error = scheduler_add_server(&scheduler, &servers[i],
                                         LOCATION_KNOWN, &sites[i % 4], 1, 0);
        assert_true(error == 0 || error == HAPLO_ENOMEM);
        if (error == 0) {
            queue_add(&scheduler, &servers[i], &queue);
        }
    }
    scheduler_free(&scheduler);
}

const struct sweep_unit sweep_core_units[] = {
    {"core/json_batch", json_batch_run, NULL, false, 1},
    {"core/json_pointer", json_pointer_run, NULL, false, 1},
    {"core/raw_batch", raw_batch_run, NULL, false, 1},
    {"core/large_batch", large_batch_run, NULL, false, 1},
    {"core/refusal", refusal_run, NULL, false, 1},
    {"core/mark_reply", mark_reply_run, NULL, false, 1},
    {"core/form", form_run, NULL, false, 1},
    {"core/delivery_state", delivery_state_run, NULL, false, 1},
    {"core/scheduler", scheduler_run, NULL, false, 1},
    {NULL, NULL, NULL, false, 0},
};
