#include "daemon/text/diagnostic.h"

#include <inttypes.h>

#include "config/catalogue.h"
#include "daemon/text/source_reader.h"

/* For people */

static void print_place(const struct config_errors *errors,
                        struct config_place place, FILE *out)
{
    fprintf(out, "%s", config_errors_path(errors, place));
    if (place.line > 0) {
        fprintf(out, ":%" PRIu32 ":%u", place.line, place.column);
    }
}

static void print_excerpt(const struct config_errors *errors,
                          const struct config_error *error,
                          struct source_reader *reader,
                          const struct terminal *terminal)
{
    struct source_excerpt excerpt;
    struct config_place place = error->place;
    if (place.line == 0 ||
        !source_reader_excerpt(reader, config_errors_path(errors, place),
                               place.line, place.column, &excerpt)) {
        return;
    }
    fprintf(terminal->out, "%5" PRIu32 " | %s\n", place.line, excerpt.line);
    fprintf(terminal->out, "%5s | %s%s%s\n", "",
            terminal_begin(terminal, TERMINAL_GOOD), excerpt.marks,
            terminal_end(terminal, TERMINAL_GOOD));
}

/* Where the file was included, and where that file was. */
static void print_chain(const struct config_errors *errors,
                        struct config_place place, FILE *out)
{
    while (place.file > 0 && place.file < errors->file_count) {
        place = errors->files[place.file].included_at;
        fputs("        included from ", out);
        print_place(errors, place, out);
        fputc('\n', out);
    }
}

static void print_error(const struct config_errors *errors,
                        const struct config_error *error,
                        struct source_reader *reader,
                        const struct terminal *terminal)
{
    char code[CODE_TEXT_SIZE];
    enum terminal_style style =
        error->is_warning ? TERMINAL_WARNING : TERMINAL_BAD;
    fputs(terminal_begin(terminal, TERMINAL_HEADING), terminal->out);
    print_place(errors, error->place, terminal->out);
    fprintf(terminal->out, ":%s %s%s:%s %s [%s]\n",
            terminal_end(terminal, TERMINAL_HEADING),
            terminal_begin(terminal, style),
            error->is_warning ? "warning" : "error",
            terminal_end(terminal, style),
            error->text != NULL ? error->text : "out of memory",
            code_format(error->code, code));
    print_excerpt(errors, error, reader, terminal);
    print_chain(errors, error->place, terminal->out);
}

static void print_count(int count, const char *what, FILE *out)
{
    fprintf(out, "%d %s%s", count, what, count == 1 ? "" : "s");
}

/* The first error, or else the first warning. */
static enum diagnostic_code first_code(const struct config_errors *errors)
{
    for (int i = 0; i < errors->listed; i++) {
        if (!errors->list[i].is_warning) {
            return errors->list[i].code;
        }
    }
    return errors->list[0].code;
}

/* "haplo-poll.yaml: 30 errors, of which 20 are shown, and 1 warning; ..." */
static void print_total(const struct config_errors *errors, FILE *out)
{
    char code[CODE_TEXT_SIZE];
    fprintf(out, "%s: ", errors->path);
    if (errors->count > 0) {
        print_count(errors->count, "error", out);
    }
    if (errors->count > CONFIG_ERRORS_MAX) {
        fprintf(out, ", of which %d are shown", CONFIG_ERRORS_MAX);
    }
    if (errors->warning_count > 0) {
        fputs(errors->count > 0 ? ", " : "", out);
        print_count(errors->warning_count, "warning", out);
    }
    if (errors->warning_count > CONFIG_WARNINGS_MAX) {
        fprintf(out, ", of which %d are shown", CONFIG_WARNINGS_MAX);
    }
    fprintf(out, "; see `haplo-poll explain %s`\n",
            code_format(first_code(errors), code));
}

void diagnostics_print(const struct config_errors *errors,
                       const struct terminal *terminal)
{
    struct source_reader reader = {0};
    for (int i = 0; i < errors->listed; i++) {
        print_error(errors, &errors->list[i], &reader, terminal);
    }
    source_reader_close(&reader);
    if (errors->listed > 0) {
        print_total(errors, terminal->out);
    }
}

/* For scripts */

static void write_place(const struct config_errors *errors,
                        struct config_place place, struct json_writer *json)
{
    json_text(json, "file", config_errors_path(errors, place));
    if (place.line > 0) {
        json_count(json, "line", place.line);
        json_count(json, "column", place.column);
    }
}

static void write_error(const struct config_errors *errors,
                        const struct config_error *error,
                        struct json_writer *json)
{
    char code[CODE_TEXT_SIZE];
    struct config_place place = error->place;
    json_object(json, NULL);
    json_text(json, "severity", error->is_warning ? "warning" : "error");
    json_text(json, "code", code_format(error->code, code));
    write_place(errors, place, json);
    json_text(json, "text",
              error->text != NULL ? error->text : "out of memory");
    json_array(json, "included_from");
    while (place.file > 0 && place.file < errors->file_count) {
        place = errors->files[place.file].included_at;
        json_object(json, NULL);
        write_place(errors, place, json);
        json_object_end(json);
    }
    json_array_end(json);
    json_object_end(json);
}

void diagnostics_write(const struct config_errors *errors,
                       struct json_writer *json)
{
    json_object(json, NULL);
    json_count(json, "errors", (uint64_t)errors->count);
    json_count(json, "warnings", (uint64_t)errors->warning_count);
    json_array(json, "diagnostics");
    for (int i = 0; i < errors->listed; i++) {
        write_error(errors, &errors->list[i], json);
    }
    json_array_end(json);
    json_object_end(json);
}
