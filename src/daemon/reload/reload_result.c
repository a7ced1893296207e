#include "daemon/reload/reload_result.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/reason.h"
#include "daemon/gather/gather_holds.h"
#include "daemon/text/diagnostic.h"

#define LINE_SIZE_MAX 1024
#define DIGEST_SHOWN 12 /* characters of a digest, enough to tell two apart */
#define REST_SIZE 40    /* room for "and N more" */

void reload_lines_add(struct reload_lines *lines, const char *format, ...)
{
    char line[LINE_SIZE_MAX];
    va_list arguments;
    if (lines->count++ >= RELOAD_LINE_COUNT_MAX) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    reason_clean(line);
    char *copy = strdup(line);
    if (copy != NULL) {
        lines->lines[lines->line_count++] = copy;
    }
}

static void lines_clear(struct reload_lines *lines)
{
    for (size_t i = 0; i < lines->line_count; i++) {
        free(lines->lines[i]);
    }
    *lines = (struct reload_lines){.count = 0};
}

static struct reload_lines *lines_of(struct reload_result *result,
                                     enum config_change_kind kind)
{
    return kind == CONFIG_ADDED     ? &result->added
           : kind == CONFIG_REMOVED ? &result->removed
                                    : &result->changed;
}

/* Hosts and tokens are those of the newest configuration at once. */
static bool needs_start(const char *admin_options)
{
    static const char *const names[] = {"socket", "listen", "allow_remote"};
    for (size_t i = 0; i < 3; i++) {
        if (strstr(admin_options, names[i]) != NULL) {
            return true;
        }
    }
    return false;
}

void reload_result_take_diff(struct reload_result *result,
                             const struct config_diff *diff)
{
    if (diff->top.size > 0) {
        reload_lines_add(&result->changed, "top level: %s", diff->top.text);
    }
    if (diff->admin.size > 0) {
        reload_lines_add(&result->changed, "admin: %s%s", diff->admin.text,
                         needs_start(diff->admin.text)
                             ? ": where it listens changes at the next start"
                             : "");
    }
    for (size_t i = 0; i < diff->count; i++) {
        const struct config_change *change = &diff->changes[i];
        reload_lines_add(lines_of(result, change->kind), "%s %s%s%s%s%s",
                         config_part_name(change->part),
                         change->server != NULL ? change->server : "",
                         change->server != NULL ? "/" : "", change->name,
                         change->what[0] != '\0' ? ": " : "", change->what);
    }
}

void reload_result_take_errors(struct reload_result *result,
                               const struct config_errors *errors)
{
    char *text = NULL;
    char *rest = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    if (file == NULL) {
        return;
    }
    diagnostics_print(errors, &(struct terminal){.out = file});
    if (fclose(file) == 0) {
        for (char *line = strtok_r(text, "\n", &rest); line != NULL;
             line = strtok_r(NULL, "\n", &rest)) {
            reload_lines_add(&result->errors, "%s", line);
        }
    }
    free(text);
}

static void on_wait(void *data, const char *line)
{
    struct reload_lines *lines = data;
    reload_lines_add(lines, "%s", line);
}

void reload_result_take_waiting(struct reload_result *result,
                                const struct reload_changes *changes)
{
    lines_clear(&result->waiting);
    reload_changes_tell(changes, RELOAD_LINE_COUNT_MAX, on_wait,
                        &result->waiting);
    result->waiting.count = reload_changes_count(changes);
}

/* All queues of a server that is at fault have one cause between them. */
void reload_result_take_held(struct reload_result *result,
                             const struct gather *gather)
{
    const struct gather_hold *hold;
    const char *told = NULL;
    TAILQ_FOREACH (hold, &gather->holds, link) {
        if (!hold->is_expected && hold->why != told) {
            reload_lines_add(&result->held, "%s", hold->why);
        }
        told = hold->why;
    }
}

/* Text that grows up to a limit. */
struct writer {
    char *text;     /* borrowed */
    size_t size;    /* bytes in it */
    size_t limit;   /* at most, with the NUL */
    char separator; /* between lines */
};

static bool write_line(struct writer *writer, const char *label,
                       const char *line, size_t reserve)
{
    size_t room = writer->limit - writer->size;
    if (strlen(label) + strlen(line) + 2 + reserve > room) {
        return false;
    }
    int size = snprintf(writer->text + writer->size, room, "%.*s%s%s",
                        writer->size > 0, &writer->separator, label, line);
    writer->size += size > 0 ? (size_t)size : 0;
    return true;
}

static void write_lines(struct writer *writer, const char *label,
                        const struct reload_lines *lines)
{
    char rest[REST_SIZE];
    size_t count = 0;
    while (count < lines->line_count &&
           write_line(writer, label, lines->lines[count], 5 * sizeof rest)) {
        count++;
    }
    if (count < lines->count) {
        snprintf(rest, sizeof rest, "%sand %zu more", label,
                 lines->count - count);
        (void)write_line(writer, "", rest, 0);
    }
}

static void count_print(char *text, size_t text_size, const char *word,
                        size_t count)
{
    size_t size = strlen(text);
    if (count > 0) {
        snprintf(text + size, text_size - size, ", %s: %zu", word, count);
    }
}

void reload_result_summary(const struct reload_result *result, char *text,
                           size_t text_size)
{
    snprintf(text, text_size, "generation %u, digest %.*s", result->generation,
             DIGEST_SHOWN, result->digest);
    if (!result->is_accepted) {
        return;
    }
    count_print(text, text_size, "added", result->added.count);
    count_print(text, text_size, "changed", result->changed.count);
    count_print(text, text_size, "removed", result->removed.count);
    count_print(text, text_size, "waiting", result->waiting.count);
    count_print(text, text_size, "held", result->held.count);
    if (result->added.count + result->changed.count + result->removed.count ==
        0) {
        size_t size = strlen(text);
        snprintf(text + size, text_size - size, ", nothing has changed");
    }
}

void reload_result_print(const struct reload_result *result, char separator,
                         char *text, size_t text_size)
{
    struct writer writer = {text, 0, text_size, separator};
    char line[HAPLO_TEXT_SIZE_MAX];
    text[0] = '\0';
    if (!result->is_accepted) {
        write_lines(&writer, "", &result->errors);
    }
    reload_result_summary(result, line, sizeof line);
    (void)write_line(&writer,
                     result->is_accepted
                         ? ""
                         : "rejected: nothing has changed; still at work: ",
                     line, 0);
    write_lines(&writer, "added: ", &result->added);
    write_lines(&writer, "changed: ", &result->changed);
    write_lines(&writer, "removed: ", &result->removed);
    write_lines(&writer, "waiting: ", &result->waiting);
    write_lines(&writer, "held: ", &result->held);
}

void reload_result_free(struct reload_result *result)
{
    lines_clear(&result->added);
    lines_clear(&result->changed);
    lines_clear(&result->removed);
    lines_clear(&result->waiting);
    lines_clear(&result->held);
    lines_clear(&result->errors);
}
