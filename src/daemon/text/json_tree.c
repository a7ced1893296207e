#include "daemon/text/json_tree.h"

#include <stdlib.h>
#include <string.h>

#include <yajl/yajl_tree.h>

#include "base/wall_clock.h"

/* The tree is yajl's: only the pointer has another type. */
static yajl_val value_of(const struct json_tree *tree)
{
    return (yajl_val)tree;
}

struct json_tree *json_tree_read(const char *text)
{
    return (struct json_tree *)yajl_tree_parse(text, NULL, 0);
}

void json_tree_free(struct json_tree *root)
{
    yajl_tree_free(value_of(root)); /* takes NULL */
}

const struct json_tree *json_tree_member(const struct json_tree *tree,
                                         const char *name)
{
    yajl_val value = value_of(tree);
    if (!YAJL_IS_OBJECT(value)) {
        return NULL;
    }
    for (size_t i = 0; i < value->u.object.len; i++) {
        if (strcmp(value->u.object.keys[i], name) == 0) {
            return (const struct json_tree *)value->u.object.values[i];
        }
    }
    return NULL;
}

const struct json_tree *json_tree_item(const struct json_tree *tree,
                                       size_t index)
{
    yajl_val value = value_of(tree);
    return YAJL_IS_ARRAY(value) && index < value->u.array.len
               ? (const struct json_tree *)value->u.array.values[index]
               : NULL;
}

bool json_tree_is_number(const struct json_tree *tree)
{
    yajl_val value = value_of(tree);
    return YAJL_IS_NUMBER(value);
}

const char *json_tree_text(const struct json_tree *tree, const char *name)
{
    yajl_val value =
        value_of(name == NULL ? tree : json_tree_member(tree, name));
    return YAJL_IS_STRING(value) ? value->u.string : NULL;
}

static double number_of(const struct json_tree *tree, const char *name)
{
    yajl_val value = value_of(json_tree_member(tree, name));
    return YAJL_IS_NUMBER(value) ? strtod(value->u.number.r, NULL) : 0;
}

uint64_t json_tree_count(const struct json_tree *tree, const char *name)
{
    yajl_val value = value_of(json_tree_member(tree, name));
    return YAJL_IS_INTEGER(value) && value->u.number.i > 0
               ? (uint64_t)value->u.number.i
               : 0;
}

bool json_tree_bool(const struct json_tree *tree, const char *name)
{
    yajl_val value = value_of(json_tree_member(tree, name));
    return YAJL_IS_TRUE(value);
}

uint64_t json_tree_time(const struct json_tree *tree, const char *name)
{
    const char *text = json_tree_text(tree, name);
    uint64_t at_ms;
    return text != NULL && wall_clock_parse(text, &at_ms) == 0 ? at_ms : 0;
}

uint64_t json_tree_duration(const struct json_tree *tree, const char *name)
{
    double seconds = number_of(tree, name);
    return seconds > 0 && seconds < 1e12 ? (uint64_t)(seconds * 1000 + 0.5) : 0;
}

/* Writing. The depth is that of the API, which is small. */

static void write_object(yajl_val value, struct json_writer *json,
                         const char *name)
{
    json_object(json, name);
    for (size_t i = 0; i < value->u.object.len; i++) {
        json_tree_write((const struct json_tree *)value->u.object.values[i],
                        json, value->u.object.keys[i]);
    }
    json_object_end(json);
}

static void write_array(yajl_val value, struct json_writer *json,
                        const char *name)
{
    json_array(json, name);
    for (size_t i = 0; i < value->u.array.len; i++) {
        json_tree_write((const struct json_tree *)value->u.array.values[i],
                        json, NULL);
    }
    json_array_end(json);
}

void json_tree_write(const struct json_tree *tree, struct json_writer *json,
                     const char *name)
{
    yajl_val value = value_of(tree);
    if (YAJL_IS_OBJECT(value)) {
        write_object(value, json, name);
    } else if (YAJL_IS_ARRAY(value)) {
        write_array(value, json, name);
    } else if (YAJL_IS_STRING(value)) {
        json_text(json, name, value->u.string);
    } else if (YAJL_IS_INTEGER(value) && value->u.number.i >= 0) {
        json_count(json, name, (uint64_t)value->u.number.i);
    } else if (YAJL_IS_NUMBER(value)) {
        double seconds = strtod(value->u.number.r, NULL);
        json_seconds(json, name, (uint64_t)(seconds * 1000 + 0.5));
    } else if (YAJL_IS_TRUE(value) || YAJL_IS_FALSE(value)) {
        json_bool(json, name, YAJL_IS_TRUE(value));
    } else {
        json_null(json, name);
    }
}
