/*
 * config_suggest.h - the names in a configuration that somebody may have meant
 * who wrote another one.
 */
#ifndef CONFIG_CONFIG_SUGGEST_H
#define CONFIG_CONFIG_SUGGEST_H

#include "config/config.h"

#define CONFIG_SUGGEST_SIZE (2 * HAPLO_NAME_SIZE_MAX + 64)

/* Each writes `did you mean "NAME"?`, or `otherwise` if nothing is similar,
 * and returns text. */
const char *config_suggest_queue(const struct config *config, const char *name,
                                 const char *otherwise,
                                 char text[CONFIG_SUGGEST_SIZE]);
const char *config_suggest_inbox(const struct config *config, const char *name,
                                 const char *otherwise,
                                 char text[CONFIG_SUGGEST_SIZE]);
const char *config_suggest_outlet(const struct config *config, const char *name,
                                  const char *otherwise,
                                  char text[CONFIG_SUGGEST_SIZE]);

#endif
