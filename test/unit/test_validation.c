#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "haplopoll.h"

#define KEY "Kq3_x-0123456789abcdefghijklmnopqrstuvwxyzAB"

static char why[HAPLO_TEXT_SIZE_MAX];

/* The reason begins with what is wrong and never shows the text. */
#define ASSERT_REFUSED(call, text, expected)        \
    do {                                            \
        assert_int_equal((call), HAPLO_EINVAL);     \
        if (strstr(why, expected) == NULL) {        \
            fail_msg("%s: reason: %s", #call, why); \
        }                                           \
        assert_null(strstr(why, text));             \
    } while (0)

static void assert_name_refused(const char *name, const char *expected)
{
    ASSERT_REFUSED(haplo_name_check(name, why, sizeof why), name, expected);
}

/* The server finds a queue by what stands in the URL, undecoded. */
static void a_name_is_what_a_url_holds_unencoded(void **state)
{
    char longest[HAPLO_NAME_SIZE_MAX + 2];
    (void)state;
    assert_int_equal(haplo_name_check("student", NULL, 0), 0);
    assert_int_equal(haplo_name_check("a!$&'()*+,;=:@b-._~1", NULL, 0), 0);
    assert_int_equal(haplo_name_check("...", NULL, 0), 0);
    assert_name_refused("/", "cannot stand in a poll URL");
    assert_name_refused("a b", "cannot stand in a poll URL");
    assert_name_refused("100%", "cannot stand in a poll URL");
    assert_name_refused("gr\xc3\xbc\xc3\x9f", "cannot stand in a poll URL");
    assert_name_refused("a\x7f", "cannot stand in a poll URL");
    assert_int_equal(haplo_name_check(".", NULL, 0), HAPLO_EINVAL);
    assert_int_equal(haplo_name_check("..", NULL, 0), HAPLO_EINVAL);
    assert_int_equal(haplo_name_check("", NULL, 0), HAPLO_EINVAL);
    assert_int_equal(haplo_name_check(NULL, NULL, 0), HAPLO_EINVAL);
    memset(longest, 'n', sizeof longest);
    longest[HAPLO_NAME_SIZE_MAX + 1] = '\0';
    assert_name_refused(longest, "longer than 128 bytes");
    longest[HAPLO_NAME_SIZE_MAX] = '\0';
    assert_int_equal(haplo_name_check(longest, NULL, 0), 0);
}

static void assert_key_refused(const char *key, const char *expected)
{
    ASSERT_REFUSED(haplo_api_key_check(key, why, sizeof why), key, expected);
}

/* Each would be a failed login, and fifty of them lock people out. */
static void what_cannot_be_an_api_key_is_refused(void **state)
{
    char longest[HAPLO_KEY_SIZE_MAX + 2];
    (void)state;
    assert_int_equal(haplo_api_key_check(KEY, why, sizeof why), 0);
    assert_int_equal(haplo_api_key_check("0123456789abcdef", NULL, 0), 0);
    assert_key_refused(KEY "\n", "a line break inside");
    assert_key_refused(KEY "\r", "a line break inside");
    assert_key_refused("\xef\xbb\xbf" KEY, "begins with a byte order mark");
    assert_key_refused(KEY " ", "a space or another character");
    assert_key_refused("k\xc3\xa9y" KEY, "a space or another character");
    assert_key_refused("0123456789abcde", "it is too short");
    assert_int_equal(haplo_api_key_check("", NULL, 0), HAPLO_EINVAL);
    assert_int_equal(haplo_api_key_check(NULL, NULL, 0), HAPLO_EINVAL);
    memset(longest, 'k', sizeof longest);
    longest[HAPLO_KEY_SIZE_MAX + 1] = '\0';
    assert_key_refused(longest, "more than 256 characters");
    longest[HAPLO_KEY_SIZE_MAX] = '\0';
    assert_int_equal(haplo_api_key_check(longest, NULL, 0), 0);
}

static void assert_url_refused(const char *url, const char *expected)
{
    ASSERT_REFUSED(haplo_url_check(url, false, why, sizeof why), url, expected);
}

/* Over http the key is anybody's; the poll URL is what people paste. */
static void only_urls_that_keep_the_key_secret_are_taken(void **state)
{
    static const char *const possible[] = {
        "https://h.example",       "https://h.example/",
        "HTTPS://h.example:8443",  "https://[2001:db8::1]:8443/",
        "http://localhost:8080",   "http://LOCALHOST",
        "http://127.0.0.9",        "http://[::1]:80",
        "https://a_b-c.example.",  "https://h.example/haplo",
        "https://h/a/b.c/%C3%BC/", "https://[::1]:80/~x;y=(z)",
    };
    char longest[HAPLO_URL_SIZE_MAX + 2] = "https://";
    (void)state;
    for (size_t i = 0; i < sizeof possible / sizeof possible[0]; i++) {
        assert_int_equal(haplo_url_check(possible[i], false, NULL, 0), 0);
    }
    assert_int_equal(haplo_url_check("http://h.example", true, NULL, 0), 0);
    assert_url_refused("http://h.example", "http:// would send API keys");
    assert_url_refused("http://127.0.0.1.example", "would send API keys");
    assert_url_refused("h.example", "no scheme");
    assert_url_refused("ftp://h", "unknown scheme");
    assert_url_refused("https://u:secret@h", "a user or a password");
    assert_url_refused("https://:80", "no valid host name");
    assert_url_refused("https://-h", "no valid host name");
    assert_url_refused("https://[::1", "no valid host name");
    assert_url_refused("https://[::1]x", "something follows the host");
    assert_url_refused("https://h\xc3\xb6st", "write it as xn--");
    assert_url_refused("https://h\xe9st:80/", "write it as xn--");
    assert_url_refused("https://a\xef\xbc\x8e"
                       "b",
                       "write it as xn--");
    assert_url_refused("https://h/\xc3\xb6", "write it as %XX");
    assert_url_refused("https://h/%2", "write it as %XX");
    assert_url_refused("https://h/a b", "write it as %XX");
    assert_url_refused("https://h/{queue}", "write it as %XX");
    assert_url_refused("https://h//", "two slashes in a row");
    assert_url_refused("https://h/a//b", "two slashes in a row");
    assert_url_refused("https://h/a/../b", "a segment . or ..");
    assert_url_refused("https://h/.", "a segment . or ..");
    assert_url_refused("https://h/?key=secret", "a query or a fragment");
    assert_url_refused("https://h/a?key=secret", "a query or a fragment");
    assert_url_refused("https://h/a#secret", "a query or a fragment");
    assert_url_refused("https://h:", "invalid port");
    assert_url_refused("https://h:0", "invalid port");
    assert_url_refused("https://h:65536", "invalid port");
    assert_url_refused("https://h/api/haplo-integration-messages/poll/q/fetch",
                       "the path of a queue");
    assert_url_refused("https://h?q", "a query or a fragment");
    assert_int_equal(haplo_url_check(NULL, true, NULL, 0), HAPLO_EINVAL);
    memset(longest + 8, 'h', sizeof longest - 9);
    assert_url_refused(longest, "longer than 1024 characters");
    longest[9] = '/';
    longest[10 + HAPLO_PATH_SIZE_MAX] = '\0';
    assert_url_refused(longest, "longer than 256 characters");
    longest[9 + HAPLO_PATH_SIZE_MAX] = '\0';
    assert_int_equal(haplo_url_check(longest, false, NULL, 0), 0);
}

static void assert_path_refused(const char *path, const char *expected)
{
    ASSERT_REFUSED(haplo_path_check(path, why, sizeof why), path, expected);
}

/* A path that proxies rewrite, or one that all queues share, would fetch
 * something else than it says. */
static void a_path_of_requests_names_the_queue_once(void **state)
{
    static const char *const possible[] = {
        "/{queue}",       "/poll/{queue}/fetch", "/p-{queue}.json",
        "/{queue}/mark/", "/%C3%BC/..{queue}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof possible / sizeof possible[0]; i++) {
        assert_int_equal(haplo_path_check(possible[i], NULL, 0), 0);
    }
    assert_path_refused("polls/{queue}", "begins with a slash");
    assert_path_refused("/polls", "must contain {queue} once");
    assert_path_refused("/{queue}/{queue}", "must contain {queue} once");
    assert_path_refused("/poll//{queue}", "two slashes in a row");
    assert_path_refused("/../{queue}", "a segment . or ..");
    assert_path_refused("/{queue}/..", "a segment . or ..");
    assert_path_refused("/{queue}?key=secret", "a query or a fragment");
    assert_path_refused("/{queue}/{x}", "write it as %XX");
    assert_path_refused("/{queue} x", "write it as %XX");
    assert_int_equal(haplo_path_check("", NULL, 0), HAPLO_EINVAL);
    assert_int_equal(haplo_path_check(NULL, NULL, 0), HAPLO_EINVAL);
}

static void assert_user_refused(const char *user)
{
    ASSERT_REFUSED(haplo_user_check(user, why, sizeof why), user, "user");
}

/* What is behind a colon would be sent as part of the key, and be a failed
 * login. */
static void a_user_is_one_word_without_a_password(void **state)
{
    char longest[HAPLO_USER_SIZE_MAX + 2];
    (void)state;
    assert_int_equal(haplo_user_check("me@h.example", NULL, 0), 0);
    assert_user_refused("me:secret");
    assert_user_refused("m e");
    assert_user_refused("m\xc3\xa9");
    assert_user_refused("m\x7f");
    assert_int_equal(haplo_user_check("", NULL, 0), HAPLO_EINVAL);
    assert_int_equal(haplo_user_check(NULL, NULL, 0), HAPLO_EINVAL);
    memset(longest, 'u', sizeof longest);
    longest[HAPLO_USER_SIZE_MAX + 1] = '\0';
    assert_user_refused(longest);
    longest[HAPLO_USER_SIZE_MAX] = '\0';
    assert_int_equal(haplo_user_check(longest, NULL, 0), 0);
}

/* It is posted as it is written. */
static void a_field_of_a_form_needs_no_encoding(void **state)
{
    (void)state;
    assert_int_equal(haplo_field_check("batch_token-1.x~", NULL, 0), 0);
    assert_int_equal(haplo_field_check("a=b", NULL, 0), HAPLO_EINVAL);
    assert_int_equal(haplo_field_check("a b", NULL, 0), HAPLO_EINVAL);
    assert_int_equal(haplo_field_check("a&b", NULL, 0), HAPLO_EINVAL);
    assert_int_equal(haplo_field_check("", NULL, 0), HAPLO_EINVAL);
    assert_int_equal(haplo_field_check(NULL, NULL, 0), HAPLO_EINVAL);
}

static void assert_proxy_refused(const char *url)
{
    ASSERT_REFUSED(haplo_proxy_check(url, why, sizeof why), url,
                   "invalid URL of a proxy");
}

/* Its password must not be shown, and only these kinds resolve names. */
static void a_proxy_has_one_of_four_schemes_and_maybe_a_password(void **state)
{
    (void)state;
    assert_int_equal(haplo_proxy_check("http://proxy:3128", NULL, 0), 0);
    assert_int_equal(haplo_proxy_check("https://me:it@proxy/", NULL, 0), 0);
    assert_int_equal(haplo_proxy_check("socks5h://[::1]:1080", NULL, 0), 0);
    assert_int_equal(haplo_proxy_check("SOCKS4A://proxy", NULL, 0), 0);
    assert_proxy_refused("socks5://proxy");
    assert_proxy_refused("proxy:3128");
    assert_proxy_refused("http://me:it@@proxy");
    assert_proxy_refused("http://a/b@proxy");
    assert_proxy_refused("http://me:i t@proxy");
    assert_proxy_refused("http://proxy:0");
    assert_proxy_refused("http://proxy/path");
    ASSERT_REFUSED(haplo_proxy_check("http://pr\xc3\xb6xy", why, sizeof why),
                   "pr\xc3\xb6xy", "write it as xn--");
    ASSERT_REFUSED(haplo_proxy_check("http://m\xc3\xa9:it@a", why, sizeof why),
                   "it@a", "invalid URL of a proxy");
    assert_int_equal(haplo_proxy_check("", NULL, 0), HAPLO_EINVAL);
    assert_int_equal(haplo_proxy_check(NULL, NULL, 0), HAPLO_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_what_a_url_holds_unencoded),
        cmocka_unit_test(what_cannot_be_an_api_key_is_refused),
        cmocka_unit_test(only_urls_that_keep_the_key_secret_are_taken),
        cmocka_unit_test(a_path_of_requests_names_the_queue_once),
        cmocka_unit_test(a_user_is_one_word_without_a_password),
        cmocka_unit_test(a_field_of_a_form_needs_no_encoding),
        cmocka_unit_test(a_proxy_has_one_of_four_schemes_and_maybe_a_password),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
