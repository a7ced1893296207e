/*
 * Runs script lines. For each line:
 *   - line.c splits it into words.
 *   - The first word is the verb. Names follow, then words of the form
 *     NAME=VALUE from the option table.
 *   - A name with *, ? or [ stands for all existing objects that match.
 *
 * The first error stops the script and names its line; lines before it stay in
 * effect.
 */
#include "sim/script.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim/line.h"
#include "sim/memory.h"
#include "sim/options.h"

static void app_cascade(struct sim_app *app, const struct sim_option *option,
                        const char *value)
{
    char error[8];
    sim_option_set(option, &app->settings, value, error, sizeof error);
    for (size_t i = 0; i < app->queue_count; i++) {
        sim_option_set(option, &app->queues[i]->settings, value, error,
                       sizeof error);
    }
}

static bool run_set(struct sim_line *line)
{
    for (size_t i = 1; i < line->count; i++) {
        const char *value;
        const struct sim_option *option =
            sim_line_option(line, SIM_SCOPE_SETTINGS, line->words[i], &value);
        if (option == NULL ||
            !sim_line_set(line, SIM_SCOPE_SETTINGS, &line->world->settings,
                          line->words[i])) {
            return false;
        }
        for (size_t j = 0; !option->fixed && j < line->world->app_count; j++) {
            app_cascade(line->world->apps[j], option, value);
        }
    }
    return true;
}

static bool app_create(struct sim_line *line, const char *name)
{
    struct sim_settings settings = line->world->settings;
    if (!sim_name_is_good(name)) {
        return sim_line_fail(line, "invalid name:", name);
    }
    if (!sim_line_set_from(line, 2, SIM_SCOPE_APP | SIM_SCOPE_QUEUE,
                           &settings)) {
        return false;
    }
    struct sim_app *server = sim_world_find_app(line->world, settings.port);
    if (!isdigit((unsigned char)settings.port[0]) && server == NULL) {
        return sim_line_fail(line, "port: no such application:", settings.port);
    }
    if (server != NULL && strcmp(settings.host, server->settings.host) == 0) {
        return sim_line_fail(line,
                             "applications that share a port need different"
                             " host names: host=NAME",
                             NULL);
    }
    struct sim_app *app = sim_world_add_app(line->world, name, &settings);
    if (server != NULL) {
        app->server = server->server;
        app->settings.tls = app->server->settings.tls;
    }
    return true;
}

static bool app_change(struct sim_line *line, struct sim_app *app)
{
    for (size_t i = 2; i < line->count; i++) {
        const char *value;
        const struct sim_option *option = sim_line_option(
            line, SIM_SCOPE_APP | SIM_SCOPE_QUEUE, line->words[i], &value);
        if (option == NULL) {
            return false;
        }
        if (option->fixed) {
            return sim_line_fail(line,
                                 "can be set only when an application is"
                                 " created:",
                                 option->name);
        }
        if (!sim_option_set(option, &app->settings, value, line->result->error,
                            sizeof line->result->error)) {
            return false;
        }
        app_cascade(app, option, value);
    }
    return true;
}

static bool run_app(struct sim_line *line)
{
    const char *name = line->count > 1 ? line->words[1] : "";
    struct sim_app *found = sim_world_find_app(line->world, name);
    if (found == NULL && !sim_name_is_pattern(name)) {
        return app_create(line, name);
    }
    for (size_t i = 0; i < line->world->app_count; i++) {
        struct sim_app *app = line->world->apps[i];
        if (fnmatch(name, app->name, 0) == 0 && !app_change(line, app)) {
            return false;
        }
    }
    return true;
}

static bool queue_change(struct sim_line *line, struct sim_queue *queue)
{
    for (size_t i = 3; i < line->count; i++) {
        const char *value;
        const struct sim_option *option =
            sim_line_option(line, SIM_SCOPE_QUEUE, line->words[i], &value);
        if (option == NULL) {
            return false;
        }
        if (option->fixed) {
            return sim_line_fail(
                line, "can be set only when a queue is created:", option->name);
        }
        if (!sim_option_set(option, &queue->settings, value,
                            line->result->error, sizeof line->result->error)) {
            return false;
        }
    }
    return true;
}

static bool run_queue(struct sim_line *line)
{
    struct sim_app *app = line->count < 3
                              ? NULL
                              : sim_world_find_app(line->world, line->words[1]);
    const char *name = line->count < 3 ? "" : line->words[2];
    if (app == NULL || sim_name_is_pattern(name) ||
        sim_app_find_queue(app, name, strlen(name)) != NULL) {
        return sim_line_visit(line, queue_change);
    }
    struct sim_settings settings = app->settings;
    if (!sim_name_is_good(name)) {
        return sim_line_fail(line, "invalid name:", name);
    }
    if (!sim_line_set_from(line, 3, SIM_SCOPE_QUEUE, &settings)) {
        return false;
    }
    sim_app_add_queue(app, name, &settings);
    return true;
}

/* Replaces a key, in its file too, and revokes the old one. */
static bool key_replace(struct sim_line *line, struct sim_app *app,
                        struct sim_queue *queue, struct sim_key **key,
                        const struct sim_key_words *words)
{
    const char *text = words->text[0] == '\0' ? NULL : words->text;
    if (text != NULL && strlen(text) > SIM_KEY_TEXT_MAX) {
        return sim_line_fail(line, "text: key too long", NULL);
    }
    struct sim_key *made = sim_app_add_key(app, queue, text);
    if (made == NULL) {
        return sim_line_fail(line, "text: this key is in use already", NULL);
    }
    (*key)->status = SIM_KEY_REVOKED;
    made->status = words->status;
    made->stored = !words->store;
    *key = made;
    return true;
}

static bool key_change(struct sim_line *line, struct sim_app *app,
                       struct sim_queue *queue, struct sim_key **key)
{
    struct sim_key_words words = {0};
    sim_options_default(SIM_SCOPE_KEY, &words);
    words.status = (*key)->status;
    if (!sim_line_set_from(line, 3, SIM_SCOPE_KEY, &words)) {
        return false;
    }
    if (words.rotate || words.text[0] != '\0') {
        return key_replace(line, app, queue, key, &words);
    }
    (*key)->status = words.status;
    return true;
}

static bool queue_key(struct sim_line *line, struct sim_queue *queue)
{
    return key_change(line, queue->app, queue, &queue->key);
}

static bool run_key(struct sim_line *line)
{
    if (line->count < 3 || strcmp(line->words[2], "-") != 0) {
        return sim_line_visit(line, queue_key);
    }
    struct sim_app *app = sim_world_find_app(line->world, line->words[1]);
    if (app == NULL) {
        return sim_line_fail(line, "no such application:", line->words[1]);
    }
    return key_change(line, app, NULL, &app->wide_key);
}

static bool date_parse(struct sim_line *line, const char *text, int64_t *date_s)
{
    struct tm tm = {0};
    *date_s = -1;
    if (*text == '\0') {
        return true;
    }
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    if (end == NULL || *end != '\0') {
        return sim_line_fail(line, "date: expected 2019-02-15T10:32:01Z, not",
                             text);
    }
    *date_s = timegm(&tm);
    return true;
}

static bool queue_message(struct sim_line *line, struct sim_queue *queue)
{
    struct sim_message_words words = {0};
    sim_options_default(SIM_SCOPE_MESSAGE, &words);
    char *last = line->words[line->count - 1];
    bool data = line->count > 3 && strncmp(last, "data=", 5) == 0;
    bool raw = line->count > 3 && strncmp(last, "raw=", 4) == 0;
    int64_t date_s;
    line->count -= data || raw;
    bool good = sim_line_set_from(line, 3, SIM_SCOPE_MESSAGE, &words);
    line->count += data || raw;
    if (!good || !date_parse(line, words.date, &date_s)) {
        return false;
    }
    struct sim_app *app = queue->app;
    if (raw) {
        sim_app_add_raw(app, queue, date_s, last + 4, strlen(last + 4));
    } else if (!data) {
        sim_app_generate(app, queue, words.count, date_s);
    } else if (sim_app_add_message(app, queue, date_s, last + 5,
                                   strlen(last + 5)) == NULL) {
        return sim_line_fail(line, "data: invalid JSON:", last + 5);
    }
    line->result->count += data || raw ? 1 : words.count;
    line->result->message_last = app->message_count;
    return true;
}

static bool run_message(struct sim_line *line)
{
    return sim_line_visit(line, queue_message);
}

static bool unsend(struct sim_line *line, struct sim_message *message)
{
    struct sim_queue *queue = message->queue;
    if (!sim_queue_unsend(queue, message)) {
        return false;
    }
    line->result->count++;
    sim_eventlog_add(&line->world->log,
                     (struct sim_event){.time_ms = line->world->now_ms,
                                        .app = queue->app->name,
                                        .queue = queue->name,
                                        .verb = "unsend",
                                        .count = 1,
                                        .unread = queue->unread_count,
                                        .message_id = message->id},
                     NULL, 0);
    return true;
}

static bool queue_unsend(struct sim_line *line, struct sim_queue *queue)
{
    if (line->count == 4 && strcmp(line->words[3], "all") == 0) {
        for (size_t i = 0; i < queue->message_count; i++) {
            unsend(line, queue->messages[i]);
        }
        return true;
    }
    for (size_t i = 3; i < line->count; i++) {
        char *end;
        uint64_t id = strtoull(line->words[i], &end, 10);
        struct sim_message *message = sim_app_find_message(queue->app, id);
        if (*end != '\0' || message == NULL || message->queue != queue) {
            return sim_line_fail(
                line, "no such message in the queue:", line->words[i]);
        }
        unsend(line, message);
    }
    return line->count > 3 ||
           sim_line_fail(line, "expected message ids, or all", NULL);
}

static bool run_unsend(struct sim_line *line)
{
    return sim_line_visit(line, queue_unsend);
}

static bool run_fault(struct sim_line *line)
{
    struct sim_fault fault = {.kind = -1};
    sim_options_default(SIM_SCOPE_FAULT, &fault);
    if (!sim_line_set_from(line, 1, SIM_SCOPE_FAULT, &fault)) {
        return false;
    }
    if (fault.kind < 0) {
        return sim_line_fail(line, "missing do=KIND", NULL);
    }
    fault.start_ms = line->world->now_ms;
    line->result->fault_id = sim_faults_add(&line->world->faults, fault);
    return true;
}

static bool run_clear(struct sim_line *line)
{
    const char *what = line->count > 1 ? line->words[1] : "";
    struct sim_world *world = line->world;
    if (strcmp(what, "faults") == 0 && line->count == 2) {
        return sim_faults_remove(&world->faults, 0);
    }
    if (strcmp(what, "fault") == 0 && line->count == 3) {
        uint64_t id = strtoull(line->words[2], NULL, 10);
        return (id > 0 && sim_faults_remove(&world->faults, id)) ||
               sim_line_fail(line, "no such fault:", line->words[2]);
    }
    if (strcmp(what, "events") == 0) {
        sim_eventlog_clear(&world->log);
        return true;
    }
    if (strcmp(what, "throttle") == 0) {
        for (size_t i = 0; i < world->app_count; i++) {
            world->apps[i]->throttle.count = 0;
        }
        return true;
    }
    return sim_line_fail(line, "expected faults, fault ID, events or throttle",
                         NULL);
}

struct verb {
    const char *name;
    const char *usage; /* words after the verb */
    const char *help;
    bool (*run)(struct sim_line *line); /* runs the line; false: it failed */
};

static const struct verb verbs[] = {
    {"set", "WORD=VALUE...", "change defaults and all existing objects",
     run_set},
    {"app", "NAME [WORD=VALUE...]", "create or change an application", run_app},
    {"queue", "APP NAME [WORD=VALUE...]", "create or change a queue",
     run_queue},
    {"key", "APP QUEUE|- [WORD=VALUE...]",
     "change a queue's key, or (-) the wide key", run_key},
    {"message", "APP QUEUE [WORD=VALUE...] [data=JSON | raw=BYTES]",
     "add messages", run_message},
    {"unsend", "APP QUEUE all|ID...", "make marked messages unread again",
     run_unsend},
    {"fault", "do=KIND [WORD=VALUE...]", "plant a fault", run_fault},
    {"clear", "faults | fault ID | events | throttle", "remove or reset these",
     run_clear},
};

void sim_script_help(FILE *to)
{
    fputs("Script lines:\n", to);
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        fprintf(to, "  %s %s\n        %s\n", verbs[i].name, verbs[i].usage,
                verbs[i].help);
    }
}

static bool line_run(struct sim_line *line, char *text)
{
    if (!sim_line_split(line, text)) {
        return false;
    }
    if (line->count == 0) {
        return true;
    }
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(verbs[i].name, line->words[0]) == 0) {
            return verbs[i].run(line);
        }
    }
    return sim_line_fail(line, "unknown verb", line->words[0]);
}

bool sim_script_run(struct sim_world *world, const char *text, size_t size,
                    struct sim_script_result *result)
{
    struct sim_line line = {.world = world, .result = result};
    const char *end = text + size;
    *result = (struct sim_script_result){0};
    while (text < end) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        stop = stop == NULL ? end : stop;
        char *copy = sim_copy(text, (size_t)(stop - text));
        result->line++;
        bool good = line_run(&line, copy);
        free(copy);
        if (!good) {
            return false;
        }
        text = stop + 1;
    }
    return true;
}
