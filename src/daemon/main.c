/*
 * main.c - the command line of haplo-poll.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/standard_streams.h"
#include "config/option_print.h"
#include "daemon/command.h"
#include "daemon/command_line.h"
#include "daemon/limits.h"
#include "daemon/log.h"
#include "daemon/output.h"
#include "haplopoll.h"
#include "outlets/outlet.h"

#define CONFIG_PATH_DEFAULT "/etc/haplo-poll/haplo-poll.yaml"

static const char help_text[] =
    "usage: haplo-poll [OPTIONS] COMMAND\n"
    "\n"
    "Collects messages from many Haplo message queues, and forwards them.\n"
    "\n"
    "Commands:\n"
    "  run                 poll until SIGTERM or SIGINT\n"
    "  once                store and forward what is in all queues now, then\n"
    "                      exit\n"
    "  check               check the configuration, print what would run\n"
    "  peek SERVER/QUEUE   fetch one batch and show it; never marks it\n"
    "  outlet retry|skip|dead-letter OUTLET SERVER/QUEUE\n"
    "                      release a queue that its first message blocks\n"
    "  outlet test OUTLET  send a test message through an outlet\n"
    "  outlet forget OUTLET [INBOX]\n"
    "                      remove what is stored of an outlet that is not\n"
    "                      configured any more\n"
    "  dead-letters list|show|replay|purge [ARRIVAL]\n"
    "                      what outlets have refused: list it, show one\n"
    "                      message, send it again, or forget it\n"
    "  replay --outlet OUTLET --since TIME\n"
    "                      send messages to an outlet again\n"
    "  replay list|stop [NUMBER]\n"
    "                      show replays, or stop one\n"
    "  purge --object REF  erase messages about an object, and all copies "
    "that\n"
    "                      the inbox has of them\n"
    "  inbox backup [INBOX] FILE\n"
    "                      copy an inbox, even while it is in use\n"
    "  migrate [INBOX]     create or upgrade the tables of an inbox in a\n"
    "                      PostgreSQL database\n"
    "  version             print the version, and the types of inboxes and\n"
    "                      outlets in this build\n"
    "  help [config]       print this, or all options of the configuration\n"
    "\n"
    "Options:\n"
    "  -c, --config FILE   the configuration (default:\n"
    "                      " CONFIG_PATH_DEFAULT ")\n"
    "  -v, --verbose       log every change of state\n"
    "  -q, --quiet         once: no progress and no table\n"
    "      --max-time DURATION\n"
    "                      once: end after this time, done or not\n"
    "      --owner CONNINFO\n"
    "                      migrate: connect like this; without a password:\n"
    "                      put it into a service file or .pgpass\n"
    "      --writer ROLE   migrate: let this role store messages\n"
    "      --outlet OUTLET dead-letters, replay: of this outlet\n"
    "      --queue SERVER/QUEUE, --since TIME, --until TIME\n"
    "                      dead-letters, replay, purge: only these messages;\n"
    "                      TIME is a date in UTC, or how long ago it was, "
    "such\n"
    "                      as 2h\n"
    "      --dry-run       dead-letters, replay, purge: change nothing\n"
    "      --new-identity  dead-letters, replay: for receivers that would\n"
    "                      recognise the messages and drop them\n"
    "      --json          dead-letters, replay: list as lines of JSON\n"
    "      --object REF, --pointer POINTER --value VALUE, --arrival NUMBER\n"
    "                      purge: messages about this object, with this value\n"
    "                      at a JSON pointer, or this message\n"
    "      --inbox INBOX, --server SERVER\n"
    "                      purge: in this inbox, of this server\n"
    "      --reason TEXT   purge: stored in place of each message\n"
    "  -h, --help          the same as the command help\n"
    "  -V, --version       the same as the command version\n"
    "\n"
    "Exit codes: 0 success; 1 a queue, an outlet or the system failed; 2 the\n"
    "command line or the configuration is invalid; 3 the state directory or\n"
    "an inbox is in use.\n"
    "\n"
    "See haplo-poll(1), which names the other manual pages.\n";

static enum exit_code command_help(int argc, char **argv)
{
    if (argc == 0) {
        fputs(help_text, stdout);
        return EXIT_CODE_FINE;
    }
    if (argc == 1 && strcmp(argv[0], "config") == 0) {
        option_print_help(stdout);
        return EXIT_CODE_FINE;
    }
    return command_line_error("no help available for ", argv[0]);
}

static enum exit_code command_version(void)
{
    printf("haplo-poll %s\ninboxes:", haplo_version());
    for (size_t i = 0; inbox_type_at(i) != NULL; i++) {
        printf(" %s", inbox_type_at(i)->name);
    }
    printf("\noutlets:");
    for (size_t i = 0; outlet_type_at(i) != NULL; i++) {
        printf(" %s", outlet_type_at(i)->name);
    }
    printf("\n");
    return EXIT_CODE_FINE;
}

static enum exit_code dispatch_peek(const struct command_options *options,
                                    int argc, char **argv)
{
    if (argc != 2) {
        return command_line_error("peek takes one name, SERVER/QUEUE", "");
    }
    return command_peek(options, argv[1]);
}

static enum exit_code dispatch_outlet(const struct command_options *options,
                                      int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "test") == 0) {
        return command_outlet_test(options, argv[2]);
    }
    if ((argc == 3 || argc == 4) && strcmp(argv[1], "forget") == 0) {
        return command_outlet_forget(options, argv[2],
                                     argc == 4 ? argv[3] : NULL);
    }
    if (argc != 4) {
        return command_line_error(
            "outlet takes retry, skip or dead-letter, the name "
            "of an outlet, and SERVER/QUEUE; or test or forget "
            "and the name of an outlet",
            "");
    }
    const char *const words[3] = {argv[1], argv[2], argv[3]};
    return command_outlet(options, words);
}

static enum exit_code dispatch_inbox(const struct command_options *options,
                                     int argc, char **argv)
{
    if (argc < 3 || argc > 4 || strcmp(argv[1], "backup") != 0) {
        return command_line_error(
            "inbox takes backup, the name of an inbox if there "
            "are several, and a file",
            "");
    }
    return command_inbox_backup(options, argc == 4 ? argv[2] : NULL,
                                argv[argc - 1]);
}

static enum exit_code dispatch_migrate(const struct command_options *options,
                                       int argc, char **argv)
{
    if (argc > 2) {
        return command_line_error(
            "migrate takes the name of an inbox, if there are "
            "several",
            "");
    }
    return command_migrate(options, argc == 2 ? argv[1] : NULL);
}

static enum exit_code dispatch(const struct command_options *options, int argc,
                               char **argv)
{
    const char *name = argv[0];
    if (strcmp(name, "help") == 0) {
        return command_help(argc - 1, argv + 1);
    }
    if (strcmp(name, "migrate") == 0) {
        return dispatch_migrate(options, argc, argv);
    }
    if (strcmp(name, "peek") == 0) {
        return dispatch_peek(options, argc, argv);
    }
    if (strcmp(name, "outlet") == 0) {
        return dispatch_outlet(options, argc, argv);
    }
    if (strcmp(name, "inbox") == 0) {
        return dispatch_inbox(options, argc, argv);
    }
    if (strcmp(name, "dead-letters") == 0) {
        return command_dead_letters(options, argc - 1,
                                    (const char *const *)argv + 1);
    }
    if (strcmp(name, "purge") == 0) {
        return command_purge(options, argc - 1);
    }
    if (strcmp(name, "replay") == 0) {
        return command_replay(options, argc - 1, (const char *const *)argv + 1);
    }
    if (argc > 1) {
        return command_line_error("unexpected argument: ", argv[1]);
    }
    if (strcmp(name, "run") == 0) {
        return command_run(options);
    }
    if (strcmp(name, "once") == 0) {
        return command_once(options);
    }
    if (strcmp(name, "check") == 0) {
        return command_check(options);
    }
    if (strcmp(name, "version") == 0) {
        return command_version();
    }
    return command_line_error("unknown command ", name);
}

/* Does what the command line asks for. */
static enum exit_code run_command_line(int argc, char **argv)
{
    struct command_options options = {.config_path = CONFIG_PATH_DEFAULT};
    int first = 0;
    switch (command_line_read(argc, argv, &options, &first)) {
    case COMMAND_LINE_HELP:
        return command_help(0, NULL);
    case COMMAND_LINE_VERSION:
        return command_version();
    case COMMAND_LINE_INVALID:
        return EXIT_CODE_USAGE;
    case COMMAND_LINE_COMMAND:
        break;
    }
    limits_prepare();
    return dispatch(&options, argc - first, argv + first);
}

int haplo_poll_main(int argc, char **argv)
{
    if (standard_streams_open() != 0) {
        return EXIT_CODE_FAILED; /* there is nowhere to say why */
    }
    enum exit_code code = run_command_line(argc, argv);
    if (output_flush() != 0 && code == EXIT_CODE_FINE) {
        code = EXIT_CODE_FAILED;
    }
    log_close();
    return (int)code;
}
