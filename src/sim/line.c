#include "sim/line.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

bool sim_line_fail(struct sim_line *line, const char *what, const char *word)
{
    snprintf(line->result->error, sizeof line->result->error, "%s%s%s", what,
             word == NULL ? "" : " ", word == NULL ? "" : word);
    return false;
}

bool sim_name_is_pattern(const char *name)
{
    return strpbrk(name, "*?[") != NULL;
}

bool sim_name_is_good(const char *name)
{
    if (*name == '\0' || *name == '.' || strlen(name) >= SIM_NAME_SIZE) {
        return false;
    }
    for (; *name != '\0'; name++) {
        if (!isalnum((unsigned char)*name) && strchr("._:-~", *name) == NULL) {
            return false;
        }
    }
    return true;
}

const struct sim_option *sim_line_option(struct sim_line *line, int scopes,
                                         const char *word, const char **value)
{
    size_t size = strcspn(word, "=");
    const struct sim_option *option = sim_option_find(scopes, word, size);
    *value = word[size] == '=' ? word + size + 1 : NULL;
    if (option == NULL) {
        sim_line_fail(line, "unknown word", word);
    }
    return option;
}

bool sim_line_set(struct sim_line *line, int scopes, void *base,
                  const char *word)
{
    const char *value;
    const struct sim_option *option =
        sim_line_option(line, scopes, word, &value);
    return option != NULL &&
           sim_option_set(option, base, value, line->result->error,
                          sizeof line->result->error);
}

bool sim_line_set_from(struct sim_line *line, size_t first, int scopes,
                       void *base)
{
    for (size_t i = first; i < line->count; i++) {
        if (!sim_line_set(line, scopes, base, line->words[i])) {
            return false;
        }
    }
    return true;
}

static bool app_visit(struct sim_line *line, struct sim_app *app,
                      sim_queue_visit_cb visit)
{
    const char *name = line->words[2];
    struct sim_queue *one = sim_app_find_queue(app, name, strlen(name));
    if (one != NULL) {
        return visit(line, one);
    }
    if (!sim_name_is_pattern(name)) {
        return sim_line_fail(line, "no such queue:", name);
    }
    for (size_t i = 0; i < app->queue_count; i++) {
        if (fnmatch(name, app->queues[i]->name, 0) == 0 &&
            !visit(line, app->queues[i])) {
            return false;
        }
    }
    return true;
}

bool sim_line_visit(struct sim_line *line, sim_queue_visit_cb visit)
{
    if (line->count < 3) {
        return sim_line_fail(line, "expected an application and a queue", NULL);
    }
    const char *name = line->words[1];
    struct sim_app *one = sim_world_find_app(line->world, name);
    if (one != NULL) {
        return app_visit(line, one, visit);
    }
    if (!sim_name_is_pattern(name)) {
        return sim_line_fail(line, "no such application:", name);
    }
    for (size_t i = 0; i < line->world->app_count; i++) {
        if (fnmatch(name, line->world->apps[i]->name, 0) == 0 &&
            !app_visit(line, line->world->apps[i], visit)) {
            return false;
        }
    }
    return true;
}

/* Extracts the next word from *at and strips its quotes. */
static char *word_next(char **at)
{
    char *from = *at + strspn(*at, " \t\r");
    char *word = from;
    char *to = from;
    bool quoted = false;
    if (*from == '\0') {
        return NULL;
    }
    if (strncmp(from, "data=", 5) == 0 || strncmp(from, "raw=", 4) == 0) {
        *at = from + strlen(from);
        return word;
    }
    for (; *from != '\0' && (quoted || strchr(" \t\r", *from) == NULL);
         from++) {
        if (*from == '"') {
            quoted = !quoted;
        } else {
            *to++ = *from;
        }
    }
    *at = *from == '\0' ? from : from + 1;
    *to = '\0';
    return word;
}

bool sim_line_split(struct sim_line *line, char *text)
{
    line->count = 0;
    if (text[strspn(text, " \t\r")] == '#') {
        return true;
    }
    for (char *word; (word = word_next(&text)) != NULL;) {
        if (line->count == SIM_WORD_COUNT_MAX) {
            return sim_line_fail(line, "too many words", NULL);
        }
        line->words[line->count++] = word;
    }
    return true;
}
