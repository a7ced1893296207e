/*
 * config_equal.h - whether two configurations say the same about an object.
 * Pure.
 *
 * What is in the files that they name, such as API keys, is not compared.
 */
#ifndef CONFIG_CONFIG_EQUAL_H
#define CONFIG_CONFIG_EQUAL_H

#include <stdbool.h>

#include "config/config.h"
#include "config/option_compare.h"

/* True if both mean the same. Appends the names of the options that differ to
 * names, which may be NULL. A server is compared without its queues. */
bool config_inbox_equals(const struct config_inbox *a,
                         const struct config_inbox *b,
                         struct option_names *names);
bool config_fleet_equals(const struct config_fleet *a,
                         const struct config_fleet *b,
                         struct option_names *names);
bool config_outlet_equals(const struct config_outlet *a,
                          const struct config_outlet *b,
                          struct option_names *names);
bool config_server_equals(const struct config_server *a,
                          const struct config_server *b,
                          struct option_names *names);
bool config_queue_equals(const struct config_queue *a,
                         const struct config_queue *b,
                         struct option_names *names);

#endif
