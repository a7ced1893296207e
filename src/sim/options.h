/*
 * options.h - every word that can be set, in one table. It drives the command
 * line, the script lines and --help.
 */
#ifndef SIM_OPTIONS_H
#define SIM_OPTIONS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum sim_scope {
    SIM_SCOPE_COMMAND = 1,  /* struct sim_command: command line only */
    SIM_SCOPE_SERVER = 2,   /* struct sim_settings: simulator part */
    SIM_SCOPE_APP = 4,      /* struct sim_settings: application part */
    SIM_SCOPE_QUEUE = 8,    /* struct sim_settings: queue part */
    SIM_SCOPE_KEY = 16,     /* struct sim_key_words */
    SIM_SCOPE_MESSAGE = 32, /* struct sim_message_words */
    SIM_SCOPE_FAULT = 64,   /* struct sim_fault */
    SIM_SCOPE_SETTINGS = SIM_SCOPE_SERVER | SIM_SCOPE_APP | SIM_SCOPE_QUEUE,
};

enum sim_type {
    SIM_TYPE_YES,      /* bool: yes or no; a bare word means yes */
    SIM_TYPE_COUNT,    /* uint64_t */
    SIM_TYPE_BYTES,    /* uint64_t: 10, 64k, 2m */
    SIM_TYPE_SIGNED,   /* int64_t */
    SIM_TYPE_DURATION, /* int64_t ms: 20, 20ms, 2s, 5m */
    SIM_TYPE_RATE,     /* double per second: 5, 5/s, 30/min */
    SIM_TYPE_REAL,     /* double */
    SIM_TYPE_TEXT,     /* char array */
    SIM_TYPE_CHOICE,   /* int: index into choices */
};

struct sim_option {
    enum sim_scope scope;     /* exactly one */
    enum sim_type type;       /* of the member */
    const char *name;         /* as written, with hyphens */
    size_t offset;            /* of the member in the struct of the scope */
    size_t size;              /* of a char array */
    double min, max;          /* of a number */
    const char *default_text; /* as a user would write it; NULL: zero */
    const char *choices;      /* such as "good|expired" */
    const char *help;         /* one line for --help */
    bool fixed;               /* can be set only at creation */
};

struct sim_command {
    uint64_t apps;               /* how many to create: app1 ... appN */
    char dir[PATH_MAX];          /* "": write no files */
    char control[128];           /* address:port */
    char write_config[PATH_MAX]; /* "": write none */
    char script[PATH_MAX];       /* "-": standard input; "": none */
    bool until_stdin_closes;     /* stop when it does */
    bool one_port;               /* all applications share the first port */
    uint64_t events;             /* newest events to keep */
};

struct sim_key_words {
    int status;     /* enum sim_key_status */
    char text[256]; /* "": generate one */
    bool rotate;    /* a new key; the old one is revoked */
    bool store;     /* rewrite the key file */
};

struct sim_message_words {
    uint64_t count; /* messages to generate */
    char date[32];  /* "": the next date of the queue */
};

const struct sim_option *sim_option_find(int scopes, const char *name,
                                         size_t size);

/* The row at index; NULL past the last. */
const struct sim_option *sim_option_at(size_t index);

/* Sets a member of base. value NULL stands for a bare word. Returns false and
 * sets error if the value is invalid. */
bool sim_option_set(const struct sim_option *option, void *base,
                    const char *value, char *error, size_t error_size);

/* Sets all members of these scopes to their defaults. */
void sim_options_default(int scopes, void *base);

void sim_options_help(FILE *to);

#endif
