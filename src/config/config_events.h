/*
 * config_events.h - the configuration file as a stream of events: a value, or
 * the beginning or end of a list or a mapping, each with its position.
 * Comments, anchors, aliases and tags are resolved: an alias yields the events
 * of what it refers to, with their positions.
 */
#ifndef CONFIG_CONFIG_EVENTS_H
#define CONFIG_CONFIG_EVENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config_errors.h"

enum config_event_kind {
    CONFIG_EVENT_VALUE,       /* a value; sets text */
    CONFIG_EVENT_LIST,        /* followed by its entries and LIST_END */
    CONFIG_EVENT_LIST_END,    /* of the innermost list */
    CONFIG_EVENT_MAPPING,     /* followed by keys, values and MAPPING_END */
    CONFIG_EVENT_MAPPING_END, /* of the innermost mapping */
    CONFIG_EVENT_END /* end of the file, invalid YAML, or out of memory */
};

struct config_event {
    enum config_event_kind kind; /* what it is */
    char *text;                /* VALUE: to be freed by free(); without NULs */
    struct config_place place; /* where it starts */
};

struct config_events;

/* Reads the file incrementally; it may be a pipe. Its index is part of all
 * positions. Borrows fd. NULL if memory runs out. */
struct config_events *config_events_new(int fd, size_t file);

/* events may be NULL. */
void config_events_free(struct config_events *events);

/* Gets the next event. Returns END again after the end. */
void config_events_next(struct config_events *events,
                        struct config_event *event);

/* From now on there is only END. */
void config_events_stop(struct config_events *events);

/* Skips what an event started, up to its end; frees the text of a value. */
void config_events_skip(struct config_events *events,
                        struct config_event *event);

/* True if END was caused by an error, which it adds to errors. */
bool config_events_failed(const struct config_events *events);
void config_events_tell(const struct config_events *events,
                        struct config_errors *errors);

/* True if that error is not one of the file: the disk failed. */
bool config_events_is_outage(const struct config_events *events);

#endif
