/*
 * config_override_change.h - what an environment changes, as an operator may
 * see it.
 */
#ifndef CONFIG_CONFIG_OVERRIDE_CHANGE_H
#define CONFIG_CONFIG_OVERRIDE_CHANGE_H

#include "config/config_mapping.h"

/* Notes what becomes of an option of the mapping. from NULL: it was not set; to
 * NULL: it is not set any more. */
void config_override_change_note(const struct config_mapping *mapping,
                                 const struct config_pair *from,
                                 const struct config_pair *to);

#endif
