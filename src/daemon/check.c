/*
 * check.c - checks a configuration and prints what it would do.
 *
 * The content of TLS files is read only here: a running process reads it when
 * it connects, and waits until a file is repaired.
 */
#include <stdio.h>
#include <string.h>

#include "base/reason.h"
#include "daemon/command.h"
#include "http/key_pair.h"
#include "http/trust.h"

enum exit_code command_load_config(const struct command_options *options,
                                   enum config_mode mode,
                                   struct config **config)
{
    int result = config_load(options->config_path, mode, stderr, config);
    if (result == 0) {
        return EXIT_CODE_FINE;
    }
    return result == CONFIG_FAILED ? EXIT_CODE_FAILED : EXIT_CODE_USAGE;
}

/* NULL: none. */
static bool is_same_file(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static int tls_error(const struct config *config,
                     const struct config_server *server, const char *option,
                     const struct reason *why)
{
    fprintf(stderr, "%s:%u:%u: server %s: %s%s\n", config->path,
            server->place.line, server->place.column, server->options.name,
            option, why->text);
    return -1;
}

/* 0, or -1 after the error has been printed. Files are skipped that the server
 * before it has as well: as defaults, they may be those of ten thousand. */
static int tls_files_check(const struct config *config, size_t index)
{
    const struct config_server *server = &config->servers[index];
    const struct haplo_server_options *own = &server->options;
    const struct haplo_server_options none = {.name = NULL};
    const struct haplo_server_options *before =
        index > 0 ? &config->servers[index - 1].options : &none;
    struct reason why;
    int result = 0;
    if (!is_same_file(own->tls_ca_file, before->tls_ca_file) &&
        own->tls_ca_file != NULL && trust_check(own->tls_ca_file, &why) != 0) {
        result = tls_error(config, server, "tls_ca_file: ", &why);
    }
    if (own->tls_certificate_file == NULL ||
        (is_same_file(own->tls_certificate_file,
                      before->tls_certificate_file) &&
         is_same_file(own->tls_key_file, before->tls_key_file))) {
        return result;
    }
    struct key_pair pair;
    if (key_pair_read(&pair, own->tls_certificate_file, own->tls_key_file,
                      &why) != 0) {
        result = tls_error(config, server, "", &why);
    }
    key_pair_clear(&pair);
    return result;
}

static enum exit_code tls_check(const struct config *config)
{
    enum exit_code code = EXIT_CODE_FINE;
    for (size_t i = 0; i < config->server_count; i++) {
        if (tls_files_check(config, i) != 0) {
            code = EXIT_CODE_USAGE;
        }
    }
    return code;
}

enum exit_code command_check(const struct command_options *options)
{
    struct config *config;
    enum exit_code code = command_load_config(options, CONFIG_CHECK, &config);
    if (code != EXIT_CODE_FINE) {
        return code;
    }
    code = tls_check(config);
    if (code == EXIT_CODE_FINE) {
        config_print(config, stdout);
    }
    config_free(config);
    return code;
}
