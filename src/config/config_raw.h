/*
 * config_raw.h - the configuration file as libcyaml loads it by the schema
 * that the option table makes: which keys stand where. Their values are
 * still text.
 */
#ifndef DAEMON_CONFIG_RAW_H
#define DAEMON_CONFIG_RAW_H

#include <stddef.h>

#include "config/config_errors.h"
#include "config/config_lines.h"
#include "config/option.h"

/* A sink, a queue, or the defaults. */
struct config_raw_values {
    char *values[OPTION_COUNT]; /* NULL: not given */
};

struct config_raw_server {
    struct config_raw_values own;     /* */
    struct config_raw_values *queues; /* */
    unsigned queues_count;            /* */
};

struct config_raw {
    struct config_raw_values own;       /* of the top level */
    struct config_raw_values *defaults; /* NULL: not given */
    struct config_raw_values *sinks;    /* */
    struct config_raw_server *servers;  /* */
    unsigned sinks_count;               /* */
    unsigned servers_count;             /* */
};

/* 0, or -1 with one error printed: libcyaml stops at the first. */
int config_raw_load(const unsigned char *text, size_t size,
                    const struct config_lines *lines,
                    struct config_errors *errors, struct config_raw **out);

/* NULL is fine. */
void config_raw_free(struct config_raw *raw);

#endif
