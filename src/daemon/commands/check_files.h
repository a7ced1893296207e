/*
 * check_files.h - what only a check looks at, once the configuration is known:
 * the content of TLS files, which a running process reads when it connects,
 * and what outlets need on this machine.
 */
#ifndef DAEMON_CHECK_FILES_H
#define DAEMON_CHECK_FILES_H

#include "config/config_errors.h"

void check_files(const struct config *config, struct config_errors *errors);

#endif
