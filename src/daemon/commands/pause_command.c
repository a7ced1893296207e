/*
 * pause_command.c - pause, resume and poll-now.
 *
 *   - All names are looked up first, so that a mistake in one of them changes
 *     nothing.
 *   - Then the running process is asked for each queue. What it says is
 *     printed; a queue for which it fails does not keep the others from it.
 */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/reason.h"
#include "daemon/admin/admin_ask.h"
#include "daemon/commands/remote.h"
#include "daemon/log/log.h"
#include "daemon/text/terminal.h"

/* What is to be done with which queues. */
struct action {
    struct config *config;         /* owned */
    const char *word;              /* pause, resume or poll-now */
    char **names;                  /* owned: "server/queue" */
    size_t count;                  /* length of names */
    size_t capacity;               /* of names */
    bool is_quiet;                 /* prints only failures */
    bool is_failed;                /* memory ran out */
    struct json_writer body;       /* of each request; empty: none */
    struct progress_line progress; /* on a terminal */
};

/* Names */

static void add_name(struct action *action, const char *name)
{
    if (action->count == action->capacity) {
        size_t capacity = 2 * action->capacity + 16;
        char **names = realloc(action->names, capacity * sizeof *names);
        if (names == NULL) {
            action->is_failed = true;
            return;
        }
        action->names = names;
        action->capacity = capacity;
    }
    char *copy = strdup(name);
    if (copy == NULL) {
        action->is_failed = true;
        return;
    }
    action->names[action->count++] = copy;
}

static bool on_item(const struct json_tree *item, void *data)
{
    struct action *action = data;
    const char *name = json_tree_text(item, "name");
    if (name != NULL) {
        add_name(action, name);
    }
    return !action->is_failed;
}

/* All queues of a server, or those that match a pattern. */
static enum exit_code find_many(struct action *action, const char *word)
{
    char path[REMOTE_PATH_SIZE] = "/api/v1/queues?limit=1000";
    bool is_pattern = strpbrk(word, "*?") != NULL;
    char why[HAPLO_TEXT_SIZE_MAX];
    size_t count = action->count;
    if (admin_ask_add(path, sizeof path, is_pattern ? "match" : "server",
                      word) != 0) {
        log_line(LOG_LEVEL_ERROR, "%s: the name is too long", word);
        return EXIT_CODE_USAGE;
    }
    enum exit_code code = remote_list(action->config, path, "queues", on_item,
                                      action, why, sizeof why);
    remote_tell(code, why);
    if (code == EXIT_CODE_FINE && !action->is_failed &&
        action->count == count) {
        log_line(LOG_LEVEL_ERROR,
                 is_pattern ? "%s matches no queue"
                            : "%s is no server with queues: SERVER/QUEUE "
                              "names a queue",
                 word);
        code = EXIT_CODE_USAGE;
    }
    return code;
}

/* SERVER/QUEUE. */
static enum exit_code find_one(struct action *action, const char *word)
{
    char path[REMOTE_PATH_SIZE];
    char why[HAPLO_TEXT_SIZE_MAX];
    struct json_tree *answer;
    int size = snprintf(path, sizeof path, "/api/v1/queues/%s", word);
    if (size < 0 || (size_t)size >= sizeof path) {
        log_line(LOG_LEVEL_ERROR, "%s: the name is too long", word);
        return EXIT_CODE_USAGE;
    }
    enum exit_code code =
        remote_ask(action->config, NULL, path, NULL, &answer, why, sizeof why);
    remote_tell(code, why);
    if (code == EXIT_CODE_FINE) {
        add_name(action, word);
        json_tree_free(answer);
    }
    return code;
}

static enum exit_code find_all(struct action *action,
                               const struct command_options *options)
{
    enum exit_code code = EXIT_CODE_FINE;
    for (int i = 0; i < options->argument_count && code == EXIT_CODE_FINE;
         i++) {
        const char *word = options->arguments[i];
        bool is_one = strchr(word, '/') != NULL && strpbrk(word, "*?") == NULL;
        code = is_one ? find_one(action, word) : find_many(action, word);
    }
    if (code == EXIT_CODE_FINE && action->is_failed) {
        log_line(LOG_LEVEL_ERROR, "out of memory: nothing was done");
        code = EXIT_CODE_FAILED;
    }
    return code;
}

/* Actions */

/* Who is asking: whoever called sudo, if that was used. */
static const char *user_name(void)
{
    const char *name = getenv("SUDO_USER");
    const struct passwd *user = name == NULL ? getpwuid(getuid()) : NULL;
    return name != NULL ? name : user != NULL ? user->pw_name : "operator";
}

static void write_body(struct action *action, const char *reason)
{
    if (strcmp(action->word, "pause") != 0) {
        return;
    }
    json_object(&action->body, NULL);
    json_text(&action->body, "by", user_name());
    if (reason != NULL) {
        json_text(&action->body, "reason", reason);
    }
    json_object_end(&action->body);
    json_raw(&action->body, "", 1); /* a NUL */
    action->is_failed |= action->body.is_failed;
}

static void print_result(const struct action *action, const char *name,
                         const struct json_tree *queue)
{
    const char *state = json_tree_text(queue, "state");
    const char *next = json_tree_text(queue, "next");
    if (!action->is_quiet) {
        printf("%s: %s; next: %s\n", name, state != NULL ? state : "?",
               next != NULL ? next : "?");
    }
}

static enum exit_code act(struct action *action, const char *name)
{
    char path[REMOTE_PATH_SIZE];
    char why[HAPLO_TEXT_SIZE_MAX];
    struct json_tree *answer;
    snprintf(path, sizeof path, "/api/v1/queues/%s/%s", name, action->word);
    enum exit_code code =
        remote_ask(action->config, "POST", path, action->body.data, &answer,
                   why, sizeof why);
    if (code == EXIT_CODE_FINE) {
        print_result(action, name, answer);
        json_tree_free(answer);
    } else {
        progress_line_clear(&action->progress);
        log_line(LOG_LEVEL_ERROR, "%s %s: %s", action->word, name, why);
    }
    return code;
}

static enum exit_code act_on_all(struct action *action)
{
    enum exit_code code = EXIT_CODE_FINE;
    progress_line_start(&action->progress, action->is_quiet);
    for (size_t i = 0; i < action->count && code != EXIT_CODE_NOT_RUNNING;
         i++) {
        if (progress_line_is_due(&action->progress)) {
            progress_line_show(&action->progress, "%s: %zu of %zu queues",
                               action->word, i, action->count);
        }
        code = exit_code_worse(code, act(action, action->names[i]));
    }
    progress_line_clear(&action->progress);
    return code;
}

static void action_free(struct action *action)
{
    for (size_t i = 0; i < action->count; i++) {
        free(action->names[i]);
    }
    free(action->names);
    json_writer_free(&action->body);
    config_free(action->config);
}

enum exit_code command_pause(const struct command_options *options)
{
    struct action action = {.word = options->word,
                            .is_quiet = options->is_quiet};
    log_open(options->is_verbose, false);
    enum exit_code code =
        command_load_config(options, CONFIG_RUN, &action.config);
    if (code != EXIT_CODE_FINE) {
        return code;
    }
    write_body(&action, options->reason);
    code = find_all(&action, options);
    if (code == EXIT_CODE_FINE) {
        code = act_on_all(&action);
    }
    action_free(&action);
    return code;
}
