/*
 * files.h - files the simulator writes for its clients: certificates, API
 * keys, the ready line and a configuration for haplo-poll. Without --dir it
 * writes nothing.
 */
#ifndef SIM_FILES_H
#define SIM_FILES_H

#include "sim/auth.h"
#include "sim/buffer.h"
#include "sim/options.h"
#include "sim/server.h"

/* All return false and set error if a file cannot be written. */

/* Creates the directories, makes --dir absolute, writes ca.pem. */
bool sim_files_start(struct sim_server *server, char *error, size_t error_size);

/* Writes NAME.pem. */
bool sim_files_certificate(const struct sim_command *command, const char *name,
                           const struct sim_buffer *pem, char *error,
                           size_t error_size);

/* Writes keys/APP-QUEUE, or keys/APP-wide. */
bool sim_files_key(const struct sim_command *command, const char *app,
                   struct sim_key *key, char *error, size_t error_size);

/* Writes `ready` and the configuration. */
bool sim_files_finish(const struct sim_server *server,
                      const struct sim_buffer *ready, char *error,
                      size_t error_size);

#endif
