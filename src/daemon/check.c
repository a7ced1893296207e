/*
 * check.c - checks a configuration and prints what it would do.
 *
 * The content of TLS files is read only here: a running process reads it when
 * it connects, and waits until a file is repaired.
 */
#include <stdio.h>
#include <string.h>

#include "base/reason.h"
#include "config/config_errors.h"
#include "daemon/command.h"
#include "http/ca_file.h"
#include "http/key_pair.h"

enum exit_code command_load_config(const struct command_options *options,
                                   enum config_mode mode,
                                   struct config **config)
{
    struct config_errors errors;
    int result = config_load(options->config_path, mode, &errors, config);
    config_errors_print(&errors, stderr);
    config_errors_clear(&errors);
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
    fprintf(stderr, "%s:%u:%u: server %s: %s%s\n",
            config_place_path(config, server->place), server->place.line,
            server->place.column, server->options.name, option, why->text);
    return -1;
}

static int ca_file_check(const struct config *config,
                         const struct config_server *server)
{
    struct ca_file ca;
    struct reason why;
    int error = ca_file_read(&ca, server->options.tls_ca_file, &why);
    ca_file_clear(&ca);
    return error == 0 ? 0 : tls_error(config, server, "tls_ca_file: ", &why);
}

static int key_pair_check(const struct config *config,
                          const struct config_server *server)
{
    const struct haplo_server_options *options = &server->options;
    struct key_pair pair;
    struct reason why;
    int error = key_pair_read(&pair, options->tls_certificate_file,
                              options->tls_key_file, &why);
    key_pair_clear(&pair);
    return error == 0 ? 0 : tls_error(config, server, "", &why);
}

/* 0, or -1 after the error has been printed. Files are skipped that the server
 * before it has as well: as defaults, they may be those of ten thousand. */
static int tls_files_check(const struct config *config, size_t index)
{
    static const struct haplo_server_options none;
    const struct config_server *server = &config->servers[index];
    const struct haplo_server_options *own = &server->options;
    const struct haplo_server_options *before =
        index > 0 ? &config->servers[index - 1].options : &none;
    bool is_same_pair =
        is_same_file(own->tls_certificate_file, before->tls_certificate_file) &&
        is_same_file(own->tls_key_file, before->tls_key_file);
    int result = 0;
    if (own->tls_ca_file != NULL &&
        !is_same_file(own->tls_ca_file, before->tls_ca_file)) {
        result = ca_file_check(config, server);
    }
    if (own->tls_certificate_file != NULL && !is_same_pair &&
        key_pair_check(config, server) != 0) {
        result = -1;
    }
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

/* What may be there when it is needed is no error. */
static void outlets_warn(const struct config *config)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    for (size_t i = 0; i < config->outlet_count; i++) {
        const struct config_outlet *outlet = &config->outlets[i];
        const struct forwarder_options *forward = &outlet->forward;
        if (forward->type->is_lacking != NULL &&
            forward->type->is_lacking(forward->type_options, why, sizeof why)) {
            fprintf(stderr, "%s:%u:%u: warning: outlet %s: %s\n",
                    config_place_path(config, outlet->place),
                    outlet->place.line, outlet->place.column, forward->name,
                    why);
        }
    }
}

enum exit_code command_check(const struct command_options *options)
{
    struct config *config;
    enum exit_code code =
        command_load_config(options, CONFIG_CHECK_STRICT, &config);
    if (code != EXIT_CODE_FINE) {
        return code;
    }
    code = tls_check(config);
    if (code == EXIT_CODE_FINE) {
        outlets_warn(config);
        config_print(config, stdout);
    }
    config_free(config);
    return code;
}
