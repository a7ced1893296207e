/*
 * options.h - one table of every word that can be set: it drives the command
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
    SIM_SCOPE_SERVER = 2,   /* struct sim_settings from here ... */
    SIM_SCOPE_APP = 4,      /* */
    SIM_SCOPE_QUEUE = 8,    /* ... to here */
    SIM_SCOPE_KEY = 16,     /* struct sim_key_words */
    SIM_SCOPE_MESSAGE = 32, /* struct sim_message_words */
    SIM_SCOPE_FAULT = 64,   /* struct sim_fault */
    SIM_SCOPE_SETTINGS = SIM_SCOPE_SERVER | SIM_SCOPE_APP | SIM_SCOPE_QUEUE,
};

enum sim_type {
    SIM_TYPE_YES,      /* bool: yes, no, or nothing for yes */
    SIM_TYPE_COUNT,    /* uint64_t */
    SIM_TYPE_BYTES,    /* uint64_t: 10, 64k, 2m */
    SIM_TYPE_SIGNED,   /* int64_t */
    SIM_TYPE_DURATION, /* int64_t ms: 20, 20ms, 2s, 5m */
    SIM_TYPE_RATE,     /* double per second: 5, 5/s, 30/min */
    SIM_TYPE_REAL,     /* double */
    SIM_TYPE_TEXT,     /* char array */
    SIM_TYPE_CHOICE,   /* int: index of the word in choices */
};

struct sim_option {
    enum sim_scope scope;     /* one of them */
    enum sim_type type;       /* */
    const char *name;         /* with hyphens */
    size_t offset;            /* in the struct of the scope */
    size_t size;              /* of a char array */
    double min, max;          /* of a number */
    const char *default_text; /* as one would write it; NULL: zero */
    const char *choices;      /* "good|expired" */
    const char *help;         /* */
    bool fixed;               /* only when the object is made */
};

struct sim_command {
    uint64_t apps;               /* app1 ... appN */
    char dir[PATH_MAX];          /* */
    char control[128];           /* address:port */
    char write_config[PATH_MAX]; /* */
    char script[PATH_MAX];       /* */
    bool until_stdin_closes;     /* */
    bool one_port;               /* all applications share the first port */
    uint64_t events;             /* kept in the log */
};

struct sim_key_words {
    int status;     /* enum sim_key_status */
    char text[256]; /* "": made up */
    bool rotate;    /* a new key; the old one is revoked */
    bool store;     /* rewrite the key file */
};

struct sim_message_words {
    uint64_t count; /* of generated ones */
    char date[32];  /* "": the queue's next */
};

const struct sim_option *sim_option_find(int scopes, const char *name,
                                         size_t size);

/* The index-th row, NULL past the last. */
const struct sim_option *sim_option_at(size_t index);

/* Sets a member of base; false and a message in error otherwise. value NULL
 * stands for a bare word. */
bool sim_option_set(const struct sim_option *option, void *base,
                    const char *value, char *error, size_t error_size);

/* Sets all members of these scopes to their defaults. */
void sim_options_default(int scopes, void *base);

void sim_options_help(FILE *to);

#endif
