/*
 * config_rows.c - the options of the top level and of environments, and those
 * that all inboxes and all outlets share.
 */
#include "config/config.h"
#include "config/config_options.h"

#define HOUR 3600000ull
#define KIB 1024ull
#define GIB (UINT64_C(1) << 30)

#define IN_CONFIG(member) .offset = offsetof(struct config, member)

static const struct option_row top_rows[] = {
    {
        .name = "state_dir",
        .value = OPTION_FOLDER,
        IN_CONFIG(state_dir),
        .help = "The folder for what must survive a restart, apart from the "
                "inboxes. It is created if it does not exist. Only one process "
                "at a time may use it.",
    },
    {
        .name = "in_flight_max",
        .value = OPTION_COUNT_32,
        .min = 1,
        .max = 10000,
        .fallback = "256",
        IN_CONFIG(in_flight_max),
        .help = "The maximum number of concurrent requests to all servers.",
    },
    {
        .name = "undelivered_max",
        .value = OPTION_SIZE,
        .min = KIB,
        .max = 64 * GIB,
        .fallback = "256M",
        IN_CONFIG(undelivered_bytes_max),
        .help = "No queue is fetched while messages that are fetched but not "
                "yet stored exceed this size. The limit also holds for each "
                "inbox: an inbox that cannot store holds up only its own "
                "queues.",
    },
    {
        .name = "api_key_command_timeout",
        .value = OPTION_DURATION,
        .min = 1,
        .max = HOUR,
        .fallback = "30s",
        IN_CONFIG(api_key_command_timeout_ms),
        .help =
            "Time limit of one run of an api_key_command. It is ended after "
            "that, and run again later.",
    },
    {
        .name = "drain_timeout",
        .value = OPTION_DURATION,
        .min = 1,
        .max = HOUR,
        .fallback = "30s",
        IN_CONFIG(drain_timeout_ms),
        .help = "When the process is stopped, it fetches nothing more, and has "
                "this long to store and mark outstanding batches and to finish "
                "what outlets have in flight. What is left then is not lost: "
                "the next run gets it again. The service manager must wait "
                "longer: see TimeoutStopSec in systemd.service(5). Queues and "
                "outlets that a reload changes or removes have as long.",
    },
    {
        .name = "log_format",
        .value = OPTION_CHOICE,
        .choices = "text logfmt json",
        .fallback = "text",
        IN_CONFIG(log_format),
        .help = "How `run` writes log lines: text for people; logfmt or json "
                "for programs, with fields such as server, queue, class and "
                "count, which the text says as well.",
    },
    {
        .name = "admin",
        .value = OPTION_GROUP,
        .fallback = "a socket in state_dir",
        .word = "mapping",
        .help = "Where the running process can be observed and controlled.",
    },
    {
        .name = "coordination",
        .value = OPTION_CHOICE,
        .choices = "none postgres",
        .fallback = "none",
        IN_CONFIG(fleet.coordination),
        .help = "With postgres, several hosts that have this same file share "
                "the servers: each is polled by one of them, and another one "
                "replaces a host that fails. All inboxes must be of the type "
                "postgres. See haplo-poll(1), run --host.",
    },
    {
        .name = "fleet",
        .value = OPTION_GROUP,
        .fallback = "30s, and hosts that are alike",
        .word = "mapping",
        .help = "How these hosts share the servers.",
    },
    {
        .name = "inbox",
        .value = OPTION_REFERENCE,
        .fallback = "see inboxes",
        .word = "path",
        .help = "The file of the only inbox. It is short for an entry of "
                "inboxes that is named inbox, has the type sqlite and this "
                "path.",
    },
    {
        .name = "defaults",
        .value = OPTION_GROUP,
        .fallback = "nothing",
        .word = "mapping",
        .help = "Values for all servers and queues that do not set their own.",
    },
    {
        .name = "environments",
        .value = OPTION_GROUP,
        .fallback = "nothing",
        .word = "list",
        .help = "The list of environments, such as test: names for what "
                "differs between installations. See Environments in "
                "haplo-poll.yaml(5).",
    },
    /* From here on also in included files. */
    {
        .name = "include",
        .value = OPTION_GROUP,
        .fallback = "nothing",
        .word = "list of patterns",
        .help = "Further files, whose inboxes, outlets and servers belong to "
                "the configuration as well: a path or a pattern, or a list of "
                "them, relative to the folder of this file. See Several files "
                "in haplo-poll.yaml(5).",
    },
    {
        .name = "inboxes",
        .value = OPTION_GROUP,
        .fallback = "see inbox",
        .word = "list",
        .help = "The list of inboxes, where there is not exactly one SQLite "
                "file. Messages are stored in an inbox before they are marked "
                "on the server.",
    },
    {
        .name = "outlets",
        .value = OPTION_GROUP,
        .fallback = "nothing",
        .word = "list",
        .help = "The list of outlets: destinations that stored messages are "
                "forwarded to.",
    },
    {
        .name = "servers",
        .value = OPTION_GROUP,
        .word = "list",
        .help = "The list of servers to poll.",
    },
};
const struct option_table config_top_rows = OPTION_TABLE(top_rows);

#define INCLUDED_COUNT 4
const struct option_table config_included_rows = {
    top_rows + sizeof top_rows / sizeof top_rows[0] - INCLUDED_COUNT,
    INCLUDED_COUNT};

static const struct option_row environment_rows[] = {
    {
        .name = "name",
        .value = OPTION_REFERENCE,
        .word = "name",
        .help = "The name that selects it: haplo-poll --environment NAME. It "
                "must be unique among the environments.",
    },
    {
        .name = "state_dir",
        .value = OPTION_REFERENCE,
        .fallback = "as without it",
        .word = "path",
        .help = "The state directory in this environment. It remembers the "
                "name, and no other environment can use it.",
    },
    {
        .name = "inbox",
        .value = OPTION_REFERENCE,
        .fallback = "as without it",
        .word = "path",
        .help = "The file of the only inbox in this environment, likewise.",
    },
    {
        .name = "inboxes",
        .value = OPTION_GROUP,
        .fallback = "as without it",
        .word = "list",
        .help = "Options of inboxes that are different, each entry with the "
                "name of an inbox.",
    },
    {
        .name = "outlets",
        .value = OPTION_GROUP,
        .fallback = "as without it",
        .word = "list",
        .help = "Options of outlets that are different, likewise.",
    },
    {
        .name = "servers",
        .value = OPTION_GROUP,
        .fallback = "as without it",
        .word = "list",
        .help = "Options of servers that are different, likewise, and under "
                "queues those of their queues. With another url, keys must be "
                "given, too.",
    },
};
const struct option_table config_environment_rows =
    OPTION_TABLE(environment_rows);

static const struct option_row inbox_rows[] = {
    {
        .name = "name",
        .value = OPTION_REFERENCE,
        .word = "name",
        .help = "The name by which queues and outlets select the inbox. It "
                "must be unique among the inboxes.",
    },
    {
        .name = "type",
        .value = OPTION_REFERENCE,
        .word = "type",
        .help = "The kind of database. The options of each type are listed "
                "below.",
    },
};
const struct option_table config_inbox_rows = OPTION_TABLE(inbox_rows);

static const struct option_row outlet_rows[] = {
    {
        .name = "name",
        .value = OPTION_REFERENCE,
        .word = "name",
        .help = "The outlet's name. It must be unique among the outlets. The "
                "inbox keeps the outlet's progress under this name: under a "
                "new name it starts at the oldest message.",
    },
    {
        .name = "type",
        .value = OPTION_REFERENCE,
        .word = "type",
        .help = "The kind of destination. The options of each type are listed "
                "below.",
    },
    {
        .name = "inbox",
        .value = OPTION_REFERENCE,
        .fallback = "the only inbox",
        .word = "name",
        .help = "The inbox to forward from. It may be omitted if there is "
                "exactly one.",
    },
    {
        .name = "queues",
        .value = OPTION_TEXT_LIST,
        .fallback = "all",
        .word = "list of patterns",
        .help = "The queues whose messages are forwarded, as SERVER/QUEUE. In "
                "both names * stands for any text, ? for any character and "
                "[...] for one of a set. A pattern must match at least one "
                "queue of the file.",
    },
    {
        .name = "when",
        .value = OPTION_GROUP,
        .fallback = "all",
        .word = "list of rules",
        .help = "The messages that are forwarded: a list of alternatives, or "
                "one. Each is a mapping from JSON pointers to values, all of "
                "which must match: {/action: \"object:change\", "
                "/object/type/code: [\"std:type:*\"]}. See Routes in "
                "haplo-poll.yaml(5).",
    },
};
const struct option_table config_outlet_rows = OPTION_TABLE(outlet_rows);
