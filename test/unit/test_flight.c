/*
 * Which messages of a parcel count as delivered, in whatever order they are
 * acknowledged.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "outlets/flight.h"

struct scene {
    struct outlet_parcel parcel; /* of the flight */
    struct flight flight;        /* in flight */
};

static void scene_begin(struct scene *scene, size_t count, size_t sent_count)
{
    *scene = (struct scene){.parcel = {.count = count}};
    assert_int_equal(flight_init(&scene->flight, &scene->parcel), 0);
    for (size_t i = 0; i < sent_count; i++) {
        flight_sent(&scene->flight);
    }
}

static void note(struct scene *scene, size_t index, enum outlet_verdict verdict,
                 const char *text)
{
    struct reason why;

    (void)reason_set(&why, 0, "%s", text);
    flight_note(&scene->flight, index, verdict, &why);
}

static void expect_end(struct scene *scene, size_t delivered_count,
                       enum outlet_verdict verdict, const char *why)
{
    assert_true(flight_is_over(&scene->flight));
    flight_report(&scene->flight);
    assert_int_equal(scene->parcel.delivered_count, delivered_count);
    assert_int_equal(scene->parcel.verdict, verdict);
    assert_string_equal(scene->parcel.why.text, why);
    flight_free(&scene->flight);
}

/* The first acknowledgements come while the last messages are being sent. */
static void acknowledgements_come_in_any_order(void **state)
{
    struct scene scene;

    (void)state;
    scene_begin(&scene, 3, 2);
    note(&scene, 1, OUTLET_DELIVERED, "");
    note(&scene, 1, OUTLET_DELIVERED, ""); /* somebody responds twice */
    note(&scene, 0, OUTLET_DELIVERED, "");
    note(&scene, 2, OUTLET_DELIVERED, ""); /* not sent yet: a lie */
    assert_false(flight_is_over(&scene.flight));
    flight_sent(&scene.flight);
    scene.flight.is_sent = true;
    assert_false(flight_is_over(&scene.flight));
    note(&scene, 2, OUTLET_DELIVERED, "");
    expect_end(&scene, 3, OUTLET_DELIVERED, "");
}

/* What is acknowledged after a failed message is published again, so that the
 * messages of a queue stay in order. */
static void the_first_failure_counts(void **state)
{
    struct scene scene;

    (void)state;
    scene_begin(&scene, 4, 4);
    scene.flight.is_sent = true;
    note(&scene, 3, OUTLET_RETRY, "later");
    note(&scene, 0, OUTLET_DELIVERED, "");
    note(&scene, 2, OUTLET_DELIVERED, "");
    assert_false(flight_is_over(&scene.flight));
    note(&scene, 1, OUTLET_REFUSED, "too large");
    expect_end(&scene, 1, OUTLET_REFUSED, "too large");
}

/* A message that cannot be sent waits for those before it. */
static void a_message_that_cannot_be_sent_is_the_last(void **state)
{
    struct scene scene;

    (void)state;
    scene_begin(&scene, 5, 2);
    note(&scene, 1, OUTLET_REFUSED, "too large");
    scene.flight.is_sent = true;
    assert_false(flight_is_over(&scene.flight));
    note(&scene, 0, OUTLET_DELIVERED, "");
    expect_end(&scene, 1, OUTLET_REFUSED, "too large");
}

/* Acknowledgements that are missing when a connection is lost. */
static void what_is_given_up_is_retried(void **state)
{
    struct scene scene;

    (void)state;
    scene_begin(&scene, 4, 3);
    note(&scene, 0, OUTLET_DELIVERED, "");
    note(&scene, 2, OUTLET_DELIVERED, "");
    flight_give_up(&scene.flight, OUTLET_RETRY, "lost");
    note(&scene, 1, OUTLET_DELIVERED, ""); /* too late */
    expect_end(&scene, 1, OUTLET_RETRY, "lost");

    scene_begin(&scene, 2, 0);
    flight_give_up(&scene.flight, OUTLET_BROKEN, "no server");
    expect_end(&scene, 0, OUTLET_BROKEN, "no server");

    scene_begin(&scene, 2, 2); /* all has come by then */
    note(&scene, 0, OUTLET_DELIVERED, "");
    note(&scene, 1, OUTLET_DELIVERED, "");
    flight_give_up(&scene.flight, OUTLET_RETRY, "lost");
    expect_end(&scene, 2, OUTLET_DELIVERED, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(acknowledgements_come_in_any_order),
        cmocka_unit_test(the_first_failure_counts),
        cmocka_unit_test(a_message_that_cannot_be_sent_is_the_last),
        cmocka_unit_test(what_is_given_up_is_retried),
    };

    return cmocka_run_group_tests_name("flight", tests, NULL, NULL);
}
