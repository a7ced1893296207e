/*
 * app_config.h - the configuration of a simulated process, made from the
 * servers, queues, stores and destinations of the world as they are now. It is
 * one of config.h, for which this file defines the functions.
 */
#ifndef TEST_SIM_APP_CONFIG_H
#define TEST_SIM_APP_CONFIG_H

#include "config/config.h"

#define APP_URL_SIZE 32
#define APP_DRAIN_TIMEOUT_MS 3000

struct process;

/* Owned by the caller: config_free(). */
struct config *app_config_make(const struct process *process);

#endif
