/*
 * config_environment.h - environments: names for what differs between
 * installations that are otherwise the same, such as test and live.
 *
 * An environment overrides options of the main part of the configuration: of
 * the top level, and of inboxes, outlets, servers and queues, by their names.
 */
#ifndef CONFIG_CONFIG_ENVIRONMENT_H
#define CONFIG_CONFIG_ENVIRONMENT_H

#include "config/config_mapping.h"

/* The environment that a mapping is in, or is; NULL: none, it is part of the
 * configuration itself. */
const struct config_mapping *config_environment_of(
    const struct config_mapping *mapping);

/* Called at the end of a mapping in an environment, or of the environment:
 * keeps its values as overrides in the first reading, checks it in the
 * second. */
void config_environment_take(struct config_mapping *mapping);

/* Between the two readings: reports that the environment is not defined.
 * False then. */
bool config_environment_found(struct config_loading *loading);

/* With the overrides. */
void config_environments_init(struct config_loading *loading);
void config_environments_free(struct config_loading *loading);

#endif
