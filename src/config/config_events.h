/*
 * config_events.h - the configuration file as a stream of events: a value, the
 * beginning and the end of a list or a mapping, each with its place. Comments,
 * anchors, aliases and tags are not seen: an alias becomes the events of what
 * it stands for, with their places.
 */
#ifndef CONFIG_CONFIG_EVENTS_H
#define CONFIG_CONFIG_EVENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config_errors.h"

enum config_event_kind {
    CONFIG_EVENT_VALUE,       /* has a text */
    CONFIG_EVENT_LIST,        /* its entries follow, up to LIST_END */
    CONFIG_EVENT_LIST_END,    /* of the innermost list */
    CONFIG_EVENT_MAPPING,     /* keys and values in turn, up to MAPPING_END */
    CONFIG_EVENT_MAPPING_END, /* of the innermost mapping */
    CONFIG_EVENT_END /* of the file; or it is no YAML, or memory is short */
};

struct config_event {
    enum config_event_kind kind; /* which of the fields below are set */
    char *text;                  /* VALUE: free() it; without NULs */
    struct config_place place;   /* where it begins */
};

struct config_events;

/* Reads the file as it goes, which may be a pipe; borrows it until it is freed.
 * NULL when there is no memory. */
struct config_events *config_events_new(int fd);

/* NULL is fine. */
void config_events_free(struct config_events *events);

/* The next event; behind the last one END again and again. */
void config_events_next(struct config_events *events,
                        struct config_event *event);

/* From now on there is only END. */
void config_events_stop(struct config_events *events);

/* Passes over what an event began, up to its end, and frees a value's text. */
void config_events_skip(struct config_events *events,
                        struct config_event *event);

/* True if END is not that of the file, but an error; and adds that error. */
bool config_events_failed(const struct config_events *events);
void config_events_tell(const struct config_events *events,
                        struct config_errors *errors);

#endif
