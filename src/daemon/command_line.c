#include "daemon/command_line.h"

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "config/units.h"

#define OPTION_FIRST 256 /* value of the first row; letters are below */

enum value { VALUE_NONE, VALUE_TEXT, VALUE_DURATION };

/* An option without a letter, which only some commands have. */
struct row {
    const char *name;     /* without its dashes */
    enum value value;     /* NONE: sets a bool */
    size_t offset;        /* in struct command_options */
    const char *commands; /* which have it: "dead-letters, replay" */
};

#define AT(field) offsetof(struct command_options, field)

static const struct row rows[] = {
    {"max-time", VALUE_DURATION, AT(max_time_ms), "once"},
    {"owner", VALUE_TEXT, AT(owner), "migrate"},
    {"writer", VALUE_TEXT, AT(writer), "migrate"},
    {"outlet", VALUE_TEXT, AT(outlet), "dead-letters, replay"},
    {"queue", VALUE_TEXT, AT(queue), "dead-letters, replay, purge"},
    {"since", VALUE_TEXT, AT(since), "dead-letters, replay, purge"},
    {"until", VALUE_TEXT, AT(until), "dead-letters, replay, purge"},
    {"json", VALUE_NONE, AT(is_json), "dead-letters, replay"},
    {"dry-run", VALUE_NONE, AT(is_dry_run), "dead-letters, replay, purge"},
    {"new-identity", VALUE_NONE, AT(has_new_ids), "dead-letters, replay"},
    {"inbox", VALUE_TEXT, AT(inbox), "purge"},
    {"object", VALUE_TEXT, AT(object), "purge"},
    {"pointer", VALUE_TEXT, AT(pointer), "purge"},
    {"value", VALUE_TEXT, AT(value), "purge"},
    {"arrival", VALUE_TEXT, AT(arrival), "purge"},
    {"server", VALUE_TEXT, AT(server), "purge"},
    {"reason", VALUE_TEXT, AT(reason), "purge"},
};

#define ROW_COUNT (sizeof rows / sizeof rows[0])

/* Options that all commands have. */
static const struct option common[] = {
    {"config", required_argument, NULL, 'c'},
    {"verbose", no_argument, NULL, 'v'},
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
};

#define COMMON_COUNT (sizeof common / sizeof common[0])

enum exit_code command_line_error(const char *what, const char *detail)
{
    fprintf(stderr, "haplo-poll: %s%s: see `haplo-poll help`\n", what, detail);
    return EXIT_CODE_USAGE;
}

/* One value */

static int read_duration(const struct row *row, const char *text, uint64_t *ms)
{
    char what[128];
    if (duration_parse(text, ms) == 0 && *ms != 0 && *ms <= HAPLO_WAIT_MS_MAX) {
        return 0;
    }
    snprintf(what, sizeof what,
             "--%s takes a duration, such as " UNITS_DURATION_EXAMPLES ", not ",
             row->name);
    command_line_error(what, text);
    return -1;
}

/* Returns 0, or -1 after printing the error. */
static int take_row(struct command_options *options, const struct row *row,
                    const char *text)
{
    char *field = (char *)options + row->offset;
    switch (row->value) {
    case VALUE_NONE:
        *(bool *)field = true;
        return 0;
    case VALUE_TEXT:
        memcpy(field, &text, sizeof text);
        return 0;
    case VALUE_DURATION:
        break;
    }
    uint64_t ms;
    if (read_duration(row, text, &ms) != 0) {
        return -1;
    }
    memcpy(field, &ms, sizeof ms);
    return 0;
}

static enum command_line take_letter(struct command_options *options,
                                     int letter)
{
    switch (letter) {
    case 'c':
        options->config_path = optarg;
        return COMMAND_LINE_COMMAND;
    case 'v':
        options->is_verbose = true;
        return COMMAND_LINE_COMMAND;
    case 'q':
        options->is_quiet = true;
        return COMMAND_LINE_COMMAND;
    case 'h':
        return COMMAND_LINE_HELP;
    case 'V':
        return COMMAND_LINE_VERSION;
    default:
        return COMMAND_LINE_INVALID; /* getopt_long() has printed the error */
    }
}

/* Which command has which option */

static bool is_among(const char *command, const char *commands)
{
    size_t size = strlen(command);
    for (const char *at = commands; at != NULL;
         at = strchr(at, ' '), at = at != NULL ? at + 1 : NULL) {
        if (strcspn(at, ",") == size && strncmp(at, command, size) == 0) {
            return true;
        }
    }
    return false;
}

static int check_rows(const bool is_given[ROW_COUNT], const char *command)
{
    char text[128];
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (is_given[i] && !is_among(command, rows[i].commands)) {
            snprintf(text, sizeof text, "--%s is an option of %s, not of ",
                     rows[i].name, rows[i].commands);
            command_line_error(text, command);
            return -1;
        }
    }
    return 0;
}

/* The command line */

static void fill_options(struct option all[COMMON_COUNT + ROW_COUNT + 1])
{
    memcpy(all, common, sizeof common);
    for (size_t i = 0; i < ROW_COUNT; i++) {
        all[COMMON_COUNT + i] = (struct option){
            .name = rows[i].name,
            .has_arg =
                rows[i].value == VALUE_NONE ? no_argument : required_argument,
            .val = OPTION_FIRST + (int)i,
        };
    }
    all[COMMON_COUNT + ROW_COUNT] = (struct option){0};
}

enum command_line command_line_read(int argc, char **argv,
                                    struct command_options *options, int *first)
{
    struct option all[COMMON_COUNT + ROW_COUNT + 1];
    bool is_given[ROW_COUNT] = {false};
    int option;
    fill_options(all);
    while ((option = getopt_long(argc, argv, "c:vqhV", all, NULL)) != -1) {
        enum command_line result = COMMAND_LINE_COMMAND;
        if (option < OPTION_FIRST) {
            result = take_letter(options, option);
        } else {
            size_t row = (size_t)(option - OPTION_FIRST);
            is_given[row] = true;
            if (take_row(options, &rows[row], optarg) != 0) {
                result = COMMAND_LINE_INVALID;
            }
        }
        if (result != COMMAND_LINE_COMMAND) {
            return result;
        }
    }
    *first = optind;
    if (optind == argc) {
        command_line_error("no command given", "");
        return COMMAND_LINE_INVALID;
    }
    return check_rows(is_given, argv[optind]) == 0 ? COMMAND_LINE_COMMAND
                                                   : COMMAND_LINE_INVALID;
}
