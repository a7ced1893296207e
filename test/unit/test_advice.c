/* Whatever a queue or an outlet suffers from, somebody who asks is told what to
 * do. What they read as a whole: test/explain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/commands/advice.h"
#include "daemon/text/json_tree.h"
#include "haplopoll.h"

static void expect(const struct advice *advice, const char *word)
{
    assert_non_null(advice);
    assert_non_null(strstr(advice->text, word));
}

/* An error that is added to the library needs advice as well. Those that are
 * not about a queue, but about a wrong call, never reach an operator. */
static void test_each_error_of_a_queue_has_advice(void **state)
{
    static const int errors[] = {
#define ERROR(name, number, text) HAPLO_##name,
        HAPLO_ERRNO_MAP(ERROR)
#undef ERROR
    };
    (void)state;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        const struct advice_facts facts = {
            .health = "failing",
            .error = haplo_error_name(errors[i]),
        };
        if (errors[i] <= HAPLO_ERESOLVE) {
            assert_non_null(advice_for_queue(&facts));
        }
    }
}

static void test_what_is_wrong_above_the_queue_comes_first(void **state)
{
    struct advice_facts facts = {.health = "failing",
                                 .error = "HAPLO_ETHROTTLED",
                                 .server_state = "SILENT"};
    (void)state;
    expect(advice_for_queue(&facts), "Too many logins");
    facts = (struct advice_facts){.health = "paused"};
    expect(advice_for_queue(&facts), "disk");
    facts.is_operator_pause = true;
    expect(advice_for_queue(&facts), "Somebody");
    facts = (struct advice_facts){.health = "held"};
    expect(advice_for_queue(&facts), "configuration");
    facts = (struct advice_facts){.health = "ok", .logins_held = true};
    expect(advice_for_queue(&facts), "lock this address out");
}

static void test_what_works_needs_no_advice(void **state)
{
    const struct advice_facts facts = {.health = "ok",
                                       .outlet_state = "working"};
    (void)state;
    assert_null(advice_for_queue(&facts));
    assert_null(advice_for_outlet(&facts));
}

static void test_outlets(void **state)
{
    struct advice_facts facts = {.health = "failing", .outlet_state = "broken"};
    (void)state;
    expect(advice_for_outlet(&facts), "destination cannot be used");
    facts.outlet_state = "waiting";
    expect(advice_for_outlet(&facts), "tried again");
    facts =
        (struct advice_facts){.health = "blocked", .outlet_state = "blocked"};
    expect(advice_for_outlet(&facts), "dead letter");
    facts = (struct advice_facts){.health = "held", .outlet_state = "closed"};
    expect(advice_for_outlet(&facts), "its inbox is open");
}

/* A process of another version may leave out or add members, or change their
 * types: a command shows less, and does not crash. */
static void test_a_document_with_surprises(void **state)
{
    struct json_tree *root = json_tree_read(
        "{\"a\":\"x\",\"n\":3,\"f\":0.25,\"neg\":-1,\"l\":[1,{\"b\":true}],"
        "\"t\":\"2026-11-28T20:49:16.040Z\",\"z\":null}");
    struct json_writer json = {0};
    (void)state;
    assert_non_null(root);
    assert_string_equal(json_tree_text(root, "a"), "x");
    assert_null(json_tree_text(root, "n"));
    assert_null(json_tree_text(root, "none"));
    assert_null(json_tree_text(NULL, "a"));
    assert_int_equal(json_tree_count(root, "n"), 3);
    assert_int_equal(json_tree_count(root, "a"), 0);
    assert_int_equal(json_tree_count(root, "neg"), 0);
    assert_int_equal(json_tree_duration(root, "f"), 250);
    assert_int_equal(json_tree_time(root, "t"), UINT64_C(1795898956040));
    assert_int_equal(json_tree_time(root, "a"), 0);
    assert_null(json_tree_item(root, 0));
    assert_true(
        json_tree_bool(json_tree_item(json_tree_member(root, "l"), 1), "b"));
    assert_null(json_tree_item(json_tree_member(root, "l"), 2));
    json_tree_write(json_tree_member(root, "l"), &json, NULL);
    assert_int_equal(json.size, strlen("[1,{\"b\":true}]"));
    json_writer_free(&json);
    json_tree_free(root);
    assert_null(json_tree_read("{\"a\":"));
    assert_null(json_tree_read(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_error_of_a_queue_has_advice),
        cmocka_unit_test(test_what_is_wrong_above_the_queue_comes_first),
        cmocka_unit_test(test_what_works_needs_no_advice),
        cmocka_unit_test(test_outlets),
        cmocka_unit_test(test_a_document_with_surprises),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
