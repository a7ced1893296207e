/*
 * config_options.h - the options of the configuration file: tables of rows,
 * and the levels of the file at which each table is valid. Modules declare
 * their own rows (base/option.h); those of the top level are in config_rows.c,
 * those of servers and queues in config_server_rows.c.
 */
#ifndef CONFIG_CONFIG_OPTIONS_H
#define CONFIG_CONFIG_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/option.h"
#include "haplopoll.h"

/* The kind of mapping that contains a key. */
enum config_level {
    LEVEL_TOP,
    LEVEL_INCLUDED, /* the top level of a file that is included */
    LEVEL_ADMIN,
    LEVEL_FLEET,
    LEVEL_ENVIRONMENT,
    LEVEL_DEFAULTS,
    LEVEL_INBOX,
    LEVEL_OUTLET,
    LEVEL_SERVER,
    LEVEL_QUEUE,
    LEVEL_COUNT
};

struct option_table {
    const struct option_row *rows; /* static */
    size_t count;                  /* length of rows */
};

#define OPTION_TABLE(list)                   \
    {                                        \
        list, sizeof(list) / sizeof(list)[0] \
    }

/* Filled by the rows of a queue. */
struct queue_values {
    struct haplo_queue_options options; /* without name, key, state ... */
    const char *inbox;                  /* name of an inbox, or NULL */
};

/* The table of the top level (fills struct config), and the part of it that is
 * also that of an included file. */
extern const struct option_table config_top_rows;
extern const struct option_table config_included_rows;
/* The table of an environment (read by config_environment.c). */
extern const struct option_table config_environment_rows;
/* The table of the map `admin` (fills struct config_admin). */
extern const struct option_table config_admin_rows;
/* The table of the map `fleet` (fills struct config_fleet). */
extern const struct option_table config_fleet_rows;
/* Tables of all inboxes and outlets of any type (read by config_inboxes.c; an
 * outlet also has the rows of the forwarder). */
extern const struct option_table config_inbox_rows;
extern const struct option_table config_outlet_rows;
/* Tables of a server: what it sets itself, and what it may inherit (fill
 * struct haplo_server_options). */
extern const struct option_table server_own_options;
extern const struct option_table config_server_rows;
/* Tables of a queue: its name, its key, and what it may inherit (fills struct
 * queue_values). */
extern const struct option_table queue_own_options;
extern const struct option_table key_options;
extern const struct option_table config_queue_rows;

/* The tables that are valid at a level, by index; past the last one, a table
 * without rows. */
struct option_table config_level_table(enum config_level level, size_t index);

/* The same for the types of inboxes and outlets, one table per type. Other
 * levels have none. */
struct option_table config_type_table(enum config_level level, size_t index);

/* The row with this name in a table, or NULL. */
const struct option_row *option_table_find(const struct option_table *table,
                                           const char *name);

/* The row of a table whose name is most similar; NULL if none is similar. */
const struct option_row *option_table_suggest(const struct option_table *table,
                                              const char *name);

/* The row with this name at this level, or NULL. For inboxes and outlets it
 * may be that of any type. */
const struct option_row *config_option_find(enum config_level level,
                                            const char *name);

/* A suggestion for an unknown key: the most similar row, or NULL if none is
 * similar. */
const struct option_row *config_option_suggest(enum config_level level,
                                               const char *name);

/* Writes the levels that have an option with this name: "an outlet or a
 * queue". False if there is none. */
bool config_option_homes(const char *name, char *text, size_t text_size);

/* True if "none" is allowed, and the default. */
bool option_has_none(const struct option_row *row);

#endif
