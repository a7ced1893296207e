/*
 * fleet_command.h - what the commands about a fleet share.
 */
#ifndef DAEMON_FLEET_COMMAND_H
#define DAEMON_FLEET_COMMAND_H

#include "daemon/command.h"

/* The inbox through which the hosts of the configuration share its servers. If
 * they do not, logs that, and returns EXIT_CODE_USAGE. */
enum exit_code fleet_command_inbox(const struct config *config,
                                   const struct config_inbox **inbox);

#endif
