/*
 * pointer_tree.h - several JSON pointers as a tree, with a node for each of
 * their segments, which is shared by pointers that begin alike; and which
 * pointers are settled while a document is being read: found, or known to be
 * missing.
 */
#ifndef CORE_POINTER_TREE_H
#define CORE_POINTER_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"
#include "core/json_pointer.h"

#define POINTER_NODE_NONE SIZE_MAX /* no pointer ends at this node */

struct pointer_node {
    const struct json_segment *segment; /* borrowed; NULL: the root */
    struct pointer_node *parent;        /* NULL: the root */
    struct pointer_node *child;         /* the first one, or NULL */
    struct pointer_node *sibling;       /* the next one, or NULL */
    size_t pointer;       /* index of the first one that ends here, or
                             POINTER_NODE_NONE */
    size_t end_count;     /* nodes at which pointers end, here and below */
    size_t settled_count; /* of these; in the current document */
};

struct pointer_tree {
    struct json_pointer *pointers; /* owned */
    size_t count;                  /* of pointers */
    struct pointer_node *nodes;    /* owned; nodes[0] is the root */
    size_t node_count;             /* of nodes */
    size_t *first_equal; /* owned; for each pointer, the index of the first one
                            that is the same */
};

/* Copies the pointers. Returns 0; HAPLO_EINVAL with why set if one is
 * malformed, *bad (may be NULL) is then its index; or HAPLO_ENOMEM. After an
 * error the tree is empty. */
int pointer_tree_init(struct pointer_tree *tree, const char *const *pointers,
                      size_t count, size_t *bad, struct reason *why);

/* A zeroed tree is empty. */
void pointer_tree_free(struct pointer_tree *tree);

/* Another document begins: nothing is settled. */
void pointer_tree_restart(struct pointer_tree *tree);

/* The child for a key of a map, or for an element of an array; NULL: none. */
struct pointer_node *pointer_node_named(const struct pointer_node *node,
                                        const char *name, size_t size);
struct pointer_node *pointer_node_at(const struct pointer_node *node,
                                     size_t index);

/* True if nothing here and below is left to find. */
bool pointer_node_is_settled(const struct pointer_node *node);

/* The value of a node has ended: everything here and below is settled. Returns
 * false if nothing is left to find in the document. */
bool pointer_node_settle(struct pointer_node *node);

#endif
