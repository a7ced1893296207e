/*
 * config.h - the configuration file, loaded, checked and resolved: every
 * value stands in the struct where it is used, its defaults filled in, its
 * paths relative to the file's folder.
 *
 * API keys are not part of it: it says where a key is; api_key.h reads it.
 */
#ifndef DAEMON_CONFIG_H
#define DAEMON_CONFIG_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "haplopoll.h"

#define CONFIG_FILE_SIZE_MAX 16777216 /* some 100,000 queues */

struct config_raw; /* the file as libcyaml loaded it */

enum config_key_kind {
    CONFIG_KEY_NONE,
    CONFIG_KEY_FILE,
    CONFIG_KEY_ENV,
    CONFIG_KEY_CREDENTIAL
};

/* Where an API key is. */
struct config_key {
    enum config_key_kind kind; /* NONE never leaves config_load() */
    const char *name;          /* as in the file: path, variable, credential */
    const char *path;          /* the file to read; NULL with ENV */
};

struct config_sink {
    const char *name; /* unique among the sinks */
    const char *type; /* one of sink_types.h */
    const char *path; /* resolved */
    int line;         /* of its definition */
};

struct config_queue {
    struct haplo_queue_options options; /* without api_key, epoch, callbacks */
    const struct config_server *server; /* that it belongs to */
    const struct config_sink *sink;     /* where its messages go */
    struct config_key key;              /* where its API key is */
    int line;                           /* of its definition */
};

struct config_server {
    struct haplo_server_options options; /* all but data */
    struct config_queue *queues;         /* at least one */
    size_t queue_count;                  /* */
    int line;                            /* of its definition */
};

struct config {
    const char *path;              /* of the file, as given */
    const char *state_dir;         /* resolved */
    unsigned in_flight_max;        /* requests at once, all servers */
    size_t undelivered_bytes_max;  /* of bodies held, all servers */
    struct config_sink *sinks;     /* at least one */
    size_t sink_count;             /* */
    struct config_server *servers; /* at least one */
    size_t server_count;           /* */
    size_t queue_count;            /* of all servers */
    struct config_raw *raw;        /* owns the strings */
    struct config_string *strings; /* owns the resolved paths */
};

/*
 * Loads and checks the file. Returns 0 and sets *out, to be freed with
 * config_free(); or the number of errors, *out is NULL, and one line each is
 * on `errors`: "FILE:LINE: what is wrong: what to do"; from the 21st on
 * they are only counted. Borrows path while the config lives. Reads each API
 * key to check it, and keeps none.
 */
int config_load(const char *path, FILE *errors, struct config **out);

/* NULL is fine. */
void config_free(struct config *config);

/* Fill what the library is to be told. The strings are borrowed from the
 * configuration. The caller adds data; for a queue api_key, epoch and the
 * callbacks too. */
void config_poller_options(const struct config *config,
                           struct haplo_poller_options *options);
void config_server_options(const struct config_server *server,
                           struct haplo_server_options *options);
void config_queue_options(const struct config_queue *queue,
                          struct haplo_queue_options *options);

/* Prints what would run: a line for each queue, and where its key is. */
void config_print(const struct config *config, FILE *file);

#endif
