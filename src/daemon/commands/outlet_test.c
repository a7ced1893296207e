/*
 * outlet_test.c - sends one test message through an outlet, and says what
 * became of it.
 *
 *   - The outlet is opened here, whether or not another process runs on this
 *     configuration: with its own connections, and beside that one.
 *   - It gets one message that is marked as a test: its identity begins with
 *     "test-", it is from the queue haplo-poll/test, and its action is
 *     "haplo-poll:test".
 *   - The outlet is closed.
 *
 * No inbox and no state directory is touched, so nothing is remembered of it.
 * What the outlet reports is the result, without any retry. If it does not
 * report anything for a minute, it is closed, which makes it report.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/container_of.h"
#include "base/wall_clock.h"
#include "daemon/abandon.h"
#include "daemon/command.h"
#include "daemon/limits.h"
#include "daemon/log/log.h"
#include "outlets/message_id.h"

#define TEST_SERVER "haplo-poll"
#define TEST_QUEUE "test"
#define TEST_TIME_MS 60000

#define TEST_BODY                                                   \
    "{\"id\":0,\"datetime\":\"%s\",\"action\":\"haplo-poll:test\"," \
    "\"text\":\"This is a test of an outlet of haplo-poll. Ignore it.\"}"

struct outlet_test {
    const struct config_outlet *config; /* the outlet to test */
    uv_loop_t loop;                     /* owned */
    uv_timer_t limit;                   /* closes it after TEST_TIME_MS */
    struct abandon abandon;             /* ends it despite a name look-up */
    struct outlet *outlet;              /* NULL: not open */
    char origin[INBOX_UUID_SIZE];       /* in place of the UUID of an inbox */
    char body[512];                     /* of the message */
    struct inbox_message message;       /* the only one */
    struct outlet_parcel parcel;        /* the message */
    bool is_late;                       /* TEST_TIME_MS have passed */
    enum exit_code code;                /* to exit with */
};

/* The message */

/* "test-20261130T024000-93d1a5ee", unlike any UUID. */
static void origin_write(struct outlet_test *test, uint64_t random)
{
    time_t now = (time_t)(wall_clock_ms() / 1000);
    char date[32] = "";
    struct tm parts;
    if (gmtime_r(&now, &parts) != NULL) {
        (void)strftime(date, sizeof date, "%Y%m%dT%H%M%S", &parts);
    }
    snprintf(test->origin, sizeof test->origin, "test-%.15s-%08" PRIx32, date,
             (uint32_t)(random >> 32));
}

static void message_make(struct outlet_test *test)
{
    char date[WALL_CLOCK_TEXT_SIZE];
    uint64_t random = 0;
    uint64_t now_ms = wall_clock_ms();
    (void)uv_random(NULL, NULL, &random, sizeof random, 0, NULL);
    origin_write(test, random);
    int size = snprintf(test->body, sizeof test->body, TEST_BODY,
                        wall_clock_text(now_ms, date));
    test->message = (struct inbox_message){
        .arrival = 1,
        .batch_first = 1,
        .batch_count = 1,
        .format = HAPLO_FORMAT_JSON,
        .queue_id = 1,
        .server = TEST_SERVER,
        .queue = TEST_QUEUE,
        .received_at_ms = now_ms,
        .body = {test->body, (size_t)size},
        .hash = random,
    };
}

/* The result */

static const char *outlet_name(const struct outlet_test *test)
{
    return test->config->forward.name;
}

static void result_tell(struct outlet_test *test)
{
    static const char *const words[] = {
        [OUTLET_DELIVERED] = "delivered",
        [OUTLET_RETRY] = "not delivered this time",
        [OUTLET_REFUSED] = "refused because of its data",
        [OUTLET_BROKEN] = "not delivered: the destination is broken",
    };
    const struct outlet_parcel *parcel = &test->parcel;
    bool is_delivered = parcel->verdict == OUTLET_DELIVERED;
    char id[MESSAGE_ID_SIZE_MAX];
    (void)message_id_write(id, &test->message, test->origin, 0);
    const char *why =
        test->is_late ? "no result within a minute" : parcel->why.text;
    log_line(is_delivered ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR,
             "outlet %s: test message %s: %s%s%s", outlet_name(test), id,
             words[parcel->verdict], is_delivered ? "" : ": ",
             is_delivered ? "" : why);
    test->code = is_delivered ? EXIT_CODE_FINE : EXIT_CODE_FAILED;
}

/* The end */

static void on_outlet_closed(void *data)
{
    struct outlet_test *test = data;
    abandon_soon(&test->abandon);
}

static void test_end(struct outlet_test *test)
{
    if (!uv_is_closing((uv_handle_t *)&test->limit)) {
        uv_close((uv_handle_t *)&test->limit, NULL);
        test->outlet->type->close(test->outlet, on_outlet_closed, test);
    }
}

static void on_limit(uv_timer_t *timer)
{
    struct outlet_test *test = container_of(timer, struct outlet_test, limit);
    test->is_late = true;
    test_end(test);
}

static void on_delivered(struct outlet_parcel *parcel)
{
    struct outlet_test *test = container_of(parcel, struct outlet_test, parcel);
    result_tell(test);
    test_end(test);
}

/* The test */

static int test_begin(struct outlet_test *test)
{
    const struct forwarder_options *forward = &test->config->forward;
    const struct outlet_setting setting = {
        .loop = &test->loop,
        .type = forward->type,
        .name = forward->name,
        .inbox_uuid = test->origin,
        .options = forward->type_options,
        .in_flight_max = 1,
        .is_test = true,
    };
    struct reason why = {""};
    int error = forward->type->open(&setting, &test->outlet, &why);
    if (error != 0) {
        log_line(LOG_LEVEL_ERROR, "outlet %s: cannot be opened: %s",
                 outlet_name(test), why.text);
        return error;
    }
    test->parcel = (struct outlet_parcel){
        .messages = &test->message,
        .count = 1,
        .delivered_cb = on_delivered,
    };
    uv_timer_start(&test->limit, on_limit, TEST_TIME_MS, 0); /* cannot fail */
    forward->type->deliver(test->outlet, &test->parcel);
    return 0;
}

static enum exit_code test_run(struct outlet_test *test)
{
    char why[HAPLO_TEXT_SIZE_MAX] = "";
    if (limits_loop_init(&test->loop, why, sizeof why) != 0) {
        log_line(LOG_LEVEL_ERROR, "%s", why);
        return EXIT_CODE_FAILED;
    }
    abandon_init(&test->abandon, &test->loop);
    uv_timer_init(&test->loop, &test->limit); /* cannot fail */
    message_make(test);
    if (test_begin(test) != 0) {
        uv_close((uv_handle_t *)&test->limit, NULL);
    }
    uv_run(&test->loop, UV_RUN_DEFAULT);
    if (!test->abandon.is_done) {
        abandon_close(&test->abandon);
        uv_loop_close(&test->loop);
    }
    return test->code;
}

enum exit_code command_outlet_test(const struct command_options *options)
{
    const char *name = options->arguments[0];
    struct outlet_test test = {.code = EXIT_CODE_FAILED};
    struct config *config;
    log_open(options->is_verbose, false);
    enum exit_code code = command_load_config(options, CONFIG_RUN, &config);
    if (code != EXIT_CODE_FINE) {
        return code;
    }
    for (size_t i = 0; i < config->outlet_count; i++) {
        if (strcmp(config->outlets[i].forward.name, name) == 0) {
            test.config = &config->outlets[i];
        }
    }
    if (test.config == NULL) {
        command_outlet_missing(config, name);
        config_free(config);
        return EXIT_CODE_USAGE;
    }
    code = test_run(&test);
    if (!test.abandon.is_done) {
        config_free(config);
    }
    return abandon_exit(&test.abandon, code);
}
