/*
 * config_loading.h - what is known about a configuration file while it is
 * being loaded, in addition to the resulting configuration.
 *
 * The options of a queue are not known while it is being read: its server may
 * have more after the list of queues, and `defaults` may come last. So what a
 * queue (or a server, or defaults) sets itself is kept as its "own options",
 * once for all with the same. At the end, config_resolve.c turns these into
 * settings.
 */
#ifndef CONFIG_CONFIG_LOADING_H
#define CONFIG_CONFIG_LOADING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/name_table.h"
#include "config/codes.h"
#include "config/config.h"
#include "config/config_errors.h"
#include "config/config_events.h"
#include "config/config_options.h"
#include "config/list.h"

/* The settings that result from the own options of a server and a queue. Their
 * texts are its name. */
struct settings_draft {
    char *text;                             /* its name */
    struct config_queue_settings *settings; /* in the configuration */
    bool is_sound;                          /* every value is valid */
    bool is_contradictory;                  /* but they contradict each other */
    bool needs_inbox; /* none selected, but there are several */
};

/* Options of queues that one mapping in the file sets. */
struct own_options {
    char *text;                 /* its name: "INDEX=SIZE:VALUE" for each */
    uint64_t set;               /* bit set of rows in config_queue_rows */
    bool is_sound;              /* every value is valid */
    struct queue_values values; /* values of the rows that are set */
    /* Cache of config_resolve.c: */
    const struct own_options *resolved_of; /* for a server with these */
    struct settings_draft *resolved;       /* the result */
};

/* The location of an API key, and what is wrong with it. */
struct key_draft {
    const struct config_key *key; /* in the configuration */
    enum diagnostic_code code;    /* of that; HP_NONE: nothing */
    char *why;                    /* NULL: nothing, or not read yet */
};

/* The position of an own option of a queue. */
struct own_place {
    uint32_t index;            /* index of its row */
    struct config_place place; /* of its key */
};

struct queue_draft {
    struct config_queue queue; /* name, place and possibly its own key */
    struct own_options *own;   /* its own options; never NULL */
    size_t first_place;        /* index of the first of its own options */
};

struct server_draft {
    struct config_server server;     /* own values, and number of queues */
    size_t first_queue;              /* index of its first queue */
    const struct config_key *key;    /* for queues without their own; or NULL */
    struct own_options *own;         /* own options for its queues */
    uint64_t set;                    /* bit set of rows in config_server_rows */
    bool is_sound;                   /* every value is valid */
    struct config_place tls_place;   /* of tls_key_file, if set */
    struct config_place inbox_place; /* of the value of inbox, if set */
};

struct outlet_draft {
    struct config_outlet outlet;     /* everything except its inbox */
    const char *inbox;               /* name of its inbox; NULL: the only one */
    struct config_place inbox_place; /* of the value of inbox */
    struct config_place *queue_places; /* of each of its patterns */
};

/* All of this is freed when the file has been loaded. */
struct config_loading {
    struct config *config;        /* being filled */
    struct config_events *events; /* of the file being read; or NULL */
    struct list file_ids;         /* of the configuration's files */
    bool is_read;                 /* all of these, whatever is wrong in them */
    struct config_events *failed; /* owned; of the file that is not YAML, which
                                     is the only error; or NULL */
    struct config_errors errors;  /* found so far */
    bool has_no_memory;           /* memory ran out: the only error */
    bool is_outage;               /* the error is not one of the file */
    struct arena arena;           /* memory for drafts */

    /* Of config_environment.c: */
    bool is_first_reading;    /* only of the environments */
    bool has_environment;     /* the one that is selected is defined */
    struct list environments; /* their names; of the reading */
    struct list overrides;    /* of the selected one */
    size_t override_first;    /* the first one of the environment being read */
    struct list changes;      /* struct config_override_change */
    struct list old_keys;     /* struct config_place; of the server's queues */

    struct config_place state_dir_place;   /* of its key */
    const char *fleet_inbox;               /* name in `fleet`; NULL: none */
    struct config_place fleet_inbox_place; /* of that value */

    struct list pairs;   /* struct config_pair, of all open mappings */
    struct list inboxes; /* struct config_inbox */
    struct list outlets; /* struct outlet_draft */
    struct list servers; /* struct server_draft */
    struct list queues;  /* struct queue_draft, of all servers */
    struct list places;  /* struct own_place, of all queues */

    struct haplo_server_options server_defaults; /* in `defaults` */
    uint64_t server_defaults_set;             /* rows of config_server_rows */
    struct own_options *queue_defaults;       /* the same for queues */
    struct config_place defaults_inbox_place; /* of the value of inbox in it */
    bool has_bad_defaults;                    /* a value is invalid */

    struct own_options
        *nothing_own;              /* for mappings that set nothing; or NULL */
    struct name_table own_options; /* struct own_options by text */
    /* struct key_draft by name, of each kind; those of one file: */
    struct name_table keys[CONFIG_KEY_COMMAND + 1];
    size_t keys_file;           /* index of that file */
    struct name_table settings; /* struct settings_draft by text */

    /* Once everything has been read: */
    struct haplo_server_options server_base; /* what servers inherit */
    struct queue_values queue_base;          /* what queues inherit */
    struct name_table server_names;          /* struct config_server */
    struct name_table *queue_names; /* struct config_queue, of each server */
    struct name_table paths;        /* of state_dir, inboxes and outlets */
};

/* Adds a file to those of the configuration. Borrows path for its lifetime. 0
 * or -1. */
int config_file_add(struct config_loading *loading, const char *path,
                    struct config_place included_at);

/* Memory ran out: ends reading. Returns -1. */
int config_loading_no_memory(struct config_loading *loading);

/* Called at the end of the mapping of each section (config_inboxes.c,
 * config_servers.c, config_admin.c, config_fleet.c), and for a server also at
 * its beginning; for `admin` and `fleet`, which may be missing, at that of the
 * file. */
struct config_mapping;
void config_admin_begin(struct config_loading *loading);
void config_admin_take(const struct config_mapping *mapping);
void config_fleet_begin(struct config_loading *loading);
void config_fleet_take(const struct config_mapping *mapping);
void config_top_take(const struct config_mapping *mapping);
void config_inbox_take(const struct config_mapping *mapping);
void config_outlet_take(const struct config_mapping *mapping);
void config_defaults_take(const struct config_mapping *mapping);
void config_queue_take(const struct config_mapping *mapping);
void config_server_begin(struct config_mapping *mapping);
void config_server_take(const struct config_mapping *mapping);

/* Reads a whole file, which is the main one or an included one (config_read.c).
 */
void config_read(struct config_loading *loading, enum config_level level);

/* Creates the configuration from the drafts (config_resolve.c). */
void config_resolve(struct config_loading *loading);

/* Takes out what has problems (config_hold.c). */
void config_hold(struct config_loading *loading);

#endif
