#include "daemon/commands/check_files.h"

#include <string.h>
#include <unistd.h>

#include "base/reason.h"
#include "http/ca_file.h"
#include "http/key_pair.h"

/* NULL: none. */
static bool is_same_file(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Something that is wrong with a file of a server. */
static void tls_fail(struct config_errors *errors,
                     const struct config_server *server, const char *option,
                     const struct reason *why)
{
    config_errors_add(errors, HP_TLS_FILE_INVALID, server->place,
                      "server %s: %s%s", server->options.name, option,
                      why->text);
}

/* True if the file is there; if not, there is a warning already. */
static bool is_there(const char *path)
{
    return path != NULL && access(path, R_OK) == 0;
}

static void ca_file_check(struct config_errors *errors,
                          const struct config_server *server)
{
    struct ca_file ca;
    struct reason why;
    if (!is_there(server->options.tls_ca_file)) {
        return;
    }
    if (ca_file_read(&ca, server->options.tls_ca_file, &why) != 0) {
        tls_fail(errors, server, "tls_ca_file: ", &why);
    }
    ca_file_clear(&ca);
}

static void key_pair_check(struct config_errors *errors,
                           const struct config_server *server)
{
    const char *certificate = server->options.tls_certificate_file;
    const char *key = server->options.tls_key_file;
    struct key_pair pair;
    struct reason why;
    if (!is_there(certificate) || (key != NULL && !is_there(key))) {
        return;
    }
    if (key_pair_read(&pair, certificate, key, &why) != 0) {
        tls_fail(errors, server, "", &why);
    }
    key_pair_clear(&pair);
}

/* Files are skipped that the server before it has as well: as defaults, they
 * may be those of ten thousand. */
static void tls_files_check(const struct config *config, size_t index,
                            struct config_errors *errors)
{
    static const struct haplo_server_options none;
    const struct config_server *server = &config->servers[index];
    const struct haplo_server_options *own = &server->options;
    const struct haplo_server_options *before =
        index > 0 ? &config->servers[index - 1].options : &none;
    if (!is_same_file(own->tls_ca_file, before->tls_ca_file)) {
        ca_file_check(errors, server);
    }
    if (!is_same_file(own->tls_certificate_file,
                      before->tls_certificate_file) ||
        !is_same_file(own->tls_key_file, before->tls_key_file)) {
        key_pair_check(errors, server);
    }
}

/* What may be there when it is needed is no error. */
static void outlet_check(const struct config_outlet *outlet,
                         struct config_errors *errors)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    const struct forwarder_options *forward = &outlet->forward;
    if (forward->type->is_lacking != NULL &&
        forward->type->is_lacking(forward->type_options, why, sizeof why)) {
        config_errors_add(errors, HP_OUTLET_LACKS, outlet->place,
                          "outlet %s: %s", forward->name, why);
    }
}

void check_files(const struct config *config, struct config_errors *errors)
{
    for (size_t i = 0; i < config->server_count; i++) {
        tls_files_check(config, i, errors);
    }
    for (size_t i = 0; i < config->outlet_count; i++) {
        outlet_check(&config->outlets[i], errors);
    }
}
