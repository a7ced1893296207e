/*
 * command.h - the commands of haplo-poll.
 */
#ifndef DAEMON_COMMAND_H
#define DAEMON_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"

/* Documented in haplo-poll(1): scripts rely on them. */
enum exit_code {
    EXIT_CODE_FINE = 0,       /* success */
    EXIT_CODE_FAILED = 1,     /* a queue, an outlet or the system failed */
    EXIT_CODE_USAGE = 2,      /* command line or configuration */
    EXIT_CODE_IN_USE = 3,     /* another process uses state_dir or an inbox */
    EXIT_CODE_NOT_RUNNING = 4 /* no process runs that could be asked */
};

/* The first of two that is not FINE. */
static inline enum exit_code exit_code_worse(enum exit_code a, enum exit_code b)
{
    return a != EXIT_CODE_FINE ? a : b;
}

#define COMMAND_CONFIG_DEFAULT "/etc/haplo-poll/haplo-poll.yaml"

/* What the command line says. All strings are those of the command line. */
struct command_options {
    const char *word;        /* last word of the command: "list" */
    char *const *arguments;  /* what follows it, then NULL */
    int argument_count;      /* length of arguments; checked: commands.c */
    const char *config_path; /* -c */
    const char *environment; /* --environment, or NULL */
    bool is_verbose;         /* -v: every change of state */
    bool is_quiet;           /* -q: no progress, no table */
    uint64_t max_time_ms;    /* --max-time; 0: no limit */
    const char *owner;       /* --owner, or NULL */
    const char *writer;      /* --writer, or NULL */
    const char *outlet;      /* --outlet, or NULL; see selection.h */
    const char *queue;       /* --queue, or NULL */
    const char *since;       /* --since, or NULL */
    const char *until;       /* --until, or NULL */
    bool is_deep;            /* --deep: as doctor does */
    bool is_strict;          /* --strict: warnings are errors */
    bool is_json;            /* --json: lines of JSON instead of a table */
    bool is_dry_run;         /* --dry-run: only count */
    bool has_new_ids;        /* --new-identity */
    const char *inbox;       /* --inbox, or NULL */
    bool is_all;             /* --all: also what works */
    bool is_watch;           /* --watch: again and again */
    bool is_raw;             /* --raw: the bytes of a message */
    const char *format;      /* --format, or NULL */
    const char *id;          /* --id, or NULL */
    const char *object;      /* --object, or NULL; see purge_command.c */
    const char *pointer;     /* --pointer, or NULL */
    const char *value;       /* --value, or NULL */
    const char *arrival;     /* --arrival, or NULL */
    const char *server;      /* --server, or NULL */
    const char *reason;      /* --reason, or NULL */
    const char *host;        /* --host, or NULL; see host_name.h */
    bool is_undo;            /* --undo: as before */
};

/* The commands of the table in commands.c. Each returns an exit code. Results
 * go to stdout, everything else to stderr. */
enum exit_code command_run(const struct command_options *options);
enum exit_code command_once(const struct command_options *options);
enum exit_code command_check(const struct command_options *options);
enum exit_code command_doctor(const struct command_options *options);
enum exit_code command_explain(const struct command_options *options);
enum exit_code command_peek(const struct command_options *options);
enum exit_code command_outlet(const struct command_options *options);
enum exit_code command_outlet_forget(const struct command_options *options);
enum exit_code command_outlet_test(const struct command_options *options);
enum exit_code command_dead_letters(const struct command_options *options);
enum exit_code command_fleet(const struct command_options *options);
enum exit_code command_drain_host(const struct command_options *options);
enum exit_code command_reload(const struct command_options *options);
enum exit_code command_replay(const struct command_options *options);
enum exit_code command_purge(const struct command_options *options);
enum exit_code command_status(const struct command_options *options);
enum exit_code command_pause(const struct command_options *options);
enum exit_code command_inbox_list(const struct command_options *options);
enum exit_code command_inbox_count(const struct command_options *options);
enum exit_code command_inbox_show(const struct command_options *options);
enum exit_code command_inbox_export(const struct command_options *options);
enum exit_code command_trace(const struct command_options *options);
enum exit_code command_inbox_backup(const struct command_options *options);
enum exit_code command_inbox_move(const struct command_options *options);
enum exit_code command_migrate(const struct command_options *options);
enum exit_code command_version(const struct command_options *options);
enum exit_code command_help(const struct command_options *options);

/* The inbox with this name; NULL: the only one. NULL after the error has been
 * logged. */
const struct config_inbox *command_find_inbox(const struct config *config,
                                              const char *name);

/* Logs that the configuration has no outlet with this name, and which one may
 * have been meant. */
void command_outlet_missing(const struct config *config, const char *name);

/* The program without main(), so that another program can register its own
 * inbox and outlet types first. Returns an exit code. */
int haplo_poll_main(int argc, char **argv);

/* Loads the configuration; or prints its errors, and returns the exit code. */
enum exit_code command_load_config(const struct command_options *options,
                                   enum config_mode mode,
                                   struct config **config);

#endif
