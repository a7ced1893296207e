/*
 * catalogue_parts.h - the parts of the catalogue, each ended by HP_NONE.
 */
#ifndef CONFIG_CATALOGUE_PARTS_H
#define CONFIG_CATALOGUE_PARTS_H

#include "config/catalogue.h"

extern const struct catalogue_entry catalogue_file[];
extern const struct catalogue_entry catalogue_options[];
extern const struct catalogue_entry catalogue_sense[];
extern const struct catalogue_entry catalogue_machine[];
extern const struct catalogue_entry catalogue_doctor[];

#endif
