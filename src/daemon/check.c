#include <stdio.h>

#include "daemon/command.h"

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

enum exit_code command_check(const struct command_options *options)
{
    struct config *config;
    enum exit_code code = command_load_config(options, CONFIG_CHECK, &config);
    if (code == EXIT_CODE_FINE) {
        config_print(config, stdout);
        config_free(config);
    }
    return code;
}
