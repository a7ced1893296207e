/*
 * config_fleet.h - how several hosts share the servers of a configuration: the
 * option `coordination`, and the map `fleet`.
 */
#ifndef CONFIG_CONFIG_FLEET_H
#define CONFIG_CONFIG_FLEET_H

#include "config/config_mapping.h"

/* Reads the value of the key `weights`, given its first event. Reports errors.
 */
void config_fleet_weights_read(const struct config_mapping *mapping,
                               struct config_pair *pair,
                               struct config_event *event);

/* At the end of the top level: which hosts may coordinate at all. */
void config_coordination_take(const struct config_mapping *top);

/* Once inboxes and outlets are complete: finds the inbox, and refuses what only
 * one host could use. */
void config_fleet_resolve(struct config_loading *loading);

#endif
