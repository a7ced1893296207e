#include "daemon/task/task_command.h"

#include <stdio.h>
#include <string.h>

#include "base/container_of.h"
#include "daemon/admin/admin_ask.h"
#include "daemon/log/log.h"
#include "daemon/session.h"
#include "daemon/task/task_run.h"
#include "daemon/text/json_writer.h"

/* Without a running process */

struct task_session {
    struct session session;             /* opens only the inbox */
    const struct task_request *request; /* what to do */
    enum exit_code code;                /* result */
};

static void tell(enum exit_code code, const char *text)
{
    log_line(code == EXIT_CODE_FINE ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "%s",
             text);
}

static void on_done(enum exit_code code, const char *text, void *data)
{
    struct task_session *command = data;
    command->code = code;
    tell(code, text);
    session_end(&command->session);
}

static void on_opened(struct session *session)
{
    struct task_session *command =
        container_of(session, struct task_session, session);
    task_run(&session->gather, command->request, on_done, command);
}

static enum exit_code do_here(struct config *config,
                              const struct task_request *request)
{
    const struct session_options session_options = {
        .opened_cb = on_opened,
        .only_inbox = config_inbox_find(config, request->inbox),
    };
    struct task_session command = {.request = request,
                                   .code = EXIT_CODE_FAILED};
    enum exit_code code = session_open(&command.session, config);
    if (code == EXIT_CODE_FINE) {
        code = session_run(&command.session, &session_options);
    }
    return session_exit(&command.session,
                        code == EXIT_CODE_FINE ? command.code : code);
}

/* Asks the process that uses the state directory. False if none does. */
static bool ask(const struct config *config, const struct task_request *request,
                enum exit_code *code, char *text, size_t text_size)
{
    struct json_writer json = {0};
    struct admin_answer answer;
    task_request_write(request, &json);
    json_raw(&json, "", 1); /* a NUL */
    *code = EXIT_CODE_FAILED;
    if (json.is_failed) {
        snprintf(text, text_size, "out of memory");
        json_writer_free(&json);
        return true;
    }
    int error = admin_ask(config, "POST", "/api/v1/tasks", json.data, &answer,
                          text, text_size);
    if (error == 0) {
        *code = admin_answer_result(&answer, text, text_size);
    }
    admin_answer_free(&answer);
    json_writer_free(&json);
    return error != HAPLO_ENOTFOUND;
}

enum exit_code task_command(struct config *config,
                            const struct task_request *request)
{
    char text[HAPLO_TEXT_SIZE_MAX];
    enum exit_code code;
    if (ask(config, request, &code, text, sizeof text)) {
        tell(code, text);
        config_free(config);
        return code;
    }
    return do_here(config, request);
}

const struct config_outlet *task_command_outlet(const struct config *config,
                                                const char *name)
{
    for (size_t i = 0; i < config->outlet_count; i++) {
        if (strcmp(config->outlets[i].forward.name, name) == 0) {
            return &config->outlets[i];
        }
    }
    return NULL;
}
