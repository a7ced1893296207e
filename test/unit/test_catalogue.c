#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/pem.h>

#include "config_fixture.h"
#include "daemon/commands/check_files.h"
#include "http_tls.h"

/* What examples do not show. */
static const char state_dir[] = "state_dir: state\n";
static const char inbox[] = "inbox: inbox.db\n";
static const char servers[] =
    "servers:\n"
    "  - name: example\n"
    "    url: https://example.ac.uk\n"
    "    queues: [{name: student, api_key_file: student.key}]\n";

static bool has_line(const char *text, const char *start)
{
    for (; text != NULL; text = strchr(text, '\n')) {
        text += *text == '\n';
        if (strncmp(text, start, strlen(start)) == 0) {
            return true;
        }
    }
    return false;
}

static void example_write(const struct catalogue_entry *entry, const char *text)
{
    char whole[4096] = "";
    if (entry->is_fragment) {
        snprintf(whole, sizeof whole, "%s%s%s",
                 has_line(text, "state_dir:") ? "" : state_dir,
                 has_line(text, "inbox") ? "" : inbox,
                 has_line(text, "servers:") ? "" : servers);
    }
    strcat(whole, text);
    text_write(FILE_NAME, whole, 0600);
}

/* Loads the example as `check` does. */
static struct config *example_load(const struct catalogue_entry *entry,
                                   const char *text, enum config_mode mode,
                                   struct config_errors *errors)
{
    struct config *config;
    example_write(entry, text);
    config_load(FILE_NAME, NULL, mode, errors, &config);
    if (config != NULL) {
        check_files(config, errors);
    }
    return config;
}

static const char *const files[] = {"student.key", "staff.key", "client.key",
                                    "open.key",    "short.key", "ca.pem",
                                    "client.pem"};

#define FILE_COUNT (sizeof files / sizeof files[0])

/* A certificate and its key; open.key may be read by others. */
static void tls_files_make(void)
{
    static const char *const keys[] = {"client.key", "open.key"};
    SSL_CTX *context = http_tls_context("ca.pem");
    FILE *file = fopen("client.pem", "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, SSL_CTX_get0_certificate(context)),
                     1);
    assert_int_equal(fclose(file), 0);
    for (size_t i = 0; i < 2; i++) {
        text_write(keys[i], "", i == 0 ? 0600 : 0644);
        file = fopen(keys[i], "w");
        assert_non_null(file);
        assert_int_equal(PEM_write_PrivateKey(file,
                                              SSL_CTX_get0_privatekey(context),
                                              NULL, NULL, 0, NULL, NULL),
                         1);
        assert_int_equal(fclose(file), 0);
    }
    SSL_CTX_free(context);
}

static int files_make(void **state)
{
    if (folder_make(state) != 0) {
        return -1;
    }
    text_write("student.key", KEY "\n", 0600);
    text_write("staff.key", KEY "\n", 0600);
    text_write("short.key", "short\n", 0600);
    tls_files_make();
    return mkdir("folder", 0700) == 0 && mkdir("out", 0700) == 0 ? 0 : -1;
}

static int files_remove(void **state)
{
    for (size_t i = 0; i < FILE_COUNT; i++) {
        unlink(files[i]);
    }
    rmdir("folder");
    rmdir("out");
    return folder_remove(state);
}

/* An explanation whose example has another error would be worse than none. */
static void each_example_has_the_error_that_it_explains(void **state)
{
    const struct catalogue_entry *entry;
    (void)state;
    for (size_t i = 0; (entry = catalogue_at(i)) != NULL; i++) {
        struct config_errors errors;
        if (entry->wrong == NULL) {
            continue;
        }
        config_free(example_load(entry, entry->wrong, CONFIG_CHECK, &errors));
        if (errors.listed != 1 || errors.list[0].code != entry->code) {
            errors_write(&errors, stderr);
            fail_msg("HP%04d: %s", entry->code, entry->title);
        }
        assert_int_equal(errors.list[0].is_warning, entry->is_warning);
        config_errors_clear(&errors);
    }
}

/* What is recommended must work, even where nothing may be missing. */
static void each_corrected_example_is_right(void **state)
{
    const struct catalogue_entry *entry;
    (void)state;
    for (size_t i = 0; (entry = catalogue_at(i)) != NULL; i++) {
        struct config_errors errors;
        assert_true((entry->wrong == NULL) == (entry->right == NULL));
        if (entry->right == NULL) {
            continue;
        }
        struct config *config =
            example_load(entry, entry->right, CONFIG_CHECK_STRICT, &errors);
        if (errors.listed != 0) {
            errors_write(&errors, stderr);
            fail_msg("HP%04d: %s", entry->code, entry->title);
        }
        config_free(config);
        config_errors_clear(&errors);
    }
}

/* `explain` prints paragraphs; a list of codes is read from top to bottom. */
static void the_catalogue_is_sorted_and_complete(void **state)
{
    const struct catalogue_entry *entry;
    enum diagnostic_code last = HP_NONE;
    (void)state;
    for (size_t i = 0; (entry = catalogue_at(i)) != NULL; i++) {
        assert_true(entry->code > last);
        assert_ptr_equal(catalogue_find(entry->code), entry);
        assert_true(strlen(entry->title) <= 60);
        assert_true(entry->meaning[strlen(entry->meaning) - 1] == '.');
        assert_true(entry->advice[strlen(entry->advice) - 1] == '.');
        last = entry->code;
    }
    assert_true(last >= HP_OUTLET_UNREACHABLE);
    assert_null(catalogue_find(HP_NONE));
    assert_null(catalogue_find((enum diagnostic_code)9999));
}

/* People copy codes from logs, and type them from paper. */
static void a_code_is_read_however_it_is_written(void **state)
{
    char text[CODE_TEXT_SIZE];
    (void)state;
    assert_int_equal(code_parse("HP0201"), HP_KEY_UNKNOWN);
    assert_int_equal(code_parse("hp0201"), HP_KEY_UNKNOWN);
    assert_int_equal(code_parse("HP201"), HP_KEY_UNKNOWN);
    assert_int_equal(code_parse("201"), HP_KEY_UNKNOWN);
    assert_int_equal(code_parse(""), HP_NONE);
    assert_int_equal(code_parse("HP"), HP_NONE);
    assert_int_equal(code_parse("HP02011"), HP_NONE);
    assert_int_equal(code_parse("HP0201]"), HP_NONE);
    assert_int_equal(code_parse("-1"), HP_NONE);
    assert_int_equal(code_parse("example/student"), HP_NONE);
    assert_string_equal(code_format(HP_KEY_UNKNOWN, text), "HP0201");
    assert_string_equal(code_format(HP_NO_MEMORY, text), "HP0001");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_example_has_the_error_that_it_explains),
        cmocka_unit_test(each_corrected_example_is_right),
        cmocka_unit_test(the_catalogue_is_sorted_and_complete),
        cmocka_unit_test(a_code_is_read_however_it_is_written),
    };
    return cmocka_run_group_tests(tests, files_make, files_remove);
}
