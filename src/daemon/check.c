#include <stdio.h>

#include "daemon/command.h"

struct config *command_load_config(const struct command_options *options)
{
    struct config *config;
    if (config_load(options->config_path, stderr, &config) != 0) {
        return NULL;
    }
    return config;
}

enum exit_code command_check(const struct command_options *options)
{
    struct config *config = command_load_config(options);
    if (config == NULL) {
        return EXIT_CODE_USAGE;
    }
    config_print(config, stdout);
    config_free(config);
    return EXIT_CODE_FINE;
}
