/* What applications print: names and texts of errors and states. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "haplopoll.h"

struct error_row {
    int error;
    const char *name;
    const char *text;
};

static const struct error_row errors[] = {
#define ERROR_ROW(name, number, text) {-(number), "HAPLO_" #name, text},
    HAPLO_ERRNO_MAP(ERROR_ROW)
#undef ERROR_ROW
};

/* A number alone tells an operator nothing. */
static void each_error_has_a_name_and_a_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        int error = errors[i].error;
        assert_string_equal(haplo_error_name(error), errors[i].name);
        assert_string_equal(haplo_error_text(error), errors[i].text);
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(error, errors[j].error);
            assert_string_not_equal(errors[i].text, errors[j].text);
        }
    }
}

/* Applications contain and store the numbers, so they are part of the ABI. An
 * error that is added gets another one. */
static void numbers_of_errors_never_change(void **state)
{
    static const int numbers[][2] = {
        {HAPLO_EINVAL, 1},     {HAPLO_ENOMEM, 2},      {HAPLO_EEXIST, 3},
        {HAPLO_EBUSY, 4},      {HAPLO_ECANCELED, 5},   {HAPLO_ESTOPPED, 6},
        {HAPLO_EANSWERED, 7},  {HAPLO_ENOTSUP, 8},     {HAPLO_ERESOLVE, 10},
        {HAPLO_ECONNECT, 11},  {HAPLO_ETLS, 12},       {HAPLO_ETIMEDOUT, 13},
        {HAPLO_ERESET, 14},    {HAPLO_ESERVER, 15},    {HAPLO_EPROTOCOL, 16},
        {HAPLO_EPROXY, 17},    {HAPLO_ELIMITED, 18},   {HAPLO_EREDIRECT, 20},
        {HAPLO_ENOTFOUND, 21}, {HAPLO_ESTATUS, 22},    {HAPLO_ECONTENT, 23},
        {HAPLO_EDOCUMENT, 24}, {HAPLO_ETOOBIG, 25},    {HAPLO_ECACHED, 26},
        {HAPLO_EREFUSED, 30},  {HAPLO_ETHROTTLED, 31}, {HAPLO_ENOPROGRESS, 40},
        {HAPLO_EDELIVERY, 41}, {HAPLO_EREJECTED, 42},  {HAPLO_ESTALE, 43}};
    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        assert_int_equal(-numbers[i][0], numbers[i][1]);
    }
}

/* Callers print without asking whether it is one. */
static void what_is_no_error_has_a_text_too(void **state)
{
    static const int others[] = {1, 42, -9, -44, INT32_MAX, INT32_MIN};
    (void)state;
    assert_string_equal(haplo_error_name(0), "HAPLO_OK");
    assert_string_equal(haplo_error_text(0), "no error");
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_string_equal(haplo_error_name(others[i]), "HAPLO_EUNKNOWN");
        assert_string_equal(haplo_error_text(others[i]), "unknown error");
    }
}

/* It decides whether `once` waits or asks for a change. */
static void what_mends_itself_is_transient(void **state)
{
    static const int lasting[] = {HAPLO_EINVAL,    HAPLO_ETLS,   HAPLO_EREFUSED,
                                  HAPLO_EREDIRECT, HAPLO_EPROXY, HAPLO_ECONTENT,
                                  HAPLO_EREJECTED};
    static const int passing[] = {
        HAPLO_ENOMEM, HAPLO_ERESOLVE, HAPLO_ECONNECT, HAPLO_ETIMEDOUT,
        HAPLO_ERESET, HAPLO_ESERVER,  HAPLO_ELIMITED, HAPLO_EDELIVERY,
        HAPLO_ESTALE, HAPLO_ECACHED};
    (void)state;
    for (size_t i = 0; i < sizeof lasting / sizeof lasting[0]; i++) {
        assert_false(haplo_error_is_transient(lasting[i]));
    }
    for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++) {
        assert_true(haplo_error_is_transient(passing[i]));
    }
}

static void each_state_has_a_name_and_a_text(void **state)
{
    (void)state;
#define ASSERT_QUEUE_STATE(name, text)                                      \
    assert_string_equal(haplo_queue_state_name(HAPLO_QUEUE_##name), #name); \
    assert_string_equal(haplo_queue_state_text(HAPLO_QUEUE_##name), text);
    HAPLO_QUEUE_STATE_MAP(ASSERT_QUEUE_STATE)
#define ASSERT_SERVER_STATE(name, text)                                       \
    assert_string_equal(haplo_server_state_name(HAPLO_SERVER_##name), #name); \
    assert_string_equal(haplo_server_state_text(HAPLO_SERVER_##name), text);
    HAPLO_SERVER_STATE_MAP(ASSERT_SERVER_STATE)
    assert_string_equal(haplo_queue_state_name(99), "UNKNOWN");
    assert_string_equal(haplo_queue_state_text(99), "unknown");
    assert_string_equal(haplo_server_state_name(99), "UNKNOWN");
    assert_string_equal(haplo_server_state_text(99), "unknown");
}

/* A program may have been built with another header. */
static void the_version_is_the_headers(void **state)
{
    char version[32];
    (void)state;
    snprintf(version, sizeof version, "%d.%d.%d", HAPLO_VERSION_MAJOR,
             HAPLO_VERSION_MINOR, HAPLO_VERSION_PATCH);
    assert_string_equal(haplo_version(), version);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_error_has_a_name_and_a_text),
        cmocka_unit_test(numbers_of_errors_never_change),
        cmocka_unit_test(what_is_no_error_has_a_text_too),
        cmocka_unit_test(what_mends_itself_is_transient),
        cmocka_unit_test(each_state_has_a_name_and_a_text),
        cmocka_unit_test(the_version_is_the_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
