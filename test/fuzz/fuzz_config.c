/*
 * The configuration file; the input is its text. It ends in lines that tell
 * what is wrong, or in a configuration that the library takes, and whose
 * outlets are complete. The folder has a file `key` with an API key, and the
 * environment FUZZ_KEY another; neither is ever shown.
 */
#include <string.h>

#include "config/config.h"
#include "config/config_errors.h"
#include "daemon/text/diagnostic.h"
#include "taker.h"

#define KEY "Kq3_x-0123456789abcdefghijklmnopqrstuvwxyzAB"
#define FILE_KEY "F" KEY
#define ENV_KEY "E" KEY
#define QUEUES_TAKEN_MAX 20 /* more show nothing new */

/* Each line of what was printed. */
static void check_lines(char *text)
{
    for (char *line = text; *line != '\0';) {
        char *end = strchr(line, '\n');
        FUZZ_CHECK(end != NULL);
        FUZZ_CHECK(end - line < 2000);
        for (const char *at = line; at < end; at++) {
            FUZZ_CHECK((unsigned char)*at >= ' ' && *at != 0x7f);
        }
        line = end + 1;
    }
}

static void check_taken(const struct config *config)
{
    struct haplo_server_options server_options;
    struct haplo_queue_options queue_options;
    struct haplo_server *server;
    struct haplo_poller *poller = taker_open();
    size_t count = 0;
    for (size_t i = 0; i < config->server_count; i++) {
        const struct config_server *from = &config->servers[i];
        config_server_options(from, &server_options);
        FUZZ_CHECK(taker_add_server(poller, &server_options, &server) == 0);
        for (size_t j = 0; j < from->queue_count; j++) {
            config_queue_options(&from->queues[j], &queue_options);
            if (count++ < QUEUES_TAKEN_MAX) {
                FUZZ_CHECK(taker_add_queue(server, &queue_options) == 0);
            }
        }
    }
    taker_close(poller);
}

static void check_outlets(const struct config *config)
{
    for (size_t i = 0; i < config->outlet_count; i++) {
        const struct config_outlet *outlet = &config->outlets[i];
        FUZZ_CHECK(outlet->inbox != NULL);
        FUZZ_CHECK(outlet->forward.name != NULL);
        FUZZ_CHECK(outlet->forward.type_options != NULL);
        for (size_t j = 0; j < outlet->forward.queue_count; j++) {
            FUZZ_CHECK(outlet->forward.queues[j] != NULL);
        }
    }
}

/* Each held queue names a problem. */
static void check_held(const struct config *config)
{
    for (size_t i = 0; i < config->held_count; i++) {
        const struct config_held *held = &config->held[i];
        FUZZ_CHECK(held->server != NULL && held->queue != NULL);
        FUZZ_CHECK(held->problem >= config->problems &&
                   held->problem < config->problems + config->problem_count);
    }
    for (size_t i = 0; i < config->problem_count; i++) {
        FUZZ_CHECK(config->problems[i].place.line > 0);
        FUZZ_CHECK(config->problems[i].text[0] != '\0');
    }
}

static void check_mode(const char *path, enum config_mode mode, FILE *file)
{
    struct config *config;
    struct config_errors errors;
    int count = config_load(path, NULL, mode, &errors, &config);
    diagnostics_print(&errors, &(struct terminal){.out = file});
    config_errors_clear(&errors);
    FUZZ_CHECK((count == 0) == (config != NULL));
    if (config != NULL) {
        FUZZ_CHECK(mode == CONFIG_RUN || config->problem_count == 0);
        config_print(config, file);
        check_held(config);
        check_taken(config);
        check_outlets(config);
        config_free(config);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    char *text = NULL;
    size_t text_size;
    FILE *file;
    static bool is_set_up;
    if (!is_set_up) {
        file_write("key", FILE_KEY "\n", sizeof FILE_KEY);
        FUZZ_CHECK(setenv("FUZZ_KEY", ENV_KEY, 1) == 0);
        is_set_up = true;
    }
    file_write("c.yaml", data, size);
    (void)snprintf(path, sizeof path, "%s/c.yaml", folder_path());
    file = open_memstream(&text, &text_size);
    FUZZ_CHECK(file != NULL);
    check_mode(path, CONFIG_CHECK, file);
    check_mode(path, CONFIG_RUN, file);
    FUZZ_CHECK(fclose(file) == 0);
    FUZZ_CHECK(text_size > 0);
    check_lines(text);
    /* Who writes one into the file itself has shown it already. */
    FUZZ_CHECK(strstr(text, KEY) == NULL ||
               memmem(data, size, KEY, strlen(KEY)) != NULL);
    free(text);
    return 0;
}
