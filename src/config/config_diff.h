/*
 * config_diff.h - compares two resolved configurations: what was added,
 * changed (and in which options), moved to another inbox, or removed. Pure.
 *
 * Only what a configuration says is compared, not where in the file it says
 * it, and not what is in the files that it names, such as API keys.
 */
#ifndef CONFIG_CONFIG_DIFF_H
#define CONFIG_CONFIG_DIFF_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "config/option_compare.h"

enum config_change_kind {
    CONFIG_ADDED,
    CONFIG_CHANGED,
    CONFIG_MOVED, /* a queue: to another inbox, whatever else has changed */
    CONFIG_REMOVED,
    CONFIG_CHANGE_KINDS
};

enum config_part {
    CONFIG_PART_INBOX,
    CONFIG_PART_OUTLET,
    CONFIG_PART_SERVER,
    CONFIG_PART_QUEUE,
    CONFIG_PARTS
};

struct config_change {
    enum config_change_kind kind;
    enum config_part part; /* what the name is one of */
    const char *server;    /* of a queue; otherwise NULL */
    const char *name;      /* borrowed from one of the configurations */
    const char *what;      /* CHANGED, MOVED: names of the options; owned by the
                              difference. Otherwise "" */
};

struct config_diff {
    struct config_change *changes; /* inboxes first, queues last */
    size_t count;                  /* length of changes */
    size_t counts[CONFIG_PARTS][CONFIG_CHANGE_KINDS]; /* of each */
    struct option_names top;   /* options of the top level that differ */
    struct option_names admin; /* the same of the map `admin` */
    size_t capacity;           /* of changes */
    struct arena arena;        /* owns the texts */
};

/* Compares two configurations, which it borrows until config_diff_free(). 0, or
 * HAPLO_ENOMEM. */
int config_diff(const struct config *from, const struct config *to,
                struct config_diff *diff);

void config_diff_free(struct config_diff *diff);

/* "inbox". Static. */
const char *config_part_name(enum config_part part);

#endif
