/*
 * How a document is read:
 *
 *   - The pointers form a tree, see pointer_tree.h.
 *   - A map or array that a node leads to is "followed": its keys or indexes
 *     are looked up among the children of the node. Whatever is inside of any
 *     other map or array is skipped; this is most of a document.
 *   - A value of a node that a pointer ends at is noted as a slice.
 *   - When the value of a node has ended, everything below it is settled: it
 *     has been found, or is missing. When the root is settled, reading stops.
 *   - At the end, the strings with escapes among the slices are decoded.
 */
#include "core/json_select.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "core/json_reader.h"
#include "core/json_string.h"
#include "core/pointer_tree.h"

/* A map or array that is followed. */
struct select_level {
    struct pointer_node *node; /* that leads to it */
    struct pointer_node *next; /* a map: the node of the newest key, or NULL */
    size_t index;              /* an array: of the next element */
    bool is_map;               /* a map or an array */
};

struct json_select {
    struct pointer_tree tree;  /* owned */
    struct json_value *values; /* owned; by the first of equal pointers */
    char *decoded;             /* owned; strings that had escapes */
    size_t decoded_size;       /* bytes allocated for them */
    const char *text;          /* borrowed; the document */
    size_t before;             /* end of the previous JSON token */
    size_t open;               /* maps and arrays followed */
    /* Those that are followed, from the outside in. */
    struct select_level levels[HAPLO_POINTER_DEPTH_MAX + 1];
    struct json_reader reader; /* events come from here */
};

/* Following */

/* The node that leads to the value that begins now; NULL: none, or this is a
 * duplicate key. */
static struct pointer_node *node_of_value(struct json_select *select)
{
    struct pointer_node *node = select->tree.nodes;
    if (select->open > 0) {
        struct select_level *level = &select->levels[select->open - 1];
        node = level->is_map ? level->next
                             : pointer_node_at(level->node, level->index++);
    }
    return node != NULL && !pointer_node_is_settled(node) ? node : NULL;
}

static void node_follow(struct json_select *select, struct pointer_node *node,
                        enum json_kind kind)
{
    assert(select->open <= HAPLO_POINTER_DEPTH_MAX);
    select->levels[select->open++] =
        (struct select_level){.node = node, .is_map = kind == JSON_MAP};
}

/* Events. Deeper than the innermost followed map or array, they are ignored. */

static struct json_value *value_of_node(struct json_select *select,
                                        const struct pointer_node *node)
{
    return node->pointer != POINTER_NODE_NONE ? &select->values[node->pointer]
                                              : NULL;
}

static bool on_value(void *context, enum json_kind kind, const char *text,
                     size_t size)
{
    (void)text;
    (void)size;
    struct json_select *select = context;
    if (select->reader.depth != select->open) {
        return true;
    }
    size_t before = select->before;
    select->before = json_reader_token_end(&select->reader);
    struct pointer_node *node = node_of_value(select);
    if (node == NULL) {
        return true;
    }
    struct json_value *value = value_of_node(select, node);
    if (value != NULL) {
        size_t start = json_reader_token_start(&select->reader, before);
        value->kind = kind;
        value->text = select->text + start;
        value->size = select->before - start;
    }
    if (kind == JSON_MAP || kind == JSON_ARRAY) {
        node_follow(select, node, kind);
        return true;
    }
    return pointer_node_settle(node);
}

static bool on_key(void *context, const char *name, size_t size)
{
    struct json_select *select = context;
    if (select->reader.depth == select->open) {
        struct select_level *level = &select->levels[select->open - 1];
        level->next = pointer_node_named(level->node, name, size);
        if (level->next != NULL &&
            !json_reader_string_is_sound(&select->reader, select->before)) {
            level->next = NULL; /* yajl has decoded it lossily */
        }
        select->before = json_reader_token_end(&select->reader);
    }
    return true;
}

static bool on_close(void *context)
{
    struct json_select *select = context;
    size_t depth = select->reader.depth;
    if (depth > select->open) {
        return true;
    }
    select->before = json_reader_token_end(&select->reader);
    if (depth == select->open) {
        return true;
    }
    struct pointer_node *node = select->levels[--select->open].node;
    struct json_value *value = value_of_node(select, node);
    if (value != NULL) {
        value->size = (size_t)(select->text + select->before - value->text);
    }
    return pointer_node_settle(node);
}

/* A document */

static void values_reset(struct json_select *select)
{
    for (size_t i = 0; i < select->tree.count; i++) {
        select->values[i] =
            (struct json_value){.kind = JSON_MISSING, .text = ""};
    }
}

static void run_begin(struct json_select *select, const char *text)
{
    values_reset(select);
    pointer_tree_restart(&select->tree);
    select->text = text;
    select->before = 0;
    select->open = 0;
    if (select->decoded_size > JSON_SELECT_KEPT_SIZE) {
        alloc_free(select->decoded);
        select->decoded = NULL;
        select->decoded_size = 0;
    }
}

static bool has_escapes(const struct json_value *value)
{
    return value->kind == JSON_STRING &&
           memchr(value->text, '\\', value->size) != NULL;
}

static int decoded_reserve(struct json_select *select)
{
    size_t needed = 0;
    for (size_t i = 0; i < select->tree.count; i++) {
        if (has_escapes(&select->values[i])) {
            needed += select->values[i].size;
        }
    }
    if (needed <= select->decoded_size) {
        return 0;
    }
    char *decoded = alloc_resize(select->decoded, needed);
    if (decoded == NULL) {
        return HAPLO_ENOMEM;
    }
    select->decoded = decoded;
    select->decoded_size = needed;
    return 0;
}

/* Takes the quotes off the strings, and decodes those with escapes. */
static int strings_decode(struct json_select *select)
{
    int error = decoded_reserve(select);
    char *to = select->decoded;
    for (size_t i = 0; error == 0 && i < select->tree.count; i++) {
        struct json_value *value = &select->values[i];
        if (value->kind != JSON_STRING) {
            continue;
        }
        bool is_escaped = has_escapes(value);
        value->text++;
        value->size -= 2;
        if (is_escaped) {
            value->is_replaced =
                !json_string_is_sound(value->text, value->size);
            value->size = json_string_decode(value->text, value->size, to);
            value->text = to;
            to += value->size;
        }
    }
    return error;
}

int json_select_run(struct json_select *select, const char *text, size_t size)
{
    static const struct json_events events = {on_value, on_key, on_close};
    run_begin(select, text);
    json_reader_init(&select->reader, &events, select);
    int error = json_reader_finish(&select->reader, text, size, NULL);
    json_reader_free(&select->reader);
    if (error == HAPLO_ECANCELED) {
        error = 0; /* everything was found */
    }
    if (error == 0) {
        error = strings_decode(select);
    }
    if (error != 0) {
        values_reset(select);
    }
    return error;
}

const struct json_value *json_select_value(const struct json_select *select,
                                           size_t index)
{
    assert(index < select->tree.count);
    return &select->values[select->tree.first_equal[index]];
}

/* Making */

int json_select_new(struct json_select **out, const char *const *pointers,
                    size_t count, size_t *bad, struct reason *why)
{
    *out = NULL;
    struct json_select *select = alloc_zeroed(1, sizeof *select);
    struct json_value *values = alloc_zeroed(count + 1, sizeof *values);
    if (select == NULL || values == NULL) {
        alloc_free(select);
        alloc_free(values);
        return reason_set(why, HAPLO_ENOMEM, "out of memory");
    }
    select->values = values;
    int error = pointer_tree_init(&select->tree, pointers, count, bad, why);
    if (error != 0) {
        json_select_free(select);
        return error;
    }
    values_reset(select);
    *out = select;
    return 0;
}

void json_select_free(struct json_select *select)
{
    if (select != NULL) {
        pointer_tree_free(&select->tree);
        alloc_free(select->values);
        alloc_free(select->decoded);
        alloc_free(select);
    }
}
