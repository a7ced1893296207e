/* Whose certificates connections are verified with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "http/client.h"
#include "http/trust.h"

#define TEN_MINUTES_MS 600000

/* Roots of two authorities, A and B. */
static const char pem_a[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBbTCCAROgAwIBAgIUUDRsJd+fvghWOKFjv349LeA6JJUwCgYIKoZIzj0EAwIw\n"
    "DDEKMAgGA1UEAwwBQTAeFw0yNjExMjgyMTE4MTZaFw0zNjExMjUyMTE4MTZaMAwx\n"
    "CjAIBgNVBAMMAUEwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAT+OnblfvxZktpG\n"
    "5pCywXwZjc1VDKWFxTw8ZbBkGbNRerZ7VKwrojjDE/6Rrm05vNpXZz2V0KMwJGc5\n"
    "wGC+bF3Lo1MwUTAdBgNVHQ4EFgQUjM7rM95kmw8ZaGWQ9Ixo9Sg1nU4wHwYDVR0j\n"
    "BBgwFoAUjM7rM95kmw8ZaGWQ9Ixo9Sg1nU4wDwYDVR0TAQH/BAUwAwEB/zAKBggq\n"
    "hkjOPQQDAgNIADBFAiEAsCkAWvnE5jL+qy5TlemIW+MYqLIDokfbaZDH9lvJ0QEC\n"
    "IFCgqybDU5sUqe/bP6M+46HTqhDRbSeG+qNcLypabFC2\n"
    "-----END CERTIFICATE-----\n";
static const char pem_b[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBbTCCAROgAwIBAgIUbomPOMeRxNuq//r6/De/ws55I+4wCgYIKoZIzj0EAwIw\n"
    "DDEKMAgGA1UEAwwBQjAeFw0yNjExMjgyMTE4MTZaFw0zNjExMjUyMTE4MTZaMAwx\n"
    "CjAIBgNVBAMMAUIwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATyWjRSsBhLX7iX\n"
    "udDOEho0aEa8q2Sbu5xKYG9fMc6BmrdLeUyzpoz7v8wZrW4N8Lu4jC/kr//HHPmR\n"
    "Z5qmbas1o1MwUTAdBgNVHQ4EFgQUndOD5+CNiS5gFlts9p2mqSGHFp4wHwYDVR0j\n"
    "BBgwFoAUndOD5+CNiS5gFlts9p2mqSGHFp4wDwYDVR0TAQH/BAUwAwEB/zAKBggq\n"
    "hkjOPQQDAgNIADBFAiA/D5o34zBOxeCyJRkgakoWM+1uz3VzROnVXN3/qu+8PQIh\n"
    "AL3J6dzgldQJJZoXjrXqnHGICnPPAGqO+RrJsuJ29x4E\n"
    "-----END CERTIFICATE-----\n";

static uv_loop_t loop;
static struct http_client *client;
static char folder[] = "/tmp/test-trust-XXXXXX";
static char file_a[64];
static char file_b[64];

static void file_write(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
    (void)state;
    file_write(file_a, pem_a);
    file_write(file_b, pem_b);
    return http_client_new(&loop, 1, &client);
}

static int tear_down(void **state)
{
    (void)state;
    http_client_close(client, NULL, NULL);
    return uv_run(&loop, UV_RUN_DEFAULT);
}

static struct trust *trust_of(const char *ca_file)
{
    struct trust *trust = trust_find(client, ca_file);
    assert_non_null(trust);
    return trust;
}

/* What a new connection is lent, counted once more; NULL: it was refused. */
static X509_STORE *lent(struct trust *trust)
{
    X509_STORE *store = NULL;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    assert_non_null(context);
    CURLcode code = trust_lend(NULL, context, trust);
    if (code == CURLE_OK) {
        store = SSL_CTX_get_cert_store(context);
        assert_int_equal(X509_STORE_up_ref(store), 1);
    } else {
        assert_int_equal(code, CURLE_SSL_CACERT_BADFILE);
    }
    SSL_CTX_free(context);
    return store;
}

/* "A" or "B": the only certificate's name. */
static const char *name_of(X509_STORE *store)
{
    static char name[16];
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);
    assert_int_equal(sk_X509_OBJECT_num(objects), 1);
    X509 *certificate = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, 0));
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate),
                              NID_commonName, name, sizeof name);
    return name;
}

static void assert_lent(struct trust *trust, const char *name)
{
    X509_STORE *store = lent(trust);
    assert_non_null(store);
    assert_string_equal(name_of(store), name);
    X509_STORE_free(store);
}

/* To parse them is most of what a new connection's verification costs. */
static void certificates_are_parsed_once(void **state)
{
    (void)state;
    struct trust *trust = trust_of(file_a);
    X509_STORE *first = lent(trust);
    X509_STORE *second = lent(trust_of(file_a));
    assert_non_null(first);
    assert_ptr_equal(first, second);
    X509_STORE_free(first);
    X509_STORE_free(second);
}

/* A server's own authority must not be trusted for others. */
static void each_ca_file_is_trusted_by_itself(void **state)
{
    (void)state;
    assert_lent(trust_of(file_a), "A");
    assert_lent(trust_of(file_b), "B");
    assert_true(trust_is_of(trust_of(file_a), file_a));
    assert_false(trust_is_of(trust_of(file_a), file_b));
}

/* libcurl trusts those in the file that are no roots, too. */
static void partial_chains_are_taken(void **state)
{
    (void)state;
    X509_STORE *store = lent(trust_of(file_a));
    assert_non_null(store);
    unsigned long flags =
        X509_VERIFY_PARAM_get_flags(X509_STORE_get0_param(store));
    assert_true((flags & X509_V_FLAG_PARTIAL_CHAIN) != 0);
    X509_STORE_free(store);
}

/* Systems renew their bundle, and drop authorities from it. A connection that
 * still verifies keeps what it was lent. */
static void a_changed_file_is_seen_after_ten_minutes(void **state)
{
    (void)state;
    struct trust *trust = trust_of(file_a);
    X509_STORE *old = lent(trust);
    file_write(file_a, pem_b);
    loop.time += TEN_MINUTES_MS - 1;
    assert_lent(trust, "A");
    loop.time += 1;
    assert_lent(trust, "B");
    assert_string_equal(name_of(old), "A");
    X509_STORE_free(old);
}

/* Nothing is trusted then, not even what was; and the errors that OpenSSL
 * keeps would be taken for those of another connection. */
static void a_file_without_certificates_fails_until_mended(void **state)
{
    (void)state;
    struct trust *trust = trust_of(file_a);
    assert_lent(trust, "A");
    file_write(file_a, "nothing\n");
    loop.time += TEN_MINUTES_MS;
    assert_null(lent(trust));
    assert_int_equal(ERR_peek_error(), 0);
    assert_int_equal(unlink(file_a), 0);
    assert_null(lent(trust));
    assert_int_equal(ERR_peek_error(), 0);
    file_write(file_a, pem_a);
    assert_lent(trust, "A");
}

/* What nobody connects to is not read. */
static void a_file_is_not_read_before_it_is_needed(void **state)
{
    (void)state;
    assert_int_equal(unlink(file_a), 0);
    struct trust *trust = trust_of(file_a);
    file_write(file_a, pem_a);
    assert_lent(trust, "A");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(certificates_are_parsed_once),
        TEST(each_ca_file_is_trusted_by_itself),
        TEST(partial_chains_are_taken),
        TEST(a_changed_file_is_seen_after_ten_minutes),
        TEST(a_file_without_certificates_fails_until_mended),
        TEST(a_file_is_not_read_before_it_is_needed),
    };
    if (mkdtemp(folder) == NULL || uv_loop_init(&loop) != 0) {
        return 1;
    }
    (void)snprintf(file_a, sizeof file_a, "%s/a.pem", folder);
    (void)snprintf(file_b, sizeof file_b, "%s/b.pem", folder);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)unlink(file_a);
    (void)unlink(file_b);
    (void)rmdir(folder);
    return uv_loop_close(&loop) != 0 || failed != 0;
}
