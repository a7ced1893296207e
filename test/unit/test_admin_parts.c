/*
 * The pure parts of the admin socket: finding a route, reading a body, cutting
 * a page out of a long list, and telling requests of other sites.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/admin/admin_form.h"
#include "daemon/admin/admin_origin.h"
#include "daemon/admin/admin_page.h"
#include "daemon/admin/admin_route.h"

/* Routes */

static const struct admin_route routes[] = {
    {"GET", "/", ADMIN_ROLE_NONE, true, NULL},
    {"GET", "/queues", ADMIN_ROLE_READ, false, NULL},
    {"GET", "/queues/{server}/{queue}", ADMIN_ROLE_READ, false, NULL},
    {"POST", "/queues/{server}/{queue}/pause", ADMIN_ROLE_FULL, false, NULL},
};

static const struct admin_route *find(const char *method, const char *path,
                                      struct admin_match *match)
{
    admin_route_find(routes, sizeof routes / sizeof routes[0], method, path,
                     match);
    return match->route;
}

/* A parameter is one segment, whatever it contains. */
static void test_a_route_is_found_by_its_segments(void **state)
{
    struct admin_match match;
    (void)state;
    assert_ptr_equal(find("GET", "/", &match), &routes[0]);
    assert_ptr_equal(find("HEAD", "/queues", &match), &routes[1]);
    assert_ptr_equal(find("GET", "/queues/a/b{c}", &match), &routes[2]);
    assert_string_equal(admin_match_parameter(&match, "server"), "a");
    assert_string_equal(admin_match_parameter(&match, "queue"), "b{c}");
    assert_ptr_equal(find("POST", "/queues/a/b/pause", &match), &routes[3]);
}

static void test_nothing_else_is_a_route(void **state)
{
    static const char *const paths[] = {
        "",          "//",           "/queues/",      "/queues/a",
        "/queues//", "/queues/a/b/", "/queues/a/b/c", "queues",
        "/Queues",   "/queuesx",     "/queues/a//b",
    };
    struct admin_match match;
    char path[512];
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        assert_null(find("GET", paths[i], &match));
        assert_false(match.is_path_known);
    }
    snprintf(path, sizeof path, "/queues/%0*d/b", (int)ADMIN_PARAMETER_SIZE, 7);
    assert_null(find("GET", path, &match));
    assert_null(find("POST", "/queues", &match));
    assert_true(match.is_path_known);
}

/* Bodies */

struct form {
    char text[8];   /* "text" */
    uint64_t count; /* "count" */
    bool flag;      /* "flag" */
};

static int read_form(const char *body, struct form *form)
{
    char why[HAPLO_TEXT_SIZE_MAX] = "";
    const struct admin_field fields[] = {
        {"text", ADMIN_FIELD_TEXT, form->text, sizeof form->text},
        {"count", ADMIN_FIELD_COUNT, &form->count, 0},
        {"flag", ADMIN_FIELD_BOOL, &form->flag, 0},
    };
    *form = (struct form){0};
    int error = admin_form_read(body, strlen(body), fields, 3, why, sizeof why);
    assert_int_equal(error != 0, why[0] != '\0');
    return error;
}

static void test_a_body_is_read(void **state)
{
    struct form form;
    (void)state;
    assert_int_equal(read_form("", &form), 0);
    assert_int_equal(read_form(" { } ", &form), 0);
    assert_int_equal(read_form("{\"count\":18446744073709551615,\n"
                               "\"text\":\"a\\\"\\u00e9\\n\",\"flag\":true}",
                               &form),
                     0);
    assert_string_equal(form.text, "a\"\xc3\xa9\n");
    assert_true(form.count == UINT64_MAX);
    assert_true(form.flag);
    assert_int_equal(read_form("{\"text\":\"\\ud83d\\ude00\"}", &form), 0);
    assert_string_equal(form.text, "\xf0\x9f\x98\x80");
    assert_int_equal(read_form("{\"text\":null,\"flag\":false}", &form), 0);
    assert_string_equal(form.text, "");
}

/* A mistake in a request must not be taken for something else. */
static void test_a_body_that_is_not_understood_is_refused(void **state)
{
    static const char *const bodies[] = {
        "{",
        "}",
        "[]",
        "null",
        "\"x\"",
        "{}x",
        "{,}",
        "{\"text\"}",
        "{\"text\":}",
        "{\"text\":\"x\",}",
        "{\"text\":\"x\" \"flag\":true}",
        "{\"text\":\"12345678\"}",
        "{\"text\":\"\\u0000\"}",
        "{\"text\":\"\\ud83d\"}",
        "{\"text\":\"\\udc00\"}",
        "{\"text\":\"\\x\"}",
        "{\"text\":\"\n\"}",
        "{\"text\":\"x}",
        "{\"text\":{}}",
        "{\"text\":1}",
        "{\"count\":\"1\"}",
        "{\"count\":-1}",
        "{\"count\":01}",
        "{\"count\":1.5}",
        "{\"count\":1e3}",
        "{\"count\":18446744073709551616}",
        "{\"flag\":1}",
        "{\"flag\":tru}",
        "{\"other\":1}",
        "{\"te\\u0078t\":\"x\",\"\":1}",
    };
    struct form form;
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        assert_int_equal(read_form(bodies[i], &form), HAPLO_EINVAL);
    }
}

/* Commands find the message of a result, and that of an error. */
static void test_a_member_is_found_at_any_depth(void **state)
{
    static const char json[] = "\n\n{\"a\":\"\\\"message\\\":\",\"error\":{"
                               "\"message\":\"m\"},\"n\":7}";
    char text[8];
    uint64_t count = 0;
    (void)state;
    assert_true(
        admin_form_find(json, sizeof json - 1, "message", text, sizeof text));
    assert_string_equal(text, "m");
    assert_true(admin_form_find_count(json, sizeof json - 1, "n", &count));
    assert_int_equal(count, 7);
    assert_false(admin_form_find_count(json, sizeof json - 1, "a", &count));
    assert_false(
        admin_form_find(json, sizeof json - 1, "m", text, sizeof text));
}

/* Pages */

#define NAME_COUNT 1000

/* Whatever the order of the candidates and the size of a page, the pages
 * together are the sorted list: nothing twice, nothing left out. */
static void test_pages_are_the_sorted_list(void **state)
{
    static const char *const limits[] = {"1", "7", "100", "1000"};
    (void)state;
    for (size_t l = 0; l < 4; l++) {
        char cursor[ADMIN_PAGE_CURSOR_SIZE];
        const char *after = NULL;
        unsigned expected = 0;
        do {
            struct admin_page page;
            char why[HAPLO_TEXT_SIZE_MAX];
            assert_int_equal(
                admin_page_init(&page, limits[l], after, why, sizeof why), 0);
            for (unsigned i = 0; i < NAME_COUNT; i++) {
                char name[16];
                unsigned value = i * 617 % NAME_COUNT; /* every value once */
                snprintf(name, sizeof name, "n%03u", value % 100);
                admin_page_offer(&page, value / 100, name);
            }
            admin_page_sort(&page);
            for (size_t i = 0; i < page.count; i++, expected++) {
                assert_int_equal(page.entries[i].key, expected / 100);
                assert_int_equal(atoi(page.entries[i].name + 1),
                                 expected % 100);
            }
            after = admin_page_next(&page, cursor);
            admin_page_free(&page);
        } while (after != NULL);
        assert_int_equal(expected, NAME_COUNT);
    }
}

/* Other sites */

static void test_a_host_that_anybody_can_own_is_unknown(void **state)
{
    static const char *const hosts[] = {"poll.example.ac.uk", NULL};
    (void)state;
    assert_true(admin_host_is_known("127.0.0.1:8080", NULL));
    assert_true(admin_host_is_known("[::1]", NULL));
    assert_true(admin_host_is_known("LocalHost:1", NULL));
    assert_true(admin_host_is_known("Poll.Example.ac.uk:443", hosts));
    assert_false(admin_host_is_known("poll.example.ac.uk", NULL));
    assert_false(admin_host_is_known(NULL, hosts));
    assert_false(admin_host_is_known("", hosts));
    assert_false(admin_host_is_known("[::1", hosts));
    assert_false(admin_host_is_known("[::1]x", hosts));
    assert_false(admin_host_is_known("127.0.0.1.evil.example", hosts));
    assert_false(admin_host_is_known("xpoll.example.ac.uk", hosts));
}

static void test_what_another_site_has_caused_is_foreign(void **state)
{
    (void)state;
    assert_false(admin_origin_is_foreign(NULL, NULL, NULL));
    assert_false(admin_origin_is_foreign("none", NULL, "h"));
    assert_false(admin_origin_is_foreign("same-origin", "http://h:1", "H:1"));
    assert_true(admin_origin_is_foreign("same-site", NULL, "h"));
    assert_true(admin_origin_is_foreign("cross-site", "http://h", "h"));
    assert_true(admin_origin_is_foreign("", NULL, "h"));
    assert_true(admin_origin_is_foreign(NULL, "http://h:1", "h:2"));
    assert_true(admin_origin_is_foreign(NULL, "null", "h"));
    assert_true(admin_origin_is_foreign(NULL, "http://h", NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_route_is_found_by_its_segments),
        cmocka_unit_test(test_nothing_else_is_a_route),
        cmocka_unit_test(test_a_body_is_read),
        cmocka_unit_test(test_a_body_that_is_not_understood_is_refused),
        cmocka_unit_test(test_a_member_is_found_at_any_depth),
        cmocka_unit_test(test_pages_are_the_sorted_list),
        cmocka_unit_test(test_a_host_that_anybody_can_own_is_unknown),
        cmocka_unit_test(test_what_another_site_has_caused_is_foreign),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
