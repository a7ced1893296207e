/*
 * The map `admin`: a port that lets anybody in must not be opened by mistake.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "config_fixture.h"

#include <netinet/in.h>

static void assert_error(const char *admin, const char *part)
{
    int count;
    char *errors;
    char text[1024];
    snprintf(text, sizeof text, "admin: {%s}\n" HEAD SERVER QUEUE, admin);
    text_write(FILE_NAME, text, 0600);
    assert_null(load(FILE_NAME, &count, &errors));
    assert_int_equal(count, 1);
    assert_non_null(strstr(errors, part));
    free(errors);
}

static struct config *assert_accepted(const char *admin)
{
    char text[1024];
    snprintf(text, sizeof text, "admin: {%s}\n" HEAD SERVER QUEUE, admin);
    return assert_loaded(text);
}

/* Most installations do not have the map at all. */
static void without_the_map_there_is_a_socket_and_no_port(void **state)
{
    struct config *config = assert_loaded(HEAD SERVER QUEUE);
    (void)state;
    assert_null(config->admin.socket);
    assert_null(config->admin.listen);
    assert_false(config->admin.allows_remote);
    config_free(config);
}

/* A port is open to all users of the machine and to pages in their browsers. */
static void a_port_needs_a_token(void **state)
{
    (void)state;
    assert_error("listen: \"127.0.0.1:8080\"", "set token_file");
    struct config *config = assert_accepted(
        "listen: \"127.0.0.1:8080\", read_token_file: key, hosts: [a, b]");
    assert_string_equal(config->admin.read_token_file, "key");
    assert_null(config->admin.token_file);
    assert_string_equal(config->admin.hosts[1], "b");
    assert_null(config->admin.hosts[2]);
    config_free(config);
}

/* Tokens must not cross a network in the clear unless somebody says so. */
static void a_port_is_on_loopback_unless_it_is_allowed(void **state)
{
    (void)state;
    assert_error("listen: \"0.0.0.0:8080\", token_file: key", "allow_remote");
    assert_error("listen: \"[::]:8080\", token_file: key", "allow_remote");
    config_free(assert_accepted(
        "listen: \"0.0.0.0:8080\", token_file: key, allow_remote: true"));
    config_free(assert_accepted("listen: \"[::1]:1\", token_file: key"));
    config_free(assert_accepted("listen: \"localhost:1\", token_file: key"));
}

/* Names are not looked up: that could block, and lead anywhere. */
static void an_address_is_a_number_with_a_port(void **state)
{
    static const char *const invalid[] = {
        "",          ":8080",         "127.0.0.1",   "127.0.0.1:",
        "::1:8080",  "example.org:1", "127.0.0.1:0", "127.0.0.1:65536",
        "[::1:8080", "127.0.0.1:8x",  "[]:8080",     "127.1:8080",
    };
    struct sockaddr_storage address;
    (void)state;
    for (size_t i = 0; i < sizeof invalid / sizeof invalid[0]; i++) {
        assert_false(config_admin_address(invalid[i], &address));
    }
    assert_true(config_admin_address("[::1]:65535", &address));
    assert_int_equal(address.ss_family, AF_INET6);
    assert_true(config_admin_address("127.0.0.1:80", &address));
    assert_int_equal(((struct sockaddr_in *)&address)->sin_port, htons(80));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_the_map_there_is_a_socket_and_no_port),
        cmocka_unit_test(a_port_needs_a_token),
        cmocka_unit_test(a_port_is_on_loopback_unless_it_is_allowed),
        cmocka_unit_test(an_address_is_a_number_with_a_port),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
