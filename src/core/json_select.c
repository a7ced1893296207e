/*
 * How a document is read:
 *
 *   - The pointers form a tree: a node for each of their segments, shared by
 *     pointers that begin alike.
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
#include "core/json_text.h"

#define NO_VALUE SIZE_MAX

struct select_node {
    const struct json_segment *segment; /* borrowed; NULL: the root */
    struct select_node *parent;         /* NULL: the root */
    struct select_node *child;          /* the first one, or NULL */
    struct select_node *sibling;        /* the next one, or NULL */
    size_t value;                       /* its index, or NO_VALUE */
    size_t value_count;                 /* values here and below */
    size_t settled;                     /* of these; in this document */
};

/* A map or array that is followed. */
struct select_level {
    struct select_node *node; /* that leads to it */
    struct select_node *next; /* a map: the node of the newest key, or NULL */
    size_t index;             /* an array: of the next element */
    bool is_map;              /* a map or an array */
};

struct json_select {
    struct json_pointer *pointers; /* owned */
    size_t count;                  /* of pointers */
    struct select_node *nodes;     /* owned; nodes[0] is the root */
    size_t node_count;             /* number of nodes */
    size_t *value_of;              /* owned; index of the value, by pointer */
    struct json_value *values;     /* owned */
    char *decoded;                 /* owned; strings that had escapes */
    size_t decoded_size;           /* bytes allocated for them */
    const char *text;              /* borrowed; the document */
    size_t before;                 /* end of the previous JSON token */
    size_t open;                   /* maps and arrays followed */
    struct select_level levels[HAPLO_POINTER_DEPTH_MAX + 1]; /* of open */
    struct json_reader reader;                               /* events come
                                                                from here */
};

/* Following */

static struct select_node *child_named(const struct select_node *node,
                                       const char *name, size_t size)
{
    struct select_node *child = node->child;
    while (child != NULL && (child->segment->size != size ||
                             memcmp(child->segment->name, name, size) != 0)) {
        child = child->sibling;
    }
    return child;
}

static struct select_node *child_at(const struct select_node *node,
                                    size_t index)
{
    struct select_node *child = node->child;
    while (child != NULL && child->segment->index != index) {
        child = child->sibling;
    }
    return child;
}

/* The node that leads to the value that begins now; NULL: none, or this is a
 * duplicate key. */
static struct select_node *node_of_value(struct json_select *select)
{
    struct select_node *node = select->nodes;
    if (select->open > 0) {
        struct select_level *level = &select->levels[select->open - 1];
        node =
            level->is_map ? level->next : child_at(level->node, level->index++);
    }
    return node != NULL && node->settled < node->value_count ? node : NULL;
}

static void node_follow(struct json_select *select, struct select_node *node,
                        enum json_kind kind)
{
    assert(select->open <= HAPLO_POINTER_DEPTH_MAX);
    select->levels[select->open++] =
        (struct select_level){.node = node, .is_map = kind == JSON_MAP};
}

/* The value of a node has ended. Returns false if nothing is left to find. */
static bool node_settle(struct select_node *node)
{
    size_t count = node->value_count - node->settled;
    for (; node->parent != NULL; node = node->parent) {
        node->settled += count;
    }
    node->settled += count;
    return node->settled < node->value_count;
}

/* Events. Deeper than the innermost followed map or array, they are ignored. */

static struct json_value *value_of_node(struct json_select *select,
                                        const struct select_node *node)
{
    return node->value != NO_VALUE ? &select->values[node->value] : NULL;
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
    struct select_node *node = node_of_value(select);
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
    return node_settle(node);
}

static bool on_key(void *context, const char *name, size_t size)
{
    struct json_select *select = context;
    if (select->reader.depth == select->open) {
        struct select_level *level = &select->levels[select->open - 1];
        level->next = child_named(level->node, name, size);
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
    struct select_node *node = select->levels[--select->open].node;
    struct json_value *value = value_of_node(select, node);
    if (value != NULL) {
        value->size = (size_t)(select->text + select->before - value->text);
    }
    return node_settle(node);
}

/* A document */

static void values_reset(struct json_select *select)
{
    for (size_t i = 0; i < select->count; i++) {
        select->values[i] =
            (struct json_value){.kind = JSON_MISSING, .text = ""};
    }
}

static void run_begin(struct json_select *select, const char *text)
{
    values_reset(select);
    for (size_t i = 0; i < select->node_count; i++) {
        select->nodes[i].settled = 0;
    }
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
    for (size_t i = 0; i < select->count; i++) {
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
    for (size_t i = 0; error == 0 && i < select->count; i++) {
        struct json_value *value = &select->values[i];
        if (value->kind != JSON_STRING) {
            continue;
        }
        bool is_escaped = has_escapes(value);
        value->text++;
        value->size -= 2;
        if (is_escaped) {
            value->is_replaced = !json_text_is_sound(value->text, value->size);
            value->size = json_text_decode(value->text, value->size, to);
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
    assert(index < select->count);
    return &select->values[select->value_of[index]];
}

/* Compiling */

static bool segments_are_equal(const struct json_segment *a,
                               const struct json_segment *b)
{
    return a->size == b->size && memcmp(a->name, b->name, a->size) == 0;
}

/* The child of a node with this segment, added if there is none. */
static struct select_node *child_ensure(struct json_select *select,
                                        struct select_node *parent,
                                        const struct json_segment *segment)
{
    struct select_node **link = &parent->child;
    while (*link != NULL && !segments_are_equal((*link)->segment, segment)) {
        link = &(*link)->sibling;
    }
    if (*link == NULL) {
        *link = &select->nodes[select->node_count++];
        **link = (struct select_node){
            .segment = segment, .parent = parent, .value = NO_VALUE};
    }
    return *link;
}

static void pointer_add(struct json_select *select, size_t index)
{
    const struct json_pointer *pointer = &select->pointers[index];
    struct select_node *node = select->nodes;
    for (size_t i = 0; i < pointer->count; i++) {
        node = child_ensure(select, node, &pointer->segments[i]);
    }
    if (node->value == NO_VALUE) {
        node->value = index;
        for (struct select_node *up = node; up != NULL; up = up->parent) {
            up->value_count++;
        }
    }
    select->value_of[index] = node->value;
}

static int pointers_parse(struct json_select *select,
                          const char *const *pointers, size_t count,
                          size_t *bad, struct reason *why)
{
    for (size_t i = 0; i < count; i++) {
        int error = json_pointer_init(&select->pointers[i], pointers[i], why);
        if (error != 0) {
            if (bad != NULL) {
                *bad = i;
            }
            return error;
        }
        select->count++;
    }
    return 0;
}

static int tree_build(struct json_select *select, struct reason *why)
{
    size_t node_max = 1;
    for (size_t i = 0; i < select->count; i++) {
        node_max += select->pointers[i].count;
    }
    select->nodes = alloc_zeroed(node_max, sizeof *select->nodes);
    if (select->nodes == NULL) {
        return reason_set(why, HAPLO_ENOMEM, "out of memory");
    }
    select->nodes[0].value = NO_VALUE;
    select->node_count = 1;
    for (size_t i = 0; i < select->count; i++) {
        pointer_add(select, i);
    }
    values_reset(select);
    return 0;
}

int json_select_new(struct json_select **out, const char *const *pointers,
                    size_t count, size_t *bad, struct reason *why)
{
    *out = NULL;
    struct json_select *select = alloc_zeroed(1, sizeof *select);
    if (select == NULL) {
        return reason_set(why, HAPLO_ENOMEM, "out of memory");
    }
    int error = reason_set(why, HAPLO_ENOMEM, "out of memory");
    select->pointers = alloc_zeroed(count + 1, sizeof *select->pointers);
    select->value_of = alloc_zeroed(count + 1, sizeof *select->value_of);
    select->values = alloc_zeroed(count + 1, sizeof *select->values);
    if (select->pointers != NULL && select->value_of != NULL &&
        select->values != NULL) {
        error = pointers_parse(select, pointers, count, bad, why);
        if (error == 0) {
            error = tree_build(select, why);
        }
    }
    if (error != 0) {
        json_select_free(select);
        return error;
    }
    *out = select;
    return 0;
}

void json_select_free(struct json_select *select)
{
    if (select == NULL) {
        return;
    }
    for (size_t i = 0; i < select->count; i++) {
        json_pointer_free(&select->pointers[i]);
    }
    alloc_free(select->pointers);
    alloc_free(select->nodes);
    alloc_free(select->value_of);
    alloc_free(select->values);
    alloc_free(select->decoded);
    alloc_free(select);
}
