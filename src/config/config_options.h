/*
 * config_options.h - which keys the configuration file knows, and where: the
 * tables of rows, and at which level of the file each of them holds. A module
 * of the program declares its own rows (base/option.h); those of the top level,
 * of servers and of queues are in config_rows.c.
 */
#ifndef CONFIG_CONFIG_OPTIONS_H
#define CONFIG_CONFIG_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/option.h"
#include "haplopoll.h"

/* What kind of mapping a key stands in. */
enum config_level {
    LEVEL_TOP,
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

/* What the rows of a queue fill. */
struct queue_values {
    struct haplo_queue_options options; /* without name, key, state ... */
    const char *inbox;                  /* the name of one, or NULL */
};

/* The tables: of the top level (fills struct config) ... */
extern const struct option_table top_options;
/* ... of all inboxes and all outlets, whatever their type (read by
 * config_inboxes.c; an outlet has the forwarder's rows too) ... */
extern const struct option_table inbox_options;
extern const struct option_table outlet_options;
/* ... of a server, and what it may inherit (fill struct haplo_server_options)
 * ... */
extern const struct option_table server_own_options;
extern const struct option_table server_options;
/* ... of a queue: its name, its key, and what it may inherit (fills struct
 * queue_values). */
extern const struct option_table queue_own_options;
extern const struct option_table key_options;
extern const struct option_table queue_options;

/* The tables that hold at a level, one after the other; past the last one, a
 * table without rows. */
struct option_table config_level_table(enum config_level level, size_t index);

/* The same for the types of inboxes and outlets, one table for each type; other
 * levels have none. */
struct option_table config_type_table(enum config_level level, size_t index);

/* "a server", "defaults" ... */
const char *config_level_text(enum config_level level);

/* The key of that name in a table, or NULL. */
const struct option_row *option_table_find(const struct option_table *table,
                                           const char *name);

/* The key of that name at that level, or NULL. Of an inbox or an outlet, the
 * row may be that of any type. */
const struct option_row *config_option_find(enum config_level level,
                                            const char *name);

/* What somebody may have meant who wrote this unknown key there: the nearest
 * key, or NULL if none is near. */
const struct option_row *config_option_suggest(enum config_level level,
                                               const char *name);

/* Writes the levels that have a key of that name into text: "an outlet or a
 * queue". False if there is none. */
bool config_option_homes(const char *name, char *text, size_t text_size);

/* True where "none" may be written, and is the default. */
bool option_has_none(const struct option_row *row);

#endif
