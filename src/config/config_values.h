/*
 * config_values.h - gives the structs of the configuration their values:
 * first the defaults of the option table, then, from the outside in, what the
 * mappings of the file say.
 */
#ifndef DAEMON_CONFIG_VALUES_H
#define DAEMON_CONFIG_VALUES_H

#include "config/config.h"
#include "config/config_errors.h"
#include "config/config_lines.h"
#include "config/config_raw.h"

#define CONFIG_WHERE_SIZE (2 * CONFIG_SHOW_SIZE + 16)

/* What the reading of one file needs throughout. */
struct config_reading {
    struct config *config;            /* that is being filled */
    const struct config_lines *lines; /* */
    struct config_errors *errors;     /* */
    void *sinks;                      /* tsearch tree of them, by name */
};

/* One mapping of the file. */
struct config_mapping {
    struct config_reading *reading;      /* */
    const struct config_raw_values *raw; /* its values */
    enum option_level level;             /* */
    int node;                            /* */
    char where[CONFIG_WHERE_SIZE];       /* "server example: " */
};

/* Where values go, by the home of their option; NULL where none can come. */
struct config_targets {
    struct config_sink *sink;     /* */
    struct config_server *server; /* */
    struct config_queue *queue;   /* */
};

/* The default of each option that has one. */
void config_values_default(struct config_reading *reading,
                           const struct config_targets *targets);

/* What the mapping gives; also finds what it lacks, and tries its API key. 0,
 * or -1 if anything was wrong. */
int config_values_apply(const struct config_mapping *mapping,
                        const struct config_targets *targets);

/* What no single mapping can tell, once a server or a queue has all its
 * values: the mapping is its own. Values that were wrong (is_sound is false)
 * are not compared with each other. */
void config_server_check(const struct config_mapping *mapping,
                         const struct config_server *server);
void config_queue_check(const struct config_mapping *mapping,
                        const struct config_queue *queue, bool is_sound);

/* Prints an error at the line of the mapping's key, or at the line where the
 * mapping begins if it has no such key or key is NULL. Returns -1. */
int config_mapping_fail(const struct config_mapping *mapping, const char *key,
                        const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
