/*
 * What is known about the libcurl in use: one that lacks something is refused
 * by name, before any request fails in a way that nobody understands.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "http/libcurl_info.h"

static CURLoption left_out; /* by whoever built it; CURLOPT_LASTENTRY: none */

static bool can_set(CURLoption option)
{
    return option != left_out;
}

static curl_version_info_data good_info(void)
{
    left_out = CURLOPT_LASTENTRY;
    return (curl_version_info_data){
        .version = "7.88.1",
        .version_num = 0x075801,
        .features = CURL_VERSION_SSL | CURL_VERSION_LIBZ,
    };
}

static void check(const curl_version_info_data *info, const char *words)
{
    struct libcurl_info known;
    libcurl_info_read(&known, info, can_set);
    assert_non_null(strstr(known.missing, words));
    assert_int_equal(words[0] == '\0', known.missing[0] == '\0');
}

static void the_one_in_use_lacks_nothing(void **state)
{
    (void)state;
    curl_version_info_data info = good_info();
    assert_string_equal(libcurl_info()->missing, "");
    check(&info, "");
}

static void what_is_missing_is_named(void **state)
{
    (void)state;
    curl_version_info_data info = good_info();
    info.features = CURL_VERSION_LIBZ;
    check(&info, "(7.88.1) was built without TLS");
    info.features = CURL_VERSION_SSL;
    check(&info, "(7.88.1) was built without zlib");
    info = good_info();
    left_out = CURLOPT_PROXY;
    check(&info, "without proxies");
    left_out = CURLOPT_RESOLVE;
    check(&info, "without CURLOPT_RESOLVE");
    left_out = CURLOPT_NETRC;
    check(&info, "without netrc");
}

static void an_old_version_is_named(void **state)
{
    (void)state;
    curl_version_info_data info = good_info();
    info.version = "7.74.0";
    info.version_num = 0x074a00;
    check(&info, "libcurl 7.74.0 is in use, and 7.88.0 or newer is needed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_one_in_use_lacks_nothing),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(an_old_version_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
