/*
 * config.h - the configuration file, loaded, checked and resolved: every value
 * stands in the struct where it is used, its default filled in, paths relative
 * to the file's folder.
 *
 * A million queues are possible, so a queue is small here: queues with equal
 * options share them, queues with the same key share where it is. API keys
 * are not part of it: it says where a key is; api_key.h reads it.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "config/arena.h"
#include "haplopoll.h"
#include "inbox/inbox.h"
#include "outlets/forwarder.h"
#include "outlets/outlet.h"

#define CONFIG_FILE_SIZE_MAX 268435456 /* some 5 million queues */

/* Where something stands in the file; both counted from 1. */
struct config_place {
    uint32_t line;   /* 0: nowhere */
    uint32_t column; /* in characters */
};

enum config_key_kind { CONFIG_KEY_FILE, CONFIG_KEY_ENV, CONFIG_KEY_CREDENTIAL };

/* Where an API key is; shared by all queues that have it from there. */
struct config_key {
    enum config_key_kind kind; /* what name is the name of */
    const char *name;          /* as in the file: path, variable, credential */
    const char *path;          /* the file to read; NULL with ENV, and with
                                  CREDENTIAL where systemd gave no folder */
};

struct config_inbox {
    const char *name;              /* unique among the inboxes */
    const struct inbox_type *type; /* its kind of database */
    void *options;                 /* what the type's options filled */
    struct config_place place;     /* of its definition */
};

struct config_outlet {
    const struct config_inbox *inbox; /* that it forwards from */
    struct forwarder_options forward; /* complete: name, type, queues ... */
    struct config_place place;        /* of its definition */
};

/* What many queues have in common. */
struct config_queue_settings {
    struct haplo_queue_options options; /* without name, api_key, state, data
                                           and callbacks */
    const struct config_inbox *inbox;   /* where its messages are stored */
};

struct config_queue {
    const char *name;                             /* unique in its server */
    const struct config_server *server;           /* that it belongs to */
    const struct config_queue_settings *settings; /* shared */
    const struct config_key *key;                 /* shared */
    struct config_place place;                    /* of its definition */
};

struct config_server {
    struct haplo_server_options options; /* all but data and failed logins */
    struct config_queue *queues; /* at least one; part of the config's */
    size_t queue_count;          /* length of queues */
    struct config_place place;   /* of its definition */
};

struct config {
    const char *path;              /* of the file, as given */
    const char *state_dir;         /* resolved */
    unsigned in_flight_max;        /* requests at once, all servers */
    size_t undelivered_bytes_max;  /* bodies held, by the poller and by each
                                      inbox */
    struct config_inbox *inboxes;  /* at least one */
    size_t inbox_count;            /* length of inboxes */
    struct config_outlet *outlets; /* maybe none */
    size_t outlet_count;           /* length of outlets */
    struct config_server *servers; /* at least one */
    size_t server_count;           /* length of servers */
    struct config_queue *queues;   /* of all servers; each has a part of it */
    size_t queue_count;            /* length of queues */
    struct arena arena;            /* owns strings and shared structs */
};

/*
 * Loads and checks the file. Returns 0 and sets *out, to be freed with
 * config_free(); or the number of errors, *out is NULL, and one line each is
 * on `errors`: "FILE:LINE:COLUMN: what is wrong: what to do"; from the 21st on
 * they are only counted. Borrows path while the config lives. Reads each API
 * key once to check it, and keeps none.
 */
int config_load(const char *path, FILE *errors, struct config **out);

/* NULL is fine. */
void config_free(struct config *config);

/* Fill what the library is to be told. The strings are borrowed from the
 * configuration. The caller adds data; for a queue api_key, state and the
 * callbacks too. */
void config_poller_options(const struct config *config,
                           struct haplo_poller_options *options);
void config_server_options(const struct config_server *server,
                           struct haplo_server_options *options);
void config_queue_options(const struct config_queue *queue,
                          struct haplo_queue_options *options);

/* The inbox called by that name, or NULL. */
const struct config_inbox *config_inbox_find(const struct config *config,
                                             const char *name);

/* Prints what would run: a line for each queue, and where its key is; then one
 * for each inbox and outlet. */
void config_print(const struct config *config, FILE *file);

#endif
