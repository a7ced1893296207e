#include "daemon/command_line.h"

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "config/units.h"
#include "daemon/commands.h"
#include "daemon/help.h"

#define OPTION_FIRST 256 /* value of the first row; letters are below */

enum value { VALUE_NONE, VALUE_TEXT, VALUE_DURATION };

/* An option without a letter, which only some commands have. */
struct row {
    const char *name;     /* without its dashes */
    const char *argument; /* for help; "": none, sets a bool */
    enum value value;     /* NONE: sets a bool */
    size_t offset;        /* in struct command_options */
    const char *commands; /* which have it: "dead-letters, replay list" */
    const char *help;     /* what it does there */
};

#define AT(field) offsetof(struct command_options, field)

static const struct row rows[] = {
    {"host", "NAME", VALUE_TEXT, AT(host), "run",
     "the name of this host in a fleet, instead of the machine's"},
    {"undo", "", VALUE_NONE, AT(is_undo), "drain-host",
     "give the host its share again"},
    {"max-time", "DURATION", VALUE_DURATION, AT(max_time_ms), "once",
     "end after this time, done or not"},
    {"owner", "CONNINFO", VALUE_TEXT, AT(owner), "migrate, inbox move",
     "connect like this; without a password: put it into a service file or "
     ".pgpass"},
    {"writer", "ROLE", VALUE_TEXT, AT(writer), "migrate",
     "let this role store messages"},
    {"outlet", "OUTLET", VALUE_TEXT, AT(outlet), "dead-letters, replay",
     "of this outlet"},
    {"queue", "SERVER/QUEUE", VALUE_TEXT, AT(queue),
     "dead-letters, replay, purge, inbox count, inbox export",
     "only of these queues; a pattern"},
    {"since", "TIME", VALUE_TEXT, AT(since),
     "dead-letters, replay, purge, inbox count, inbox export",
     "only from this time on"},
    {"until", "TIME", VALUE_TEXT, AT(until),
     "dead-letters, replay, purge, inbox count, inbox export",
     "only before this time"},
    {"deep", "", VALUE_NONE, AT(is_deep), "check",
     "the same as the command doctor"},
    {"strict", "", VALUE_NONE, AT(is_strict), "check, doctor",
     "what is missing on this machine is an error"},
    {"json", "", VALUE_NONE, AT(is_json),
     "check, doctor, dead-letters list, replay list, inbox list, inbox count, "
     "inbox move, trace, status, fleet, explain",
     "print JSON"},
    {"dry-run", "", VALUE_NONE, AT(is_dry_run), "dead-letters, replay, purge",
     "change nothing"},
    {"new-identity", "", VALUE_NONE, AT(has_new_ids),
     "dead-letters replay, replay",
     "for receivers that would recognise the messages and drop them"},
    {"object", "REF", VALUE_TEXT, AT(object), "purge",
     "messages about this object"},
    {"pointer", "POINTER", VALUE_TEXT, AT(pointer), "purge",
     "with --value: messages with this value at a JSON pointer"},
    {"value", "VALUE", VALUE_TEXT, AT(value), "purge",
     "the content of a string, or a number, true or false"},
    {"arrival", "NUMBER", VALUE_TEXT, AT(arrival), "purge", "this message"},
    {"inbox", "INBOX", VALUE_TEXT, AT(inbox),
     "purge, inbox list, inbox count, inbox show, inbox export, trace",
     "only this inbox"},
    {"all", "", VALUE_NONE, AT(is_all), "status",
     "also queues and servers that work"},
    {"watch", "", VALUE_NONE, AT(is_watch), "status",
     "again and again, until q or Ctrl-C"},
    {"raw", "", VALUE_NONE, AT(is_raw), "inbox show",
     "exactly the bytes of the message, and nothing else"},
    {"format", "FORMAT", VALUE_TEXT, AT(format), "inbox export",
     "ndjson (the default) or csv"},
    {"id", "ID", VALUE_TEXT, AT(id), "trace",
     "messages to which the server gave this id; reads the whole inbox"},
    {"server", "SERVER", VALUE_TEXT, AT(server), "purge",
     "only of this server"},
    {"reason", "TEXT", VALUE_TEXT, AT(reason), "purge, pause",
     "stored in place of each message; shown wherever the pause is"},
};

#define ROW_COUNT (sizeof rows / sizeof rows[0])

/* Options that all commands have. */
static const struct option common[] = {
    {"config", required_argument, NULL, 'c'},
    {"environment", required_argument, NULL, 'e'},
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
    case 'e':
        options->environment = optarg;
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

static int check_rows(const bool is_given[ROW_COUNT],
                      const struct command_row *command)
{
    char text[256]; /* fits the longest list of commands */
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (is_given[i] && !commands_among(command, rows[i].commands)) {
            snprintf(text, sizeof text, "--%s is an option of %s, not of ",
                     rows[i].name, rows[i].commands);
            command_line_error(text, command->words);
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

/* The command itself, when all options have been read. */
static enum command_line take_command(struct command_options *options,
                                      int count, char **words,
                                      const bool is_given[ROW_COUNT],
                                      const struct command_row **command)
{
    int word_count;
    *command = commands_find(count, words, &word_count);
    if (*command == NULL || check_rows(is_given, *command) != 0) {
        return COMMAND_LINE_INVALID;
    }
    options->word = words[word_count - 1];
    options->arguments = words + word_count;
    options->argument_count = count - word_count;
    return COMMAND_LINE_COMMAND;
}

enum command_line command_line_read(int argc, char **argv,
                                    struct command_options *options,
                                    const struct command_row **command)
{
    struct option all[COMMON_COUNT + ROW_COUNT + 1];
    bool is_given[ROW_COUNT] = {false};
    int option;
    fill_options(all);
    while ((option = getopt_long(argc, argv, "c:e:vqhV", all, NULL)) != -1) {
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
    if (optind == argc) {
        command_line_error("no command given", "");
        return COMMAND_LINE_INVALID;
    }
    return take_command(options, argc - optind, argv + optind, is_given,
                        command);
}

/* Help */

void command_line_print(FILE *out, const char *word)
{
    char text[256];
    char heading[64];
    if (word == NULL) {
        help_print_row(out, "-c, --config FILE",
                       "the configuration (default: " COMMAND_CONFIG_DEFAULT
                       ")");
        help_print_row(out, "-e, --environment NAME",
                       "what differs in this environment");
        help_print_row(out, "-v, --verbose", "log every change of state");
        help_print_row(out, "-q, --quiet", "once: no progress and no table");
    }
    for (size_t i = 0; i < ROW_COUNT; i++) {
        const struct row *row = &rows[i];
        if (word != NULL && !commands_list_begins(row->commands, word)) {
            continue;
        }
        snprintf(heading, sizeof heading, "    --%s%s%s", row->name,
                 row->argument[0] != '\0' ? " " : "", row->argument);
        snprintf(text, sizeof text, "%s: %s", row->commands, row->help);
        help_print_row(out, heading, text);
    }
    if (word == NULL) {
        help_print_row(out, "-h, --help", "the same as the command help");
        help_print_row(out, "-V, --version", "the same as the command version");
    }
}
