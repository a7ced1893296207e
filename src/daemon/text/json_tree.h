/*
 * json_tree.h - a JSON document that a command has received, as a tree. What is
 * not there, or is of another type, reads as NULL, 0 or false, so that a
 * process of another version can be asked.
 */
#ifndef DAEMON_JSON_TREE_H
#define DAEMON_JSON_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/text/json_writer.h"

struct json_tree; /* one value in it */

/* NULL if it is not JSON, or memory runs out. */
struct json_tree *json_tree_read(const char *text);

/* Frees the document; root may be NULL. */
void json_tree_free(struct json_tree *root);

/* A member of an object; tree may be NULL, here and below. */
const struct json_tree *json_tree_member(const struct json_tree *tree,
                                         const char *name);

/* An element of an array; NULL past the last. */
const struct json_tree *json_tree_item(const struct json_tree *tree,
                                       size_t index);

bool json_tree_is_number(const struct json_tree *tree);

/* Members of an object. A time is in Unix milliseconds; a duration, which JSON
 * has in seconds, in milliseconds. Without a name, the text is the tree itself.
 */
const char *json_tree_text(const struct json_tree *tree, const char *name);
uint64_t json_tree_count(const struct json_tree *tree, const char *name);
bool json_tree_bool(const struct json_tree *tree, const char *name);
uint64_t json_tree_time(const struct json_tree *tree, const char *name);
uint64_t json_tree_duration(const struct json_tree *tree, const char *name);

/* Writes a value as it was. Numbers are counts, or seconds to the millisecond,
 * as the API has them. */
void json_tree_write(const struct json_tree *tree, struct json_writer *json,
                     const char *name);

#endif
