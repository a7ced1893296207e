#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/form.h"
#include "failing_allocator.h"

static struct reason why;

static void assert_form(const char *token, size_t size, const char *expected)
{
    struct batch *batch = batch_new();
    assert_non_null(batch);
    assert_int_equal(form_set(batch, token, size, &why), 0);
    assert_int_equal(batch->form_size, strlen(expected));
    assert_memory_equal(batch->form, expected, strlen(expected));
    batch_free(batch);
}

/* The server takes an unencoded '+' for a space and answers 500, and '=' and
 * '&' end a field. */
static void all_but_unreserved_bytes_are_encoded(void **state)
{
    (void)state;
    assert_form("MSwy8w099=", 10, "token=MSwy8w099%3D");
    assert_form("a+b/c&d%e", 9, "token=a%2Bb%2Fc%26d%25e");
    assert_form("AZaz09-._~", 10, "token=AZaz09-._~");
    assert_form(" \x7f\n", 3, "token=%20%7F%0A");
}

/* A token is opaque: a NUL or a byte above 127 in it is none of our business,
 * and must arrive as it is. */
static void any_byte_may_be_in_a_token(void **state)
{
    (void)state;
    assert_form("a\0b", 3, "token=a%00b");
    assert_form("\xc3\xa9\xff", 3, "token=%C3%A9%FF");
}

/* An empty token gets 200 and a count of 0: it must never be posted. */
static void an_empty_token_leaves_no_form(void **state)
{
    (void)state;
    struct batch *batch = batch_new();
    assert_non_null(batch);
    assert_int_equal(form_set(batch, "x", 1, &why), 0);
    assert_int_equal(form_set(batch, "", 0, &why), 0);
    assert_int_equal(batch->form_size, 0);
    batch_free(batch);
}

static char *token_of(char byte, size_t size)
{
    char *token = malloc(size);
    assert_non_null(token);
    memset(token, byte, size);
    return token;
}

/* The server answers 500 to a form of 1 MiB or more, forever. What counts is
 * the encoded form, so a token of base64 may be three times as long as one of
 * bytes that are all encoded. */
static void the_longest_token_fits_in_what_the_server_takes(void **state)
{
    (void)state;
    struct batch *batch = batch_new();
    assert_non_null(batch);
    for (unsigned growth = 1; growth <= 3; growth += 2) {
        size_t longest = HAPLO_TOKEN_SIZE_MAX / growth;
        char *token = token_of(growth == 1 ? 'x' : '+', longest + 1);
        assert_int_equal(form_set(batch, token, longest, &why), 0);
        assert_in_range(batch->form_size, 1048573, 1048575);
        assert_int_equal(form_set(batch, token, longest + 1, &why),
                         HAPLO_ETOOBIG);
        assert_int_equal(batch->form_size, 0);
        free(token);
    }
    batch_free(batch);
}

/* A modified server may call it otherwise. The limit is that of the form. */
static void a_form_may_have_another_field(void **state)
{
    (void)state;
    struct batch *batch = batch_new();
    char *token = token_of('x', HAPLO_TOKEN_SIZE_MAX);
    assert_non_null(batch);
    batch->form_field = "batch_token";
    assert_int_equal(form_set(batch, "a+", 2, &why), 0);
    assert_int_equal(batch->form_size, strlen("batch_token=a%2B"));
    assert_memory_equal(batch->form, "batch_token=a%2B", batch->form_size);
    assert_int_equal(form_set(batch, token, HAPLO_TOKEN_SIZE_MAX - 6, &why), 0);
    assert_int_equal(batch->form_size, 1048575);
    assert_int_equal(form_set(batch, token, HAPLO_TOKEN_SIZE_MAX - 5, &why),
                     HAPLO_ETOOBIG);
    free(token);
    batch_free(batch);
}

/* Only somebody at the server can do something about it. */
static void too_long_a_token_is_explained(void **state)
{
    (void)state;
    struct batch *batch = batch_new();
    char *token = token_of('x', 1200000);
    assert_non_null(batch);
    assert_int_equal(form_set(batch, token, 1200000, &why), HAPLO_ETOOBIG);
    assert_string_equal(
        why.text,
        "the token has 1200000 bytes when it is posted, and servers accept "
        "1048569: too many messages are unread; update the plugin of the "
        "server (since 2020 it sends 16 messages at a time), or mark old "
        "messages there");
    free(token);
    batch_free(batch);
}

/* Half a form would mark something else, or nothing. */
static void a_failing_allocator_leaves_no_form(void **state)
{
    (void)state;
    struct batch *batch = batch_new();
    assert_non_null(batch);
    allocator_reset(1);
    assert_int_equal(form_set(batch, "x", 1, &why), HAPLO_ENOMEM);
    assert_int_equal(batch->form_size, 0);
    batch_free(batch);
    assert_int_equal(allocator_held, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_but_unreserved_bytes_are_encoded),
        cmocka_unit_test(any_byte_may_be_in_a_token),
        cmocka_unit_test(an_empty_token_leaves_no_form),
        cmocka_unit_test(the_longest_token_fits_in_what_the_server_takes),
        cmocka_unit_test(a_form_may_have_another_field),
        cmocka_unit_test(too_long_a_token_is_explained),
        cmocka_unit_test(a_failing_allocator_leaves_no_form),
    };
    allocator_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
