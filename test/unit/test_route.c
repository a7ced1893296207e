#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/json_elements.h"
#include "core/route.h"
#include "failing_allocator.h"

/* A test with up to two values, and an alternative with up to two tests. */
#define TEST(key, ...)                                             \
    {                                                              \
        key, (const char *const[]){__VA_ARGS__},                   \
            sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *) \
    }
#define ALTERNATIVE(...)                                       \
    {                                                          \
        (const struct route_test[]){__VA_ARGS__},              \
            sizeof((const struct route_test[]){__VA_ARGS__}) / \
                sizeof(struct route_test)                      \
    }

static const char object[] =
    "{\"id\":7,\"datetime\":\"2026-01-02T03:04:05Z\","
    "\"action\":\"object:change\",\"operation\":\"update\","
    "\"object\":{\"kind\":\"haplo:object:0\",\"ref\":\"80q22\","
    "\"recordVersion\":5,\"type\":{\"code\":\"dc:attribute:student\"},"
    "\"labels\":[\"std:label:common\",\"x:label:public\",3],\"empty\":[],"
    "\"deleted\":false,\"title\":\"A*B\",\"parent\":null}}";

static const char transition[] =
    "{\"action\":\"workflow:transition\",\"object\":{\"ref\":\"80q23\","
    "\"workflows\":["
    "{\"workType\":\"x:thesis\",\"state\":\"draft\",\"closed\":false},"
    "{\"workType\":\"x:ethics\",\"state\":\"approved\",\"closed\":true}]}}";

static int accepts(const struct route_alternative *alternatives, size_t count,
                   const char *message)
{
    const struct route_rules rules = {alternatives, count};
    struct route *route;
    struct reason why = {""};
    assert_int_equal(route_new(&route, &rules, &why), 0);
    int result = route_accepts(route, message, strlen(message));
    route_free(route);
    assert_int_equal(allocator_held, 0);
    return result;
}

static int accepts_value(const char *key, const char *value,
                         const char *message)
{
    const struct route_alternative alternative = ALTERNATIVE(TEST(key, value));
    return accepts(&alternative, 1, message);
}

/* The example of the manual: all tests of an alternative, one of the values. */
static void all_tests_and_one_value_must_match(void **state)
{
    (void)state;
    const struct route_alternative students[] = {ALTERNATIVE(
        TEST("/action", "object:change"),
        TEST("/object/type/code", "std:type:person", "dc:attribute:student"))};
    const struct route_alternative staff[] = {
        ALTERNATIVE(TEST("/action", "object:change"),
                    TEST("/object/type/code", "std:type:person"))};
    assert_int_equal(accepts(students, 1, object), 1);
    assert_int_equal(accepts(students, 1, transition), 0);
    assert_int_equal(accepts(staff, 1, object), 0);
}

/* One alternative is enough, wherever in the list it is. */
static void one_alternative_must_match(void **state)
{
    (void)state;
    const struct route_alternative either[] = {
        ALTERNATIVE(TEST("/action", "none"), TEST("/operation", "update")),
        ALTERNATIVE(TEST("state", "approved")),
        ALTERNATIVE(TEST("/object/type/code", "*:student"))};
    assert_int_equal(accepts(either, 3, object), 1);
    assert_int_equal(accepts(either, 3, transition), 1);
    assert_int_equal(accepts(either, 1, object), 0);
    assert_int_equal(accepts(either, 3, "{\"action\":\"new\"}"), 0);
}

/* Strings by pattern; everything else by its exact text. */
static void values_match_according_to_their_kind(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        const char *value;
        int accepts;
    } cases[] = {
        {"/object/ref", "80*", 1},
        {"/object/ref", "8?q22", 1},
        {"/object/ref", "80", 0},
        {"/object/title", "A\\*B", 1},
        {"/object/title", "A\\*C", 0},
        {"/object/recordVersion", "5", 1},
        {"/object/recordVersion", "5.0", 0},
        {"/object/recordVersion", "*", 0},
        {"/object/deleted", "false", 1},
        {"/object/deleted", "true", 0},
        {"/object/parent", "null", 1},
        {"/object/none", "null", 1},
        {"/object/none", "*", 0},
        {"/object/ref", "null", 0},
        {"/object/type", "*", 0},
        {"/object/labels", "x:label:*", 1},
        {"/object/labels", "3", 1},
        {"/object/labels", "std:label:none", 0},
        {"/object/labels/0", "std:label:common", 1},
        {"/object/labels/0", "x:label:public", 0},
        {"/object/empty", "null", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (accepts_value(cases[i].key, cases[i].value, object) !=
            cases[i].accepts) {
            fail_msg("%s: %s", cases[i].key, cases[i].value);
        }
    }
}

/* "The thesis is approved" must not match because the thesis is a draft and
 * something else is approved. */
static void a_short_form_concerns_one_workflow(void **state)
{
    (void)state;
    const struct route_alternative ethics = ALTERNATIVE(
        TEST("workType", "x:ethics"), TEST("state", "approved", "rejected"),
        TEST("closed", "true"));
    const struct route_alternative thesis =
        ALTERNATIVE(TEST("workType", "x:thesis"), TEST("state", "approved"));
    const struct route_alternative both = ALTERNATIVE(
        TEST("state", "draft"), TEST("/action", "workflow:transition"));
    const struct route_alternative open =
        ALTERNATIVE(TEST("closed", "false"), TEST("/action", "object:*"));
    assert_int_equal(accepts(&ethics, 1, transition), 1);
    assert_int_equal(accepts(&thesis, 1, transition), 0);
    assert_int_equal(accepts(&both, 1, transition), 1);
    assert_int_equal(accepts(&open, 1, transition), 0);
    assert_int_equal(accepts(&ethics, 1, object), 0);
    assert_int_equal(
        accepts(&ethics, 1, "{\"object\":{\"workflows\":{\"state\":1}}}"), 0);
}

/* Queues with a formatter of their own deliver anything. */
static void what_is_not_json_is_not_accepted(void **state)
{
    (void)state;
    static const char *const bodies[] = {"",        "<xml/>", "80q22,update\n",
                                         "{\"a\":", "null",   "[]"};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        assert_int_equal(accepts_value("/a", "*", bodies[i]), 0);
        assert_int_equal(accepts_value("state", "*", bodies[i]), 0);
    }
}

/* A filter that cannot match anything must be refused when it is configured. */
static void malformed_rules_are_refused(void **state)
{
    (void)state;
    static const char *const keys[] = {"action", "worktype", "", "/a/~",
                                       "object/ref"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct route_alternative alternative =
            ALTERNATIVE(TEST(keys[i], "x"));
        const struct route_rules rules = {&alternative, 1};
        struct route *route;
        struct reason why = {""};
        assert_int_equal(route_new(&route, &rules, &why), HAPLO_EINVAL);
        assert_null(route);
        assert_non_null(strstr(why.text, keys[i]));
        assert_int_equal(route_key_check(keys[i], &why), HAPLO_EINVAL);
    }
    struct reason why = {""};
    assert_int_equal(route_value_check("a\\b", &why), HAPLO_EINVAL);
    assert_non_null(strstr(why.text, "a\\b"));
    assert_int_equal(route_value_check("a\\*", &why), 0);
    assert_string_equal(route_short_form(0), "workType");
    assert_null(route_short_form(3));
    assert_int_equal(allocator_held, 0);
}

/* Running out of memory must not look like a decision about the message. */
static void any_failing_allocation_is_reported(void **state)
{
    (void)state;
    static char message[40000];
    const struct route_alternative alternative =
        ALTERNATIVE(TEST("state", "\n*"));
    const struct route_rules rules = {&alternative, 1};
    static const char head[] = "{\"object\":{\"workflows\":[{\"state\":\"\\n";
    memset(message, 'x', sizeof message);
    memcpy(message, head, sizeof head - 1);
    memcpy(message + sizeof message - 6, "\"}]}}", 6);
    size_t fails = 0;
    int result = HAPLO_ENOMEM;
    while (result != 1) {
        struct route *route;
        allocator_reset(++fails);
        result = route_new(&route, &rules, NULL);
        if (result == 0) {
            result = route_accepts(route, message, strlen(message));
        }
        route_free(route);
        assert_true(result == 1 || result == HAPLO_ENOMEM);
        assert_int_equal(allocator_held, 0);
    }
    assert_true(fails > 10);
    allocator_reset(0);
}

struct seen {
    char text[64];  /* the elements, each followed by ';' */
    size_t stop_at; /* stop after this many */
    size_t count;   /* of elements */
};

static bool on_element(void *data, const char *text, size_t size)
{
    struct seen *seen = data;
    strncat(seen->text, text, size);
    strcat(seen->text, ";");
    return ++seen->count != seen->stop_at;
}

static int each(struct seen *seen, size_t stop_at, const char *text)
{
    static struct json_elements elements;
    *seen = (struct seen){.stop_at = stop_at};
    return json_elements_each(&elements, text, strlen(text), on_element, seen);
}

/* Elements come out as they are written, whatever they contain. */
static void elements_of_an_array_are_slices(void **state)
{
    (void)state;
    struct seen seen;
    assert_int_equal(
        each(&seen, 0, " [ 1 ,\"a,\\\"]\",{\"b\":[2,3]}, [[ ]] ,null]"), 0);
    assert_string_equal(seen.text, "1;\"a,\\\"]\";{\"b\":[2,3]};[[ ]];null;");
    assert_int_equal(each(&seen, 2, "[1,[2],3]"), 0);
    assert_string_equal(seen.text, "1;[2];");
    assert_int_equal(each(&seen, 0, "[]"), 0);
    assert_string_equal(seen.text, "");
    assert_int_equal(each(&seen, 0, "{\"a\":[1]}"), HAPLO_EDOCUMENT);
    assert_int_equal(each(&seen, 0, "1"), HAPLO_EDOCUMENT);
    assert_int_equal(each(&seen, 0, "[1,"), HAPLO_EDOCUMENT);
}

static int install(void **state)
{
    (void)state;
    allocator_install();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_tests_and_one_value_must_match),
        cmocka_unit_test(one_alternative_must_match),
        cmocka_unit_test(values_match_according_to_their_kind),
        cmocka_unit_test(a_short_form_concerns_one_workflow),
        cmocka_unit_test(what_is_not_json_is_not_accepted),
        cmocka_unit_test(malformed_rules_are_refused),
        cmocka_unit_test(any_failing_allocation_is_reported),
        cmocka_unit_test(elements_of_an_array_are_slices),
    };
    return cmocka_run_group_tests_name("route", tests, install, NULL);
}
