/*
 * config_lines.h - the configuration file as a tree of nodes that know their
 * lines, which what libcyaml loads does not. It also refuses what libcyaml
 * would pass over in silence.
 *
 * A node is a number from 1; 0 stands for none, and 0 may be asked anything.
 */
#ifndef DAEMON_CONFIG_LINES_H
#define DAEMON_CONFIG_LINES_H

#include <stddef.h>

#include "config/config_errors.h"

struct config_lines;

/* Parses the text. NULL where that fails; the error is printed then. */
struct config_lines *config_lines_new(const unsigned char *text, size_t size,
                                      struct config_errors *errors);

/* NULL is fine. */
void config_lines_free(struct config_lines *lines);

/* The outermost node; 0 if the file holds none. */
int config_lines_root(const struct config_lines *lines);

/* The value of a key of a mapping, where the key stands for the nth time,
 * counted from 0; and the line of that key, or, if there is no such key, the
 * line of the node itself. */
int config_lines_find(const struct config_lines *lines, int node,
                      const char *key, int nth);
int config_lines_of_key(const struct config_lines *lines, int node,
                        const char *key, int nth);

/* An item of a list. */
int config_lines_item(const struct config_lines *lines, int node, size_t index);

/* The line that the node begins on. */
int config_lines_of(const struct config_lines *lines, int node);

/* What a node holds if it is a scalar, else NULL. */
const char *config_lines_text(const struct config_lines *lines, int node);

#endif
