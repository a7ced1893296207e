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
#include "http/easy.h"
#include "http/trust.h"

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

#define LOOK_MS 1000 /* between two looks at a file */

static uv_loop_t loop;
static struct http_client *client;
static struct easy teller; /* of the connection that is lent certificates */
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

/* Another file in its place, as the stamp of one that is rewritten at once may
 * be the same. */
static void file_replace(const char *path, const char *text)
{
    char other[80];
    (void)snprintf(other, sizeof other, "%s.new", path);
    file_write(other, text);
    assert_int_equal(rename(other, path), 0);
}

static int set_up(void **state)
{
    (void)state;
    teller = (struct easy){.curl = curl_easy_init()};
    if (teller.curl == NULL ||
        curl_easy_setopt(teller.curl, CURLOPT_PRIVATE, &teller) != CURLE_OK) {
        return -1;
    }
    file_write(file_a, pem_a);
    file_write(file_b, pem_b);
    struct reason why;
    return http_client_new(&loop, 1, &client, &why);
}

static int tear_down(void **state)
{
    (void)state;
    curl_easy_cleanup(teller.curl);
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
    teller.warning.text[0] = '\0';
    loop.time += LOOK_MS;
    assert_int_equal(trust_set(trust, &teller), 0);
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    assert_non_null(context);
    CURLcode code = trust_lend(teller.curl, context, trust);
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

/* An operator who repairs the file should not have to wait. A connection that
 * still verifies keeps what it was lent. */
static void a_replaced_file_is_seen_by_the_next_connection(void **state)
{
    (void)state;
    struct trust *trust = trust_of(file_a);
    X509_STORE *old = lent(trust);
    file_replace(file_a, pem_b);
    assert_lent(trust, "B");
    assert_string_equal(name_of(old), "A");
    X509_STORE_free(old);
}

/* Kubernetes mounts secrets behind links and swaps the one to their folder. */
static void a_link_that_is_swapped_is_seen(void **state)
{
    (void)state;
    char link[80];
    char other[80];
    (void)snprintf(link, sizeof link, "%s/link.pem", folder);
    (void)snprintf(other, sizeof other, "%s/other.pem", folder);
    assert_int_equal(symlink(file_a, link), 0);
    struct trust *trust = trust_of(link);
    assert_lent(trust, "A");
    assert_int_equal(symlink(file_b, other), 0);
    assert_int_equal(rename(other, link), 0);
    assert_lent(trust, "B");
    assert_int_equal(unlink(link), 0);
}

static void assert_refused(struct trust *trust, const char *reason)
{
    char expected[HAPLO_TEXT_SIZE_MAX];
    assert_null(lent(trust));
    assert_int_equal(ERR_peek_error(), 0);
    (void)snprintf(expected, sizeof expected, "%s%s", file_a, reason);
    assert_string_equal(trust_why(trust), expected);
}

/* The errors that OpenSSL keeps would be taken for those of another connection.
 */
static void a_file_without_certificates_is_refused_until_repaired(void **state)
{
    (void)state;
    struct trust *trust = trust_of(file_a);
    file_replace(file_a, "nothing\n");
    assert_refused(trust, " has no certificates in PEM format");
    assert_refused(trust, " has no certificates in PEM format");
    assert_int_equal(unlink(file_a), 0);
    assert_refused(trust, " cannot be read: no such file or directory");
    file_write(file_a, pem_a);
    assert_lent(trust, "A");
    assert_string_equal(trust_why(trust), "");
}

/* Those before it would be trusted, and those after it not, without a word. */
static void a_malformed_block_makes_the_whole_file_useless(void **state)
{
    (void)state;
    char text[4096];
    char *at = NULL;
    struct trust *trust = trust_of(file_a);
    (void)snprintf(text, sizeof text, "%s# B\n%s", pem_a, pem_b);
    at = strstr(text, "# B");
    memset(strchr(at + 4, '\n') + 5, '!', 3);
    file_replace(file_a, text);
    assert_refused(trust, ", line 12: the block CERTIFICATE cannot be decoded: "
                          "bad base64 decode");
    (void)snprintf(text, sizeof text, "%s%.300s", pem_a, pem_b);
    file_replace(file_a, text);
    assert_refused(trust, ", line 11: the block has no line \"-----END "
                          "CERTIFICATE-----\"");
    (void)snprintf(text, sizeof text, "%s%s", pem_a, pem_b + 1);
    file_replace(file_a, text);
    assert_refused(trust, ", line 11: a damaged or misplaced BEGIN or END "
                          "line");
    (void)snprintf(text, sizeof text,
                   "%s-----BEGIN CERTIFICATE-----\nQUFB\n"
                   "-----END CERTIFICATE-----\n",
                   pem_a);
    file_replace(file_a, text);
    assert_null(lent(trust));
    assert_non_null(strstr(trust_why(trust), "line 11: the block CERTIFICATE "
                                             "cannot be decoded: "));
}

/* It may be half-written, and a working service must not end for that. */
static void a_file_that_is_damaged_later_leaves_the_old_trust(void **state)
{
    (void)state;
    struct trust *trust = trust_of(file_a);
    assert_lent(trust, "A");
    file_replace(file_a, "nothing\n");
    assert_lent(trust, "A");
    assert_non_null(strstr(trust_why(trust), "has no certificates"));
    assert_int_equal(unlink(file_a), 0);
    assert_lent(trust, "A");
    assert_non_null(strstr(trust_why(trust), "no such file"));
    file_write(file_a, pem_b);
    assert_lent(trust, "B");
    assert_string_equal(trust_why(trust), "");
}

/* A line for each connection would bury everything else. */
static void damage_is_told_once(void **state)
{
    (void)state;
    struct trust *trust = trust_of(file_a);
    assert_lent(trust, "A");
    file_replace(file_a, "nothing\n");
    assert_lent(trust, "A");
    assert_non_null(strstr(teller.warning.text,
                           "has no certificates in PEM format; the "
                           "certificates that were read from it before stay "
                           "in use"));
    assert_lent(trust, "A");
    assert_string_equal(teller.warning.text, "");
    file_replace(file_a, pem_a);
    assert_lent(trust, "A");
    assert_string_equal(teller.warning.text, "");
    file_replace(file_a, "nothing\n");
    assert_lent(trust, "A");
    assert_string_not_equal(teller.warning.text, "");
}

/* A change may escape notice: a clock that is too coarse, a network file system
 * that is behind. */
static void a_doubted_file_is_read_again(void **state)
{
    (void)state;
    struct trust *trust = trust_of(file_a);
    X509_STORE *first = lent(trust);
    X509_STORE *second = lent(trust);
    assert_ptr_equal(first, second);
    trust_doubt(trust);
    X509_STORE *third = lent(trust);
    assert_ptr_not_equal(first, third);
    assert_int_equal(teller.trust_version, 1);
    X509_STORE_free(first);
    X509_STORE_free(second);
    X509_STORE_free(third);
}

/* That would be a system call for each request. */
static void a_file_is_looked_at_once_a_second(void **state)
{
    (void)state;
    struct trust *trust = trust_of(file_a);
    assert_lent(trust, "A");
    file_replace(file_a, pem_b);
    loop.time += LOOK_MS - 1;
    assert_int_equal(trust_set(trust, &teller), 0);
    assert_int_equal(teller.trust_version, 1);
    loop.time += 1;
    assert_int_equal(trust_set(trust, &teller), 0);
    assert_int_equal(teller.trust_version, 2);
}

/* Connections and TLS sessions that were verified with the old file must not be
 * used; those of the same file may. */
static void another_file_needs_another_mark(void **state)
{
    (void)state;
    char other[80];
    struct trust *trust = trust_of(file_a);
    (void)snprintf(other, sizeof other, "%s.kept", file_a);
    assert_int_equal(link(file_a, other), 0);
    assert_lent(trust, "A");
    file_replace(file_a, "half");
    assert_lent(trust, "A");
    assert_int_equal(teller.trust_version, 1);
    file_replace(file_a, pem_b);
    assert_lent(trust, "B");
    assert_int_equal(teller.trust_version, 2);
    assert_int_equal(rename(other, file_a), 0);
    assert_lent(trust, "A");
    assert_int_equal(teller.trust_version, 3);
}

/* Files of some programs have the key and comments as well. */
static void other_blocks_are_skipped(void **state)
{
    (void)state;
    char text[4096];
    struct trust *trust = trust_of(file_a);
    (void)snprintf(text, sizeof text,
                   "-----BEGIN ENCRYPTED PRIVATE KEY-----\nQUFB\n"
                   "-----END ENCRYPTED PRIVATE KEY-----\n%s",
                   pem_a);
    file_replace(file_a, text);
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
        TEST(a_replaced_file_is_seen_by_the_next_connection),
        TEST(a_link_that_is_swapped_is_seen),
        TEST(a_file_without_certificates_is_refused_until_repaired),
        TEST(a_malformed_block_makes_the_whole_file_useless),
        TEST(a_file_that_is_damaged_later_leaves_the_old_trust),
        TEST(damage_is_told_once),
        TEST(a_doubted_file_is_read_again),
        TEST(a_file_is_looked_at_once_a_second),
        TEST(another_file_needs_another_mark),
        TEST(other_blocks_are_skipped),
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
