/*
 * Loading a configuration. What is loaded is complete, to the last value; what
 * is not says why, in a line of its own, and no line shows a key. Where memory
 * ran out the error says that, and not that the file is wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/config.h"
#include "config/config_errors.h"
#include "daemon/text/diagnostic.h"
#include "fault.h"
#include "sweep.h"

#define TEXT_SIZE 16384
#define KEY "Kq3_x-0123456789abcdefghijklmnopqrstuvwxyzAB"

static char folder[] = "/tmp/sweep_config.XXXXXX";
static pid_t owner; /* of the folder */

/* Sections, inheritance, aliases, each kind of value and of key. */
static const char good_text[] =
    "state_dir: state\n"
    "include: [included.yaml, 'none*.yaml']\n"
    "defaults: {interval: 30s, max_body: 8M, format: json, inbox: one}\n"
    "inboxes:\n"
    "  - {name: one, type: sqlite, path: one.db}\n"
    "  - {name: two, type: sqlite, path: two.db}\n"
    "outlets:\n"
    "  - {name: out, type: files, path: out, inbox: one,\n"
    "     queues: [example/a, 'other/*'], on_refused: dead_letter,\n"
    "     in_flight_max: 2, read_ahead_max: 1M, backoff: 2s,\n"
    "     backoff_max: 1m, breaker_failures: 3, breaker_refusals: 4}\n"
    "  - {name: all, type: stdout, inbox: two}\n"
    "servers:\n"
    "  - name: example\n"
    "    url: https://server.example.ac.uk\n"
    "    proxy: http://proxy.example.ac.uk:8080\n"
    "    tls_ca_file: key\n"
    "    queues: &queues\n"
    "      - {name: a, api_key_file: key}\n"
    "      - {name: b, api_key_env: HAPLO_SWEEP_KEY, inbox: two,\n"
    "         token_pointer: /t, messages_pointer: /m}\n"
    "  - {name: other, url: 'http://127.0.0.1:8080', queues: *queues}\n"
    "  - name: third\n"
    "    url: https://third.example.ac.uk\n"
    "    interval: 1m\n"
    "    queues:\n"
    "      - {name: c, api_key_file: key, inbox: two, format: raw,\n"
    "         token_pattern: 't=([a-z]*)'}\n";

static const char included_text[] =
    "servers:\n"
    "  - name: fourth\n"
    "    url: https://fourth.example.ac.uk/haplo\n"
    "    mark_path: /{queue}/mark\n"
    "    queues: [{name: d, api_key_file: key}]\n";

/* An error of each step. */
static const char wrong_text[] =
    "state_dir: state\n"
    "inbox: one.db\n"
    "inboxes: [{name: one, type: nothing}, {type: sqlite}]\n"
    "outlets:\n"
    "  - {name: a}\n"
    "  - {name: a, type: nothing, inbox: none, queues: [b, c/d, '*/*']}\n"
    "  - {name: '/', type: files, path: one.db, colour: red}\n"
    "servers:\n"
    "  - name: example\n"
    "    url: https://server.example.ac.uk\n"
    "    interval: 3 parsecs\n"
    "    queues:\n"
    "      - {name: a, api_key_file: no-such-file, format: raw,\n"
    "         token_pattern: '('}\n"
    "      - {name: a, api_key_file: key, key: &x [1, 2], y: *x}\n";

/* Queues and servers with problems, among good ones. */
static const char held_text[] =
    "state_dir: state\n"
    "inbox: one.db\n"
    "servers:\n"
    "  - name: example\n"
    "    url: https://server.example.ac.uk\n"
    "    queues:\n"
    "      - {name: a, api_key_file: no-such-file, interval: never}\n"
    "      - {name: b, api_key_file: no-such-file}\n"
    "      - {name: c, api_key_file: key}\n"
    "      - {name: c, api_key_file: key}\n"
    "      - 1\n"
    "  - name: other\n"
    "    url: server.example.ac.uk\n"
    "    queues: [{name: a, api_key_file: key}]\n"
    "  - name: same\n"
    "    url: https://SERVER.example.ac.uk:443/\n"
    "    queues: [{name: b, api_key_file: key}]\n";

static const char broken_text[] = "state_dir: a\ninbox: \xff\n";

static void path_make(char *path, size_t size, const char *name)
{
    int length = snprintf(path, size, "%s/%s", folder, name);
    assert_true(length > 0 && (size_t)length < size);
}

static void text_write(const char *name, const char *text)
{
    char path[128];
    path_make(path, sizeof path, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0600), 0);
}

/* Not at the end of a child. */
static void folder_remove(void)
{
    static const char *const names[] = {"key",         "good.yaml",
                                        "wrong.yaml",  "held.yaml",
                                        "broken.yaml", "included.yaml"};
    char path[128];
    if (getpid() != owner) {
        return;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        path_make(path, sizeof path, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(folder);
}

static void config_set_up(void)
{
    owner = getpid();
    assert_non_null(mkdtemp(folder));
    assert_int_equal(atexit(folder_remove), 0);
    text_write("key", KEY "\n");
    text_write("good.yaml", good_text);
    text_write("included.yaml", included_text);
    text_write("wrong.yaml", wrong_text);
    text_write("held.yaml", held_text);
    text_write("broken.yaml", broken_text);
    assert_int_equal(setenv("HAPLO_SWEEP_KEY", KEY, 1), 0);
}

/* What was printed, in a buffer of the test's own. */
static FILE *text_open(char text[TEXT_SIZE])
{
    FILE *file = fmemopen(text, TEXT_SIZE, "w");
    assert_non_null(file);
    setbuf(file, NULL);
    return file;
}

/* Loads and prints it. True if it was loaded; else all errors name the file. */
static bool config_try(const char *name, enum config_mode mode,
                       char text[TEXT_SIZE])
{
    char path[128];
    struct config *config = NULL;
    fault_pause();
    path_make(path, sizeof path, name);
    memset(text, 0, TEXT_SIZE);
    FILE *file = text_open(text);
    fault_resume();
    struct config_errors errors;
    int count = config_load(path, NULL, mode, &errors, &config);
    diagnostics_print(&errors, &(struct terminal){.out = file});
    config_errors_clear(&errors);
    assert_true((count == 0) == (config != NULL));
    if (config != NULL) {
        config_print(config, file);
        for (size_t i = 0; i < config->held_count; i++) {
            fprintf(file, "%s/%s: %s\n", config->held[i].server,
                    config->held[i].queue, config->held[i].problem->text);
        }
        config_free(config);
    } else {
        assert_non_null(strstr(text, path));
        assert_null(strstr(text, KEY));
    }
    fault_pause();
    (void)fclose(file);
    fault_resume();
    return config != NULL;
}

/* The file loads, unless a call has failed, and then that is what is told:
 * nobody should look for a mistake that is not there. */
static bool good_try(const char *name, enum config_mode mode,
                     char text[TEXT_SIZE])
{
    bool is_loaded = config_try(name, mode, text);
    assert_true(is_loaded || strncmp(fault_record->what, "memory", 6) != 0 ||
                strstr(text, "emory") != NULL);
    return is_loaded;
}

/* The first run is untouched, and keeps what is complete. */
static void assert_complete(const char *text, char whole[TEXT_SIZE])
{
    if (whole[0] == '\0') {
        memcpy(whole, text, TEXT_SIZE);
    }
    assert_string_equal(text, whole);
}

static void config_run(void)
{
    static char whole[TEXT_SIZE];
    static char held[TEXT_SIZE];
    static char text[TEXT_SIZE];
    if (!good_try("good.yaml", CONFIG_CHECK_STRICT, text)) {
        assert_true(config_try("good.yaml", CONFIG_CHECK_STRICT, text));
    }
    assert_complete(text, whole);
    assert_false(config_try("wrong.yaml", CONFIG_CHECK_STRICT, text));
    assert_false(config_try("broken.yaml", CONFIG_CHECK_STRICT, text));
    if (good_try("held.yaml", CONFIG_RUN, text)) {
        assert_complete(text, held);
    }
}

const struct sweep_unit sweep_config_units[] = {
    {"config/load", config_run, config_set_up, false, 1},
    {NULL, NULL, NULL, false, 0},
};
