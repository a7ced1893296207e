/*
 * reload_command.c - `haplo-poll reload`: asks the running process, and prints
 * what has changed.
 */
#include <stdio.h>
#include <stdlib.h>

#include "daemon/admin/admin_ask.h"
#include "daemon/command.h"

#define TEXT_SIZE 16384 /* of what is printed */

static enum exit_code ask(const struct config *config)
{
    struct admin_answer answer;
    char text[TEXT_SIZE];
    int error = admin_ask(config, "POST", "/api/v1/reload", NULL, &answer, text,
                          sizeof text);
    enum exit_code code = error == 0
                              ? admin_answer_result(&answer, text, sizeof text)
                          : error == HAPLO_ENOTFOUND ? EXIT_CODE_NOT_RUNNING
                                                     : EXIT_CODE_FAILED;
    fprintf(code == EXIT_CODE_FINE ? stdout : stderr, "%s%s\n",
            answer.status == 0 ? "haplo-poll: " : "", text);
    admin_answer_free(&answer);
    return code;
}

/* The file may be the very one that is not valid: of that, only the state
 * directory is needed. */
enum exit_code command_reload(const struct command_options *options)
{
    struct config *config;
    enum exit_code code = command_load_config(options, CONFIG_RUN, &config);
    if (code == EXIT_CODE_FINE) {
        code = ask(config);
        config_free(config);
    }
    return code;
}
