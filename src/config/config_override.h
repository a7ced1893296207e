/*
 * config_override.h - the values of the selected environment, which take the
 * place of those of the configuration itself.
 */
#ifndef CONFIG_CONFIG_OVERRIDE_H
#define CONFIG_CONFIG_OVERRIDE_H

#include "config/config_mapping.h"

/* First reading: moves the values out of a mapping of an environment. */
void config_override_keep(struct config_mapping *mapping);

/* Drops the overrides but the first `count`. */
void config_overrides_cut(struct config_loading *loading, size_t count);

/* Second reading, at the end of a mapping of the configuration itself: replaces
 * the values that the environment overrides. */
void config_override_apply(struct config_mapping *mapping);

/* At the end: reports what overrides nothing. */
void config_overrides_finish(struct config_loading *loading);

void config_overrides_init(struct config_loading *loading);
void config_overrides_free(struct config_loading *loading);

#endif
