/*
 * config_secrets.c - looks whether the secrets of an outlet are on this
 * machine, which a check need not have. The type itself checks what they are.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/key_shape.h"
#include "config/config_mapping.h"
#include "config/config_path.h"

static bool ends_in(const char *name, const char *end)
{
    size_t size = strlen(name);
    size_t end_size = strlen(end);
    return size > end_size && strcmp(name + size - end_size, end) == 0;
}

/* Reports that a secret is missing. Somebody may have pasted it instead of the
 * name of its place. */
static bool missing(const struct config_mapping *mapping,
                    const struct config_pair *pair, const char *why)
{
    char shown[CONFIG_SHOW_SIZE];
    config_mapping_fail(
        mapping, HP_SECRET_MISSING, pair, "%s %s: %s", pair->row->name,
        api_key_is_like(pair->text) ? CONFIG_HIDDEN
                                    : config_show(pair->text, shown),
        why);
    return false;
}

static bool credential_is_here(const struct config_mapping *mapping,
                               const struct config_pair *pair)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    if (folder == NULL) {
        return missing(mapping, pair,
                       "CREDENTIALS_DIRECTORY is not set: run it by systemd "
                       "with LoadCredential=, or name a file");
    }
    const char *path = config_path_join(mapping->loading->config, folder,
                                        strlen(folder), pair->text, NULL);
    return path == NULL || strchr(pair->text, '/') != NULL ||
           access(path, R_OK) == 0 ||
           missing(mapping, pair,
                   "no such credential: pass it on with LoadCredential=, or "
                   "name a file");
}

static bool pair_is_here(const struct config_mapping *mapping,
                         const struct config_pair *pair)
{
    if (pair->shape != SHAPE_TEXT || pair->text[0] == '\0' ||
        strcmp(pair->text, "none") == 0) {
        return true;
    }
    if (pair->row->value == OPTION_PRIVATE_FILE) {
        /* If it is not, this has been reported as a file that is missing. */
        const char *path =
            config_path(mapping->loading->config, pair->text, NULL);
        return path == NULL || access(path, R_OK) == 0;
    }
    if (ends_in(pair->row->name, "_env")) {
        return getenv(pair->text) != NULL ||
               missing(mapping, pair,
                       "no such variable in the environment: set it, or name "
                       "a file");
    }
    return !ends_in(pair->row->name, "_credential") ||
           credential_is_here(mapping, pair);
}

bool config_secrets_are_here(const struct config_mapping *mapping)
{
    bool are_here = true;
    for (size_t i = 0; i < mapping->count; i++) {
        are_here =
            pair_is_here(mapping, config_mapping_at(mapping, i)) && are_here;
    }
    return are_here;
}
