/*
 * config_value.h - turns the text of one value into what is stored, by the kind
 * that its row names.
 */
#ifndef CONFIG_CONFIG_VALUE_H
#define CONFIG_CONFIG_VALUE_H

#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "config/config_options.h"

/* Stores what text says in the struct that the row belongs to. 0, or
 * HAPLO_EINVAL with why set: what is wrong, and what to do. Copies text to the
 * config's arena where it is kept. */
int config_value_parse(struct config *config, const struct option_row *row,
                       const char *text, void *values, char *why,
                       size_t why_size);

/* The same for OPTION_TEXT_LIST. */
int config_list_parse(struct config *config, const struct option_row *row,
                      char *const *texts, size_t count, void *values, char *why,
                      size_t why_size);

/* Stores the defaults of a table's rows. -1 when there is no memory. */
int config_values_default(struct config *config,
                          const struct option_table *table, void *values);

/* Copies those values whose bit is set, the first row's being the lowest. */
void config_values_copy(const struct option_table *table, uint64_t set,
                        void *to, const void *from);

#endif
