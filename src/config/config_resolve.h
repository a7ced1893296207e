/*
 * config_resolve.h - functions shared by the files that resolve the drafts.
 */
#ifndef CONFIG_CONFIG_RESOLVE_H
#define CONFIG_CONFIG_RESOLVE_H

#include "config/config_loading.h"

/* Adds an object by its name and returns NULL; if the name is in use, returns
 * the other object instead. */
const void *config_name_add(struct config_loading *loading,
                            struct name_table *table, void *object,
                            const char *name);

/* Reports that a name or path is already used at position `first`. */
void config_twice_fail(struct config_loading *loading,
                       enum diagnostic_code code, struct config_place place,
                       const char *where, const char *what,
                       struct config_place first);

/* Finds queues that are the same one on the server (config_twins.c). */
void config_twins_find(struct config_loading *loading);

/* Moves inboxes to their final location, and later outlets, once servers and
 * queues have theirs (config_modules.c). */
void config_inboxes_resolve(struct config_loading *loading);
void config_outlets_resolve(struct config_loading *loading);

/* Reports, prefixed with "WHERE: ", that there is no inbox with this name.
 * Does nothing if there is, or if name is NULL. */
void config_inbox_check(struct config_loading *loading, const char *name,
                        struct config_place place, const char *where);

/* The settings of a queue (config_settings.c); NULL if memory runs out. */
struct settings_draft *config_settings_find(struct config_loading *loading,
                                            const struct own_options *server,
                                            struct own_options *queue);

/* Reports what is wrong with the settings of a queue, prefixed with `where`. */
void config_settings_check(struct config_loading *loading,
                           const struct queue_draft *queue,
                           const struct settings_draft *settings,
                           const char *where);

#endif
