/*
 * The example of an outlet at work on a loop, and with it what wraps all
 * outlets that block: parcels in order, a destination that breaks and comes
 * back, closing with parcels left.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "outlets/outlet.h"

#define PARCEL_COUNT 8

extern const struct outlet_type append_outlet_type;

/* As the example lays them out; the configuration fills them by the rows. */
struct options {
    const char *path;
    size_t message_bytes_max;
};

struct scene {
    uv_loop_t loop;
    char folder[64];
    char path[96];
    struct options options;
    struct outlet_setting setting;
    struct outlet *outlet;
    struct inbox_message messages[PARCEL_COUNT][2];
    struct outlet_parcel parcels[PARCEL_COUNT];
    bool is_closed;
};

static struct scene *now; /* callbacks have no data */
static size_t answer_count;
static size_t answers[PARCEL_COUNT]; /* indexes of parcels, as they came */

static void outlet_open(struct scene *scene)
{
    struct reason why;

    assert_int_equal(
        append_outlet_type.open(&scene->setting, &scene->outlet, &why), 0);
}

static int setup(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));

    assert_non_null(scene);
    assert_int_equal(uv_loop_init(&scene->loop), 0);
    (void)snprintf(scene->folder, sizeof(scene->folder), "%s/haplo-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(scene->folder));
    (void)snprintf(scene->path, sizeof(scene->path), "%s/log", scene->folder);
    scene->options = (struct options){scene->path, 100};
    scene->setting = (struct outlet_setting){
        .loop = &scene->loop,
        .type = &append_outlet_type,
        .name = "log",
        .inbox_uuid = "u",
        .options = &scene->options,
    };
    outlet_open(scene);
    now = scene;
    answer_count = 0;
    *state = scene;
    return 0;
}

static void on_closed(void *data)
{
    struct scene *scene = data;

    scene->is_closed = true;
    scene->outlet = NULL;
}

static int teardown(void **state)
{
    struct scene *scene = *state;
    char command[128];

    if (scene->outlet != NULL) {
        append_outlet_type.close(scene->outlet, on_closed, scene);
    }
    assert_int_equal(uv_run(&scene->loop, UV_RUN_DEFAULT), 0);
    assert_true(scene->is_closed);
    assert_int_equal(uv_loop_close(&scene->loop), 0);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", scene->folder);
    assert_int_equal(system(command), 0);
    free(scene);
    return 0;
}

static void on_delivered(struct outlet_parcel *parcel)
{
    answers[answer_count++] = (size_t)(parcel - now->parcels);
}

static void deliver(struct scene *scene, size_t index, const char *body)
{
    struct outlet_parcel *parcel = &scene->parcels[index];
    struct inbox_message *messages = scene->messages[index];

    for (size_t i = 0; i < 2; i++) {
        messages[i] = (struct inbox_message){
            .arrival = 10 * index + i,
            .server = "a",
            .queue = "q",
            .body = {i == 0 ? "{}" : body, i == 0 ? 2 : strlen(body)},
        };
    }
    *parcel = (struct outlet_parcel){
        .messages = messages,
        .count = 2,
        .delivered_cb = on_delivered,
    };
    append_outlet_type.deliver(scene->outlet, parcel);
}

static void settle(struct scene *scene)
{
    assert_int_equal(uv_run(&scene->loop, UV_RUN_DEFAULT), 0);
}

static size_t line_count(const struct scene *scene)
{
    FILE *file = fopen(scene->path, "re");
    size_t count = 0;
    int c;

    if (file == NULL) {
        return 0;
    }
    while ((c = getc(file)) != EOF) {
        count += c == '\n' ? 1 : 0;
    }
    assert_int_equal(fclose(file), 0);
    return count;
}

/* The contract of outlet.h, for every outlet that blocks. */
static void test_parcels_are_delivered_in_order(void **state)
{
    struct scene *scene = *state;

    for (size_t i = 0; i < 3; i++) {
        deliver(scene, i, "[]");
        assert_int_equal(answer_count, 0); /* never inside the call */
    }
    settle(scene);
    assert_int_equal(answer_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(answers[i], i);
        assert_int_equal(scene->parcels[i].verdict, OUTLET_DELIVERED);
        assert_int_equal(scene->parcels[i].delivered_count, 2);
    }
    assert_int_equal(line_count(scene), 6);
}

/* What precedes it in its parcel is delivered. */
static void test_a_large_message_is_refused_alone(void **state)
{
    struct scene *scene = *state;
    char body[102];

    memset(body, '1', sizeof(body) - 1);
    body[sizeof(body) - 1] = '\0';
    deliver(scene, 0, body);
    settle(scene);
    assert_int_equal(scene->parcels[0].verdict, OUTLET_REFUSED);
    assert_int_equal(scene->parcels[0].delivered_count, 1);
    assert_int_equal(line_count(scene), 1);
}

/* It is opened at once, and again with each parcel until that succeeds. */
static void test_a_destination_that_is_not_there_is_broken_for_now(void **state)
{
    struct scene *scene = *state;
    char away[96];

    append_outlet_type.close(scene->outlet, on_closed, scene);
    settle(scene);
    (void)snprintf(away, sizeof(away), "%s.away", scene->folder);
    assert_int_equal(rename(scene->folder, away), 0);
    outlet_open(scene);
    scene->is_closed = false;
    deliver(scene, 0, "[]");
    settle(scene);
    assert_int_equal(scene->parcels[0].verdict, OUTLET_BROKEN);
    assert_non_null(strstr(scene->parcels[0].why.text, scene->path));
    assert_int_equal(rename(away, scene->folder), 0);
    deliver(scene, 1, "[]");
    settle(scene);
    assert_int_equal(scene->parcels[1].verdict, OUTLET_DELIVERED);
}

/* Every parcel is answered, whether or not it was tried. */
static void test_closing_answers_all(void **state)
{
    struct scene *scene = *state;
    size_t delivered = 0;

    for (size_t i = 0; i < PARCEL_COUNT; i++) {
        deliver(scene, i, "[]");
    }
    append_outlet_type.close(scene->outlet, on_closed, scene);
    assert_false(scene->is_closed);
    settle(scene);
    assert_true(scene->is_closed);
    assert_int_equal(answer_count, PARCEL_COUNT);
    for (size_t i = 0; i < PARCEL_COUNT; i++) {
        bool is_delivered = scene->parcels[i].verdict == OUTLET_DELIVERED;

        assert_true(is_delivered || scene->parcels[i].verdict == OUTLET_RETRY);
        delivered += is_delivered ? 2 : 0;
    }
    assert_int_equal(line_count(scene), delivered);
}

/* The registry */

/* A program may add types of its own. */
static void test_types_are_found_by_their_names(void **state)
{
    size_t count = 0;

    (void)state;
    assert_string_equal(outlet_type_at(0)->name, "files");
    assert_string_equal(outlet_type_find("stdout")->name, "stdout");
    assert_null(outlet_type_find("append"));
    outlet_type_register(&append_outlet_type);
    assert_ptr_equal(outlet_type_find("append"), &append_outlet_type);
    while (outlet_type_at(count) != NULL) {
        count++;
    }
    assert_ptr_equal(outlet_type_at(count - 1), &append_outlet_type);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
        T(test_parcels_are_delivered_in_order),
        T(test_a_large_message_is_refused_alone),
        T(test_a_destination_that_is_not_there_is_broken_for_now),
        T(test_closing_answers_all),
        cmocka_unit_test(test_types_are_found_by_their_names),
    };

    return cmocka_run_group_tests_name("outlet_example", tests, NULL, NULL);
}
