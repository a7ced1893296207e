/*
 * config_value.h - parses the text of a value, according to the kind of its
 * row.
 */
#ifndef CONFIG_CONFIG_VALUE_H
#define CONFIG_CONFIG_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/codes.h"
#include "config/config.h"
#include "config/config_options.h"

/* Parses text and stores the value in the struct that the row belongs to.
 * Returns HP_NONE, or what is wrong with why set; a warning (see catalogue.h)
 * does not keep it from being stored. Copies text if it must be kept. */
enum diagnostic_code config_value_parse(struct config *config,
                                        const struct option_row *row,
                                        const char *text, void *values,
                                        char *why, size_t why_size);

/* The same for OPTION_TEXT_LIST. */
enum diagnostic_code config_list_parse(struct config *config,
                                       const struct option_row *row,
                                       char *const *texts, size_t count,
                                       void *values, char *why,
                                       size_t why_size);

/* Opens a file that will be read. Returns HP_NONE, or what is wrong with why
 * set. */
enum diagnostic_code config_file_check(const char *path, bool is_private,
                                       char *why, size_t why_size);

/* Stores the defaults of all rows of a table. -1 if memory runs out. */
int config_values_default(struct config *config,
                          const struct option_table *table, void *values);

/* Copies the values whose bits are set; the lowest bit is the first row. */
void config_values_copy(const struct option_table *table, uint64_t set,
                        void *to, const void *from);

#endif
