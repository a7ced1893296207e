/*
 * Messages as lines on a pipe or in a file: the content of a line, the report
 * of a reader that is slow or gone, and the effect of a truncated line.
 */
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "outlets/envelope.h"
#include "outlets/stdout.h"

#define UUID "550e8400-e29b-41d4-a716-446655440000"
#define MESSAGE_COUNT_MAX 2000

struct scene {
    int reader;                                       /* or -1 */
    int writer;                                       /* or -1 */
    void *state;                                      /* of the outlet */
    struct reason why;                                /* of opening */
    struct outlet_parcel parcel;                      /* to be delivered */
    struct inbox_message messages[MESSAGE_COUNT_MAX]; /* of it */
    atomic_bool is_ending;                            /* the outlet is closed */
};

static struct inbox_message message_of(uint64_t arrival, const char *body)
{
    return (struct inbox_message){
        .arrival = arrival,
        .server = "example",
        .queue = "student",
        .received_at_ms = 1795898956000,
        .body = {body, strlen(body)},
        .hash = 0x93d1a5ee3c52f8b0,
    };
}

static void scene_use(struct scene *scene, int descriptor)
{
    scene->writer = descriptor;
    assert_int_equal(
        stdout_open_descriptor(descriptor, UUID, &scene->state, &scene->why),
        0);
}

static int setup(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));
    int pipes[2];

    assert_non_null(scene);
    assert_int_equal(pipe(pipes), 0);
    scene->reader = pipes[0];
    scene_use(scene, pipes[1]);
    atomic_init(&scene->is_ending, false);
    scene->parcel.messages = scene->messages;
    *state = scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;

    stdout_ops.close(scene->state);
    (void)close(scene->reader);
    (void)close(scene->writer);
    free(scene);
    return 0;
}

static void fill(struct scene *scene, size_t count, const char *body)
{
    scene->parcel.count = count;
    for (size_t i = 0; i < count; i++) {
        scene->messages[i] = message_of(i + 1, body);
    }
}

static enum outlet_verdict deliver(struct scene *scene)
{
    scene->parcel.delivered_count = 0;
    scene->parcel.verdict = OUTLET_RETRY;
    scene->parcel.why.text[0] = '\0';
    stdout_ops.deliver(scene->state, &scene->parcel, &scene->is_ending);
    assert_int_equal(scene->parcel.verdict == OUTLET_DELIVERED,
                     scene->parcel.delivered_count == scene->parcel.count);
    return scene->parcel.verdict;
}

/* What is in the pipe now. */
static size_t drain(int descriptor, char *text, size_t size)
{
    size_t total = 0;
    ssize_t part;

    assert_int_equal(fcntl(descriptor, F_SETFL, O_NONBLOCK), 0);
    while ((part = read(descriptor, text + total, size - total)) > 0) {
        total += (size_t)part;
    }
    return total;
}

static void expect_replayed(const struct inbox_message *message,
                            uint64_t replay_id, bool has_new_ids,
                            const char *expected)
{
    size_t size_max = envelope_size_max(message, UUID);
    char *line = malloc(size_max + 1);
    size_t size;

    assert_non_null(line);
    size = envelope_write(message, UUID, replay_id, has_new_ids, line);
    assert_true(size <= size_max);
    line[size] = '\0';
    assert_string_equal(line, expected);
    free(line);
}

static void expect_line(const struct inbox_message *message,
                        const char *expected)
{
    expect_replayed(message, 0, false, expected);
}

/* Lines */

/* The line is the interface that haplo-stdout(5) documents. */
static void test_a_message_becomes_a_line(void **state)
{
    struct inbox_message message =
        message_of(17, " { \"id\" : 1.50,\n \"t\": \"a  b\\n\" } ");

    (void)state;
    expect_line(&message,
                "{\"server\":\"example\",\"queue\":\"student\",\"arrival\":17,"
                "\"id\":\"" UUID "-17-93d1a5ee3c52f8b0\","
                "\"received_at\":\"2026-11-28T20:49:16Z\","
                "\"message\":{\"id\":1.50,\"t\":\"a  b\\n\"}}\n");
}

/* A replay says so. Its messages keep their identities, unless they are meant
 * for a receiver that would drop them as repeats. */
static void test_a_replay_is_told_in_the_line(void **state)
{
    struct inbox_message message = message_of(17, "7");

    (void)state;
    expect_replayed(&message, 3, false,
                    "{\"server\":\"example\",\"queue\":\"student\","
                    "\"arrival\":17,\"id\":\"" UUID "-17-93d1a5ee3c52f8b0\","
                    "\"received_at\":\"2026-11-28T20:49:16Z\","
                    "\"replay\":3,\"message\":7}\n");
    expect_replayed(&message, 3, true,
                    "{\"server\":\"example\",\"queue\":\"student\","
                    "\"arrival\":17,\"id\":\"" UUID "-17-93d1a5ee3c52f8b0-r3\","
                    "\"received_at\":\"2026-11-28T20:49:16Z\","
                    "\"replay\":3,\"message\":7}\n");
}

/* What is not JSON keeps its bytes, whatever they are. */
static void test_raw_messages_are_base64(void **state)
{
    static const struct {
        const char *body;
        size_t size;
        const char *base64;
    } cases[] = {{"", 0, ""},
                 {"f", 1, "Zg=="},
                 {"fo", 2, "Zm8="},
                 {"foo", 3, "Zm9v"},
                 {"\xff\x00\n\xfe", 4, "/wAK/g=="}};
    char expected[512];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct inbox_message message = message_of(1, "");

        message.format = HAPLO_FORMAT_RAW;
        message.body = (struct haplo_slice){cases[i].body, cases[i].size};
        (void)snprintf(expected, sizeof(expected),
                       "{\"server\":\"example\",\"queue\":\"student\","
                       "\"arrival\":1,\"id\":\"" UUID "-1-93d1a5ee3c52f8b0\","
                       "\"received_at\":\"2026-11-28T20:49:16Z\","
                       "\"message_base64\":\"%s\"}\n",
                       cases[i].base64);
        expect_line(&message, expected);
    }
}

/* Whatever is in a name, the line is valid JSON. */
static void test_names_are_json_strings(void **state)
{
    struct inbox_message message = message_of(1, "7");

    (void)state;
    message.server = "a\"b\\c";
    message.queue = "\x1f\n";
    expect_line(&message,
                "{\"server\":\"a\\\"b\\\\c\",\"queue\":\"\\u001f\\u000a\","
                "\"arrival\":1,\"id\":\"" UUID "-1-93d1a5ee3c52f8b0\","
                "\"received_at\":\"2026-11-28T20:49:16Z\",\"message\":7}\n");
}

/* Readers */

static void test_a_parcel_is_written_in_order(void **state)
{
    struct scene *scene = *state;
    char text[4096];
    const char *at;

    fill(scene, 3, "{}");
    assert_int_equal(deliver(scene), OUTLET_DELIVERED);
    (void)close(scene->writer);
    text[drain(scene->reader, text, sizeof(text) - 1)] = '\0';
    at = strstr(text, "\"arrival\":1,");
    assert_non_null(at);
    at = strstr(at, "\"arrival\":2,");
    assert_non_null(at);
    assert_non_null(strstr(at, "\"arrival\":3,"));
}

static void *read_slowly(void *data)
{
    struct scene *scene = data;
    char text[100];
    size_t lines = 0;

    while (lines < scene->parcel.count) {
        ssize_t size = read(scene->reader, text, sizeof(text));

        for (ssize_t i = 0; i < size; i++) {
            lines += text[i] == '\n' ? 1 : 0;
        }
        if (size <= 0) {
            break;
        }
    }
    return (void *)lines; /* NOLINT(performance-no-int-to-ptr) */
}

/* More than a pipe holds: the thread waits for the reader, and all arrives. */
static void test_a_slow_reader_is_waited_for(void **state)
{
    struct scene *scene = *state;
    pthread_t thread;
    void *lines = NULL;

    fill(scene, MESSAGE_COUNT_MAX, "{\"some\":\"text\"}");
    assert_int_equal(pthread_create(&thread, NULL, read_slowly, scene), 0);
    assert_int_equal(deliver(scene), OUTLET_DELIVERED);
    assert_int_equal(pthread_join(thread, &lines), 0);
    assert_int_equal((uintptr_t)lines, MESSAGE_COUNT_MAX);
}

/* Closing does not wait for a reader that sleeps. What it has is delivered,
 * line by line. */
static void test_a_sleeping_reader_does_not_keep_it_open(void **state)
{
    struct scene *scene = *state;
    char *text = malloc(1 << 20);
    size_t size;
    size_t lines = 0;

    assert_non_null(text);
    fill(scene, MESSAGE_COUNT_MAX, "{\"some\":\"text\"}");
    atomic_store(&scene->is_ending, true);
    assert_int_equal(deliver(scene), OUTLET_RETRY);
    assert_string_equal(scene->parcel.why.text, "closing");
    (void)close(scene->writer);
    size = drain(scene->reader, text, 1 << 20);
    for (size_t i = 0; i < size; i++) {
        lines += text[i] == '\n' ? 1 : 0;
    }
    assert_true(lines > 0);
    assert_int_equal(lines, scene->parcel.delivered_count);
    free(text);
}

/* Nobody reads the other end: after poll(2) a terminal may take less than a
 * write asks for, and would block for the rest. */
static void test_a_stopped_terminal_does_not_keep_it_open(void **state)
{
    struct scene *scene = *state;
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    int terminal;

    assert_true(master >= 0);
    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    terminal = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(terminal >= 0);
    stdout_ops.close(scene->state);
    (void)close(scene->writer);
    scene_use(scene, terminal);
    fill(scene, MESSAGE_COUNT_MAX, "{\"some\":\"text\"}");
    atomic_store(&scene->is_ending, true);
    assert_int_equal(deliver(scene), OUTLET_RETRY);
    assert_string_equal(scene->parcel.why.text, "closing");
    /* It is shared with other processes, which must not notice. */
    assert_int_equal(fcntl(terminal, F_GETFL) & O_NONBLOCK, 0);
    (void)close(master);
}

/* Not the process dies, but the destination is broken. */
static void test_a_reader_that_has_gone_is_a_broken_destination(void **state)
{
    struct scene *scene = *state;

    (void)signal(SIGPIPE, SIG_IGN); /* as the program does at its start */
    (void)close(scene->reader);
    fill(scene, 3, "{}");
    assert_int_equal(deliver(scene), OUTLET_BROKEN);
    assert_int_equal(scene->parcel.delivered_count, 0);
    assert_non_null(strstr(scene->parcel.why.text, "standard output"));
    assert_non_null(strstr(scene->parcel.why.text, "broken pipe"));
}

/* A line that was cut is ended before the next one, so that a reader can tell
 * where that begins. */
static void test_a_line_that_was_cut_damages_no_other(void **state)
{
    struct scene *scene = *state;
    char *text = malloc(1 << 20);
    size_t size;

    assert_non_null(text);
    memset(text, '7', 200000); /* more than a pipe holds */
    text[200000] = '\0';
    fill(scene, 1, text);
    atomic_store(&scene->is_ending, true);
    assert_int_equal(deliver(scene), OUTLET_RETRY);
    assert_int_equal(scene->parcel.delivered_count, 0);
    atomic_store(&scene->is_ending, false);
    size = drain(scene->reader, text, 1 << 20);
    assert_int_not_equal(text[size - 1], '\n');
    fill(scene, 1, "[]");
    assert_int_equal(deliver(scene), OUTLET_DELIVERED);
    (void)close(scene->writer);
    size = drain(scene->reader, text, 1 << 20);
    assert_memory_equal(text, "\n{\"server\"", 10);
    assert_int_equal(text[size - 1], '\n');
    free(text);
}

/* Standard output may be redirected to a file, which never makes wait. */
static void test_a_file_is_written_at_once(void **state)
{
    struct scene *scene = *state;
    char path[] = "/tmp/haplo-stdout-XXXXXX";
    int file = mkstemp(path);
    char *body = malloc(3000001);
    off_t size;

    assert_true(file >= 0);
    assert_non_null(body);
    stdout_ops.close(scene->state);
    (void)close(scene->writer);
    scene_use(scene, file);
    memset(body, '1', 3000000);
    body[3000000] = '\0';
    fill(scene, 3, body);
    assert_int_equal(deliver(scene), OUTLET_DELIVERED);
    size = lseek(file, 0, SEEK_CUR);
    assert_true(size > 9000000 && size < 9001000);
    assert_int_equal(unlink(path), 0);
    free(body);
}

/* A service may be started without standard output. */
static void test_a_closed_descriptor_is_told(void **state)
{
    struct scene *scene = *state;
    void *other = NULL;
    int closed = dup(scene->writer);

    (void)close(closed);
    assert_int_equal(stdout_open_descriptor(closed, UUID, &other, &scene->why),
                     HAPLO_EINVAL);
    assert_null(other);
    assert_non_null(strstr(scene->why.text, "standard output"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
        cmocka_unit_test(test_a_message_becomes_a_line),
        cmocka_unit_test(test_a_replay_is_told_in_the_line),
        cmocka_unit_test(test_raw_messages_are_base64),
        cmocka_unit_test(test_names_are_json_strings),
        T(test_a_parcel_is_written_in_order),
        T(test_a_slow_reader_is_waited_for),
        T(test_a_sleeping_reader_does_not_keep_it_open),
        T(test_a_stopped_terminal_does_not_keep_it_open),
        T(test_a_reader_that_has_gone_is_a_broken_destination),
        T(test_a_line_that_was_cut_damages_no_other),
        T(test_a_file_is_written_at_once),
        T(test_a_closed_descriptor_is_told),
    };

    return cmocka_run_group_tests_name("stdout", tests, NULL, NULL);
}
