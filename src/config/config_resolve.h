/*
 * config_resolve.h - what the files have in common that make a configuration
 * out of what was read.
 */
#ifndef CONFIG_CONFIG_RESOLVE_H
#define CONFIG_CONFIG_RESOLVE_H

#include "config/config_loading.h"

/* Adds an object by its name, unless there is one of that name: that one is
 * returned, else NULL. */
const void *config_name_add(struct config_loading *loading,
                            struct name_table *table, void *object,
                            const char *name);

/* Tells that the name or path of something is that of another one, which
 * stands at `first`. */
void config_twice_fail(struct config_loading *loading,
                       struct config_place place, const char *where,
                       const char *what, struct config_place first);

/* Gives the inboxes their final place, then the outlets, once servers and
 * queues have theirs (config_modules.c). */
void config_inboxes_resolve(struct config_loading *loading);
void config_outlets_resolve(struct config_loading *loading);

/* Tells, "WHERE: " in front, that there is no inbox of that name; nothing if
 * there is, or name is NULL. */
void config_inbox_check(struct config_loading *loading, const char *name,
                        struct config_place place, const char *where);

/* The settings of a queue (config_settings.c). NULL when there is no memory. */
struct settings_draft *config_settings_find(struct config_loading *loading,
                                            const struct own_options *server,
                                            struct own_options *queue);

/* Tells what is wrong with the settings of a queue; `where` is what it is
 * called. */
void config_settings_check(struct config_loading *loading,
                           const struct queue_draft *queue,
                           const struct settings_draft *settings,
                           const char *where);

#endif
