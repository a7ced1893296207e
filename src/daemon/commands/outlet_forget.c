/*
 * outlet_forget.c - `outlet forget`: removes what is stored of an outlet that
 * is no longer in the configuration, so that messages are not kept for it. The
 * work is done by the process that uses the inbox: see task_command.h.
 */
#include <stdio.h>

#include "daemon/command.h"
#include "daemon/log/log.h"
#include "daemon/task/task_command.h"

/* The inbox of the request; NULL after the error has been logged. */
static const struct config_inbox *find(const struct config *config,
                                       const char *outlet, const char *inbox)
{
    if (task_command_outlet(config, outlet) != NULL) {
        log_line(LOG_LEVEL_ERROR,
                 "outlet %s is in %s: remove it there, and restart haplo-poll "
                 "first",
                 outlet, config->path);
        return NULL;
    }
    return command_find_inbox(config, inbox);
}

enum exit_code command_outlet_forget(const struct command_options *options)
{
    const char *outlet = options->arguments[0];
    const char *inbox = options->arguments[1]; /* or NULL */
    struct task_request request = {.kind = INBOX_TASK_OUTLET_FORGET,
                                   .until_ms = INBOX_FILTER_NO_END};
    struct config *config;
    log_open(options->is_verbose, false);
    enum exit_code code = command_load_config(options, CONFIG_RUN, &config);
    if (code != EXIT_CODE_FINE) {
        return code;
    }
    const struct config_inbox *found = find(config, outlet, inbox);
    if (found == NULL ||
        (size_t)snprintf(request.outlet, sizeof request.outlet, "%s", outlet) >=
            sizeof request.outlet) {
        config_free(config);
        return EXIT_CODE_USAGE;
    }
    snprintf(request.inbox, sizeof request.inbox, "%s", found->name);
    return task_command(config, &request);
}
