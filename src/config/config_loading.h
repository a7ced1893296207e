/*
 * config_loading.h - what is known of a configuration file while it is being
 * loaded, besides the configuration that comes of it.
 *
 * A queue does not know its options while it is read: its server may say more
 * behind the list of queues, and `defaults` may come last. So what a queue (or
 * a server, or defaults) says itself is kept as its "own options", once for
 * all that say the same; config_resolve.c makes settings of them at the end.
 */
#ifndef CONFIG_CONFIG_LOADING_H
#define CONFIG_CONFIG_LOADING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/name_table.h"
#include "config/config.h"
#include "config/config_errors.h"
#include "config/config_events.h"
#include "config/config_options.h"
#include "config/list.h"

/* Settings that queues get from the same own options; the text of these, of
 * the server's and the queue's, is its name. */
struct settings_draft {
    char *text;                             /* its name */
    struct config_queue_settings *settings; /* the config's */
    bool is_sound;                          /* each value is possible */
    bool is_contradictory;                  /* but not together */
    bool needs_inbox; /* none is chosen, and there are several */
};

/* Options of queues as one mapping of the file sets them. */
struct own_options {
    char *text;                 /* "INDEX=SIZE:VALUE" of each: its name */
    uint64_t set;               /* which rows of queue_options, by index */
    bool is_sound;              /* each value is possible */
    struct queue_values values; /* of the rows that are set */
    /* what config_resolve.c found last */
    const struct own_options *resolved_of; /* for a server with these */
    struct settings_draft *resolved;       /* the result */
};

/* Where an API key is, and what was wrong with it. */
struct key_draft {
    const struct config_key *key; /* the config's; found by its name */
    char *why;                    /* NULL: it was read, and is one */
};

/* Where an own option of a queue stands. */
struct own_place {
    uint32_t index;            /* of its row */
    struct config_place place; /* of its key */
};

struct queue_draft {
    struct config_queue queue; /* name, place, and maybe its own key */
    struct own_options *own;   /* what it says itself; never NULL */
    size_t first_place;        /* of its own options, as many as are set */
};

struct server_draft {
    struct config_server server;     /* own values; queues are counted */
    size_t first_queue;              /* of its queues, in the list of all */
    const struct config_key *key;    /* of queues without their own; or NULL */
    struct own_options *own;         /* what it says for its queues */
    uint64_t set;                    /* rows of server_options */
    bool is_sound;                   /* each of its values is possible */
    struct config_place url_place;   /* of its key */
    struct config_place tls_place;   /* of tls_key_file, if set */
    struct config_place inbox_place; /* of the key inbox, if set */
};

struct outlet_draft {
    struct config_outlet outlet;      /* all but its inbox */
    const char *inbox;                /* the name of it; NULL: the only one */
    struct config_place inbox_place;  /* of that key */
    struct config_place queues_place; /* of its patterns */
};

/* Everything here is freed when the file is loaded. */
struct config_loading {
    struct config *config;        /* that is being filled */
    struct config_events *events; /* the file */
    struct config_errors errors;  /* found so far */
    bool has_no_memory;           /* then that is the only error */
    struct arena arena;           /* of drafts */

    struct list pairs;   /* struct config_pair, of all open mappings */
    struct list inboxes; /* struct config_inbox */
    struct list outlets; /* struct outlet_draft */
    struct list servers; /* struct server_draft */
    struct list queues;  /* struct queue_draft, of all servers */
    struct list places;  /* struct own_place, of all queues */

    struct haplo_server_options server_defaults; /* of the key defaults */
    uint64_t server_defaults_set;                /* rows of server_options */
    struct own_options *queue_defaults;          /* the same, for queues */
    struct config_place defaults_inbox_place;    /* of the key inbox there */
    bool has_bad_defaults;                       /* a value is impossible */

    struct own_options *nothing_own; /* of mappings that set none; or NULL */
    struct name_table own_options;   /* struct own_options by text */
    struct name_table keys[3];  /* struct key_draft by name, of each kind */
    struct name_table settings; /* struct settings_draft by text */

    /* When all is read: */
    struct haplo_server_options server_base; /* what servers inherit */
    struct queue_values queue_base;          /* what queues inherit */
    struct name_table server_names;          /* struct config_server */
    struct name_table *queue_names; /* struct config_queue, of each server */
    struct name_table paths;        /* of inboxes and outlets */
};

/* There is no memory left: reading ends. Returns -1. */
int config_loading_no_memory(struct config_loading *loading);

/* What takes the sections of the file, at the end of their mapping
 * (config_inboxes.c, config_servers.c); a server also at its beginning. */
struct config_mapping;
void config_top_take(const struct config_mapping *mapping);
void config_inbox_take(const struct config_mapping *mapping);
void config_outlet_take(const struct config_mapping *mapping);
void config_defaults_take(const struct config_mapping *mapping);
void config_queue_take(const struct config_mapping *mapping);
void config_server_begin(struct config_mapping *mapping);
void config_server_take(const struct config_mapping *mapping);

/* Reads the whole file (config_read.c). */
void config_read(struct config_loading *loading);

/* Makes the configuration out of what was read (config_resolve.c). */
void config_resolve(struct config_loading *loading);

#endif
