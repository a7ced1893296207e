#include "core/pointer_tree.h"

#include <string.h>

#include "base/alloc.h"

/* Reading */

void pointer_tree_restart(struct pointer_tree *tree)
{
    for (size_t i = 0; i < tree->node_count; i++) {
        tree->nodes[i].settled_count = 0;
    }
}

static bool segment_is(const struct json_segment *segment, const char *name,
                       size_t size)
{
    return segment->size == size && memcmp(segment->name, name, size) == 0;
}

struct pointer_node *pointer_node_named(const struct pointer_node *node,
                                        const char *name, size_t size)
{
    struct pointer_node *child = node->child;
    while (child != NULL && !segment_is(child->segment, name, size)) {
        child = child->sibling;
    }
    return child;
}

struct pointer_node *pointer_node_at(const struct pointer_node *node,
                                     size_t index)
{
    struct pointer_node *child = node->child;
    while (child != NULL && child->segment->index != index) {
        child = child->sibling;
    }
    return child;
}

bool pointer_node_is_settled(const struct pointer_node *node)
{
    return node->settled_count == node->end_count;
}

bool pointer_node_settle(struct pointer_node *node)
{
    size_t count = node->end_count - node->settled_count;
    for (; node->parent != NULL; node = node->parent) {
        node->settled_count += count;
    }
    node->settled_count += count;
    return !pointer_node_is_settled(node);
}

/* Building */

static int pointers_parse(struct pointer_tree *tree,
                          const char *const *pointers, size_t count,
                          size_t *bad, struct reason *why)
{
    for (size_t i = 0; i < count; i++) {
        int error = json_pointer_init(&tree->pointers[i], pointers[i], why);
        if (error != 0) {
            if (bad != NULL) {
                *bad = i;
            }
            return error;
        }
        tree->count++;
    }
    return 0;
}

/* The child of a node with this segment, which is added if it is missing. */
static struct pointer_node *child_ensure(struct pointer_tree *tree,
                                         struct pointer_node *parent,
                                         const struct json_segment *segment)
{
    struct pointer_node *child =
        pointer_node_named(parent, segment->name, segment->size);
    if (child == NULL) {
        child = &tree->nodes[tree->node_count++];
        *child = (struct pointer_node){.segment = segment,
                                       .parent = parent,
                                       .sibling = parent->child,
                                       .pointer = POINTER_NODE_NONE};
        parent->child = child;
    }
    return child;
}

static void pointer_add(struct pointer_tree *tree, size_t index)
{
    const struct json_pointer *pointer = &tree->pointers[index];
    struct pointer_node *node = tree->nodes;
    for (size_t i = 0; i < pointer->count; i++) {
        node = child_ensure(tree, node, &pointer->segments[i]);
    }
    if (node->pointer == POINTER_NODE_NONE) {
        node->pointer = index;
        for (struct pointer_node *up = node; up != NULL; up = up->parent) {
            up->end_count++;
        }
    }
    tree->first_equal[index] = node->pointer;
}

static int nodes_make(struct pointer_tree *tree, struct reason *why)
{
    size_t node_max = 1;
    for (size_t i = 0; i < tree->count; i++) {
        node_max += tree->pointers[i].count;
    }
    tree->nodes = alloc_zeroed(node_max, sizeof *tree->nodes);
    if (tree->nodes == NULL) {
        return reason_set(why, HAPLO_ENOMEM, "out of memory");
    }
    tree->nodes[0].pointer = POINTER_NODE_NONE;
    tree->node_count = 1;
    for (size_t i = 0; i < tree->count; i++) {
        pointer_add(tree, i);
    }
    return 0;
}

int pointer_tree_init(struct pointer_tree *tree, const char *const *pointers,
                      size_t count, size_t *bad, struct reason *why)
{
    int error;
    *tree = (struct pointer_tree){
        .pointers = alloc_zeroed(count + 1, sizeof *tree->pointers),
        .first_equal = alloc_zeroed(count + 1, sizeof *tree->first_equal),
    };
    if (tree->pointers == NULL || tree->first_equal == NULL) {
        error = reason_set(why, HAPLO_ENOMEM, "out of memory");
    } else {
        error = pointers_parse(tree, pointers, count, bad, why);
    }
    if (error == 0) {
        error = nodes_make(tree, why);
    }
    if (error != 0) {
        pointer_tree_free(tree);
    }
    return error;
}

void pointer_tree_free(struct pointer_tree *tree)
{
    for (size_t i = 0; i < tree->count; i++) {
        json_pointer_free(&tree->pointers[i]);
    }
    alloc_free(tree->pointers);
    alloc_free(tree->first_equal);
    alloc_free(tree->nodes);
    *tree = (struct pointer_tree){0};
}
