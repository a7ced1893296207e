#include "daemon/reload_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/control_ask.h"

#define LINE_END                                                 \
    '\x1e' /* between the lines of a response, which is one line \
            */
#define TEXT_SIZE (CONTROL_LINE_SIZE_MAX - 8)

/* A client that waits. */
struct asking {
    struct control *control; /* its socket */
    uint64_t number;         /* of the client */
};

static void on_done(void *data, const struct reload_result *result)
{
    struct asking *asking = data;
    char text[TEXT_SIZE] = "the process is exiting";
    enum exit_code code = EXIT_CODE_FAILED;
    if (result != NULL) {
        reload_result_print(result, LINE_END, text, sizeof text);
        code = result->is_accepted ? EXIT_CODE_FINE : EXIT_CODE_USAGE;
    }
    control_answer(asking->control, asking->number, code, text);
    free(asking);
}

void reload_by_request(struct reload *reload, struct control *control,
                       uint64_t number)
{
    struct asking *asking = malloc(sizeof *asking);
    if (!reload->is_open) {
        free(asking);
        control_answer(control, number, EXIT_CODE_FAILED,
                       "the process that uses this state_dir cannot reload "
                       "its configuration");
        return;
    }
    if (asking != NULL) {
        *asking = (struct asking){control, number};
    }
    if (asking == NULL || reload_request(reload, on_done, asking) != 0) {
        free(asking);
        control_answer(control, number, EXIT_CODE_FAILED,
                       haplo_error_text(HAPLO_ENOMEM));
    }
}

/* The other end */

static enum exit_code ask(const struct config *config)
{
    char text[CONTROL_LINE_SIZE_MAX];
    enum exit_code code;
    if (!control_ask(config->state_dir, RELOAD_REQUEST, &code, text,
                     sizeof text)) {
        fprintf(stderr,
                "haplo-poll: no process uses state_dir %s: start `haplo-poll "
                "run`\n",
                config->state_dir);
        return EXIT_CODE_FAILED;
    }
    for (char *end = strchr(text, LINE_END); end != NULL;
         end = strchr(end, LINE_END)) {
        *end = '\n';
    }
    fprintf(code == EXIT_CODE_FINE ? stdout : stderr, "%s\n", text);
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
