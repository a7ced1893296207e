/*
 * config_mapping.h - one mapping of the file, while it is read: its keys with
 * their values, which row each of them has, and what errors call it.
 */
#ifndef CONFIG_CONFIG_MAPPING_H
#define CONFIG_CONFIG_MAPPING_H

#include "config/config_loading.h"

#define CONFIG_WHERE_SIZE (2 * CONFIG_SHOW_SIZE + 16)

enum config_shape {
    SHAPE_NONE,   /* the file ended, or a group that was read */
    SHAPE_TEXT,   /* one value */
    SHAPE_TEXTS,  /* a list of values */
    SHAPE_LIST,   /* of something else; passed over */
    SHAPE_MAPPING /* passed over */
};

/* A key with its value. */
struct config_pair {
    const struct option_row *row; /* of an inbox or outlet: of any type's */
    struct config_place place;    /* of the key */
    enum config_shape shape;      /* of the value */
    char *text;                   /* owned; SHAPE_TEXT */
    struct list texts;            /* of char *, owned; SHAPE_TEXTS */
    size_t entry_count;           /* of a group that is a list */
    bool is_bad;                  /* an error of it is told already */
};

struct config_mapping {
    struct config_loading *loading;     /* what it is read for */
    const struct config_mapping *outer; /* that it stands in; or NULL */
    enum config_level level;            /* which keys it may have */
    size_t index;                       /* in its list */
    size_t draft;                       /* a server: index of its draft */
    struct config_place place;          /* where it begins */
    size_t first;                       /* of its pairs in loading->pairs */
    size_t count;                       /* of its pairs */
};

/* Adds a key, whose value is read next. NULL where it is not known here or
 * stands here twice, which is told. Takes text. */
struct config_pair *config_mapping_add(struct config_mapping *mapping,
                                       char *text, struct config_place place);

/* Reads a value, whose first event is given. Passes over what no value can
 * be. */
void config_pair_read(struct config_loading *loading, struct config_pair *pair,
                      struct config_event *event);

/* Frees its pairs, when it is the innermost mapping. */
void config_mapping_end(struct config_mapping *mapping);

/* A pair of the mapping, by its number. */
struct config_pair *config_mapping_at(const struct config_mapping *mapping,
                                      size_t index);

/* The pair of that key, or NULL. */
struct config_pair *config_mapping_find(const struct config_mapping *mapping,
                                        const char *name);

/* The text of a value, which must be one; "" is refused. NULL where the key is
 * absent, or what is wrong is told. */
const char *config_mapping_text(const struct config_mapping *mapping,
                                const char *name);

/* Stores the values of a table's rows that are in the mapping, in a struct that
 * has their defaults; not of groups and references. Tells what is wrong, and
 * which required keys are absent.
 * *set tells which rows have a value (may be NULL). 0 or -1. */
int config_mapping_apply(const struct config_mapping *mapping,
                         const struct option_table *table, void *values,
                         uint64_t *set);

/* Tells that a required key is absent. Returns -1. */
int config_mapping_missing(const struct config_mapping *mapping,
                           const char *name);

/* Adds an error: at a pair, or, if that is NULL, where the mapping begins.
 * "WHERE: " comes before the text. Returns -1. */
int config_mapping_fail(const struct config_mapping *mapping,
                        const struct config_pair *pair, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "queue example/student: ": what the mapping is called. */
const char *config_mapping_where(const struct config_mapping *mapping,
                                 char text[CONFIG_WHERE_SIZE]);

/* A name as errors show it: the entry's number where it has none. */
const char *config_entry_name(const char *name, size_t index,
                              char text[CONFIG_SHOW_SIZE]);

#endif
