/*
 * config_mapping.h - one mapping of the file while it is being read: its keys
 * and values, the row for each key, and its name for error messages.
 */
#ifndef CONFIG_CONFIG_MAPPING_H
#define CONFIG_CONFIG_MAPPING_H

#include "config/config_loading.h"

#define CONFIG_WHERE_SIZE (3 * CONFIG_SHOW_SIZE + 32)

enum config_shape {
    SHAPE_NONE,   /* none: the file ended, or a group */
    SHAPE_TEXT,   /* one value */
    SHAPE_TEXTS,  /* a list of values */
    SHAPE_LIST,   /* of other things; skipped */
    SHAPE_MAPPING /* skipped */
};

/* A key and its value. */
struct config_pair {
    const struct option_row *row;    /* for inboxes and outlets, of any type */
    struct config_place place;       /* of the key */
    struct config_place value_place; /* of its value; line 0: not read yet */
    enum config_shape shape;         /* of the value */
    char *text;                      /* owned; SHAPE_TEXT */
    struct list texts;               /* char *, owned; SHAPE_TEXTS */
    struct list places;              /* struct config_place, of each */
    size_t entry_count;              /* entries of a group that is a list */
    const struct route_rules *rules; /* of `when`; owned by the configuration */
    bool is_bad;                     /* an error has been reported */
    bool is_override;                /* it is that of an environment */
};

#define CONFIG_MEANT_MAX 4

struct config_mapping {
    struct config_loading *loading;     /* the file being loaded */
    const struct config_mapping *outer; /* the mapping around it, or NULL */
    enum config_level level;            /* determines the valid keys */
    size_t index;                       /* index in its list */
    size_t draft;                       /* a server: index of its draft */
    struct config_place place;          /* where it starts */
    size_t first; /* index of its first pair in loading->pairs */
    size_t count; /* number of its pairs */
    const char *meant[CONFIG_MEANT_MAX]; /* options, by unknown keys */
    size_t meant_count;                  /* length of meant */
};

/* Adds a key whose value is read next. Takes text. Reports an error and
 * returns NULL if the key is unknown here or given twice. */
struct config_pair *config_mapping_add(struct config_mapping *mapping,
                                       char *text, struct config_place place);

/* The library that the type of an inbox or outlet needs, if this build lacks
 * it; else NULL. Options of such a type are unknown here, and no mistakes. */
const char *config_mapping_type_needs(const struct config_mapping *mapping);

/* Reads a value, given its first event. Skips anything that cannot be a
 * value. */
void config_pair_read(struct config_loading *loading, struct config_pair *pair,
                      struct config_event *event);

/* Frees the value of a pair. */
void config_pair_clear(struct config_pair *pair);

/* Frees its pairs. It must be the innermost mapping. */
void config_mapping_end(struct config_mapping *mapping);

/* True if an unknown key probably meant this option: that it is missing as well
 * need not be said. */
bool config_mapping_meant(const struct config_mapping *mapping,
                          const char *name);

/* The pair at index. */
struct config_pair *config_mapping_at(const struct config_mapping *mapping,
                                      size_t index);

/* The pair with this key, or NULL. */
struct config_pair *config_mapping_find(const struct config_mapping *mapping,
                                        const char *name);

/* The text of a single value; "" is refused. NULL if the key is absent, or
 * after reporting an error. */
const char *config_mapping_text(const struct config_mapping *mapping,
                                const char *name);

/* True if the value of a row of OPTION_TEXT_LIST is a list of values; otherwise
 * reports an error. */
bool config_mapping_is_list(const struct config_mapping *mapping,
                            const struct config_pair *pair);

/* Its name as the file has it, or "". Valid until it ends. */
const char *config_mapping_own_name(const struct config_mapping *mapping);

/* The name of an inbox, an outlet or a queue, owned by the configuration. NULL
 * after reporting an error, or if memory runs out. */
const char *config_mapping_name(const struct config_mapping *mapping);

/* Stores the values that the mapping has for the rows of a table in a struct
 * that contains the defaults, except groups and references. Reports errors and
 * missing required keys. Sets *set (may be NULL) to the rows that have a
 * value. Returns 0 or -1. */
int config_mapping_apply(const struct config_mapping *mapping,
                         const struct option_table *table, void *values,
                         uint64_t *set);

/* Reports that a required key is missing. Returns -1. */
int config_mapping_missing(const struct config_mapping *mapping,
                           const char *name);

/* Adds an error at a pair: at its value if it is about that, otherwise at its
 * key; or if it is NULL at the start of the mapping.
 * Prefixes the text with "WHERE: ". Returns what config_errors_add() does. */
int config_mapping_fail(const struct config_mapping *mapping,
                        enum diagnostic_code code,
                        const struct config_pair *pair, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* False if a secret that the mapping names is not on this machine, which is
 * reported (config_secrets.c). */
bool config_secrets_are_here(const struct config_mapping *mapping);

/* What errors in a mapping begin with: "server example: ", or "". */
const char *config_mapping_where(const struct config_mapping *mapping,
                                 char text[CONFIG_WHERE_SIZE]);

/* The name for error messages; the number of the entry if it has none. */
const char *config_entry_name(const char *name, size_t index,
                              char text[CONFIG_SHOW_SIZE]);

#endif
