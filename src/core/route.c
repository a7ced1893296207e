/*
 * How a message is judged:
 *
 *   - All pointers of all alternatives are selected in one pass, and with them
 *     the workflows of the object, if a short form needs them.
 *   - The alternatives are tried in order, until one matches.
 *   - Of an array, each element is read again, alone, until one matches.
 */
#include "core/route.h"

#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "core/glob.h"
#include "core/json_elements.h"
#include "core/json_select.h"

#define NO_POINTER SIZE_MAX

/* What is selected in an element of an array: the element itself, and for an
 * entry of the workflows what the short forms stand for. */
static const char *const element_pointers[] = {"", "/workType", "/state",
                                               "/closed"};
#define ELEMENT_POINTER_COUNT \
    (sizeof element_pointers / sizeof element_pointers[0])

struct route {
    const struct route_rules *rules; /* borrowed */
    struct json_select *select;      /* owned; of a message, a pointer for each
                                        test that has one, in order */
    size_t workflows;                /* pointer to them; NO_POINTER: none */
    struct json_select *element;     /* owned; of element_pointers */
    struct json_elements elements;   /* of the array being read */
};

/* Keys and values */

/* The index in element_pointers; 0: it is no short form. */
static size_t short_form_index(const char *key)
{
    for (size_t i = 1; i < ELEMENT_POINTER_COUNT; i++) {
        if (strcmp(key, element_pointers[i] + 1) == 0) {
            return i;
        }
    }
    return 0;
}

const char *route_short_form(size_t index)
{
    return index + 1 < ELEMENT_POINTER_COUNT ? element_pointers[index + 1] + 1
                                             : NULL;
}

int route_key_check(const char *key, struct reason *why)
{
    struct json_pointer pointer;
    if (key[0] != '/') {
        return short_form_index(key) != 0
                   ? 0
                   : reason_set(why, HAPLO_EINVAL,
                                "\"%.200s\" is neither a JSON pointer, which "
                                "begins with '/', nor one of workType, state "
                                "and closed",
                                key);
    }
    int error = json_pointer_init(&pointer, key, why);
    if (error == 0) {
        json_pointer_free(&pointer);
    }
    return error;
}

int route_value_check(const char *value, struct reason *why)
{
    return glob_is_valid(value)
               ? 0
               : reason_set(why, HAPLO_EINVAL,
                            "in \"%.200s\" a backslash is not followed by "
                            "'*', '?' or a backslash: write two of them",
                            value);
}

/* Matching */

static bool value_matches(const char *pattern, const struct json_value *value)
{
    switch (value->kind) {
    case JSON_STRING:
        return glob_matches(pattern, value->text, value->size);
    case JSON_NUMBER:
    case JSON_BOOLEAN:
        return strlen(pattern) == value->size &&
               memcmp(pattern, value->text, value->size) == 0;
    case JSON_NULL:
    case JSON_MISSING:
        return strcmp(pattern, "null") == 0;
    default:
        return false;
    }
}

static bool any_matches(const struct route_test *test,
                        const struct json_value *value)
{
    size_t i = 0;
    while (i < test->value_count && !value_matches(test->values[i], value)) {
        i++;
    }
    return i < test->value_count;
}

/* An array, whose elements are tried until one matches. */
struct trial {
    struct route *route;                       /* that needs to know */
    const struct route_test *test;             /* of each element, or NULL */
    const struct route_alternative *workflows; /* its short forms, otherwise */
    int result; /* 1: one element matches; 0: none so far; HAPLO_ENOMEM */
};

/* True if a workflow matches all short forms of the alternative. */
static bool workflow_matches(const struct route *route,
                             const struct route_alternative *alternative)
{
    for (size_t i = 0; i < alternative->count; i++) {
        const struct route_test *test = &alternative->tests[i];
        size_t index = short_form_index(test->key);
        if (index != 0 &&
            !any_matches(test, json_select_value(route->element, index))) {
            return false;
        }
    }
    return true;
}

static bool on_element(void *data, const char *text, size_t size)
{
    struct trial *trial = data;
    struct json_select *element = trial->route->element;
    int error = json_select_run(element, text, size);
    if (error != 0) {
        trial->result = error == HAPLO_ENOMEM ? error : 0;
    } else if (trial->test != NULL) {
        trial->result = any_matches(trial->test, json_select_value(element, 0));
    } else {
        trial->result = workflow_matches(trial->route, trial->workflows);
    }
    return trial->result == 0;
}

static int trial_run(struct trial *trial, const struct json_value *array)
{
    if (array->kind != JSON_ARRAY) {
        return 0;
    }
    int error = json_elements_each(&trial->route->elements, array->text,
                                   array->size, on_element, trial);
    return error == HAPLO_ENOMEM ? error : trial->result;
}

/* pointer: that of its first test that has one; advanced past its last. */
static int alternative_accepts(struct route *route,
                               const struct route_alternative *alternative,
                               size_t *pointer)
{
    int result = 1;
    bool has_short_form = false;
    for (size_t i = 0; i < alternative->count; i++) {
        const struct route_test *test = &alternative->tests[i];
        if (short_form_index(test->key) != 0) {
            has_short_form = true;
            continue;
        }
        const struct json_value *value =
            json_select_value(route->select, (*pointer)++);
        if (result == 1 && !any_matches(test, value)) {
            struct trial trial = {.route = route, .test = test};
            result = trial_run(&trial, value);
        }
    }
    if (result == 1 && has_short_form) {
        struct trial trial = {.route = route, .workflows = alternative};
        result = trial_run(&trial,
                           json_select_value(route->select, route->workflows));
    }
    return result;
}

int route_accepts(struct route *route, const char *text, size_t size)
{
    size_t pointer = 0;
    int result = json_select_run(route->select, text, size);
    if (result != 0) {
        return result == HAPLO_ENOMEM ? result : 0;
    }
    for (size_t i = 0; result == 0 && i < route->rules->count; i++) {
        result = alternative_accepts(route, &route->rules->alternatives[i],
                                     &pointer);
    }
    return result;
}

/* Compiling */

static int alternative_check(const struct route_alternative *alternative,
                             struct reason *why)
{
    int error = 0;
    for (size_t i = 0; error == 0 && i < alternative->count; i++) {
        const struct route_test *test = &alternative->tests[i];
        error = route_key_check(test->key, why);
        for (size_t j = 0; error == 0 && j < test->value_count; j++) {
            error = route_value_check(test->values[j], why);
        }
    }
    return error;
}

static size_t test_count(const struct route_rules *rules)
{
    size_t count = 0;
    for (size_t i = 0; i < rules->count; i++) {
        count += rules->alternatives[i].count;
    }
    return count;
}

/* pointers has room for all tests and the workflows. */
static int select_make(struct route *route, const char **pointers,
                       struct reason *why)
{
    size_t count = 0;
    bool has_short_form = false;
    for (size_t i = 0; i < route->rules->count; i++) {
        const struct route_alternative *alternative =
            &route->rules->alternatives[i];
        for (size_t j = 0; j < alternative->count; j++) {
            if (short_form_index(alternative->tests[j].key) == 0) {
                pointers[count++] = alternative->tests[j].key;
            } else {
                has_short_form = true;
            }
        }
    }
    route->workflows = NO_POINTER;
    if (has_short_form) {
        route->workflows = count;
        pointers[count++] = "/object/workflows";
    }
    return json_select_new(&route->select, pointers, count, NULL, why);
}

static int compile(struct route *route, struct reason *why)
{
    int error = 0;
    for (size_t i = 0; error == 0 && i < route->rules->count; i++) {
        error = alternative_check(&route->rules->alternatives[i], why);
    }
    if (error == 0) {
        error = json_select_new(&route->element, element_pointers,
                                ELEMENT_POINTER_COUNT, NULL, why);
    }
    if (error != 0) {
        return error;
    }
    const char **pointers =
        alloc_zeroed(test_count(route->rules) + 1, sizeof *pointers);
    if (pointers == NULL) {
        return reason_set(why, HAPLO_ENOMEM, "out of memory");
    }
    error = select_make(route, pointers, why);
    alloc_free(pointers);
    return error;
}

int route_new(struct route **out, const struct route_rules *rules,
              struct reason *why)
{
    *out = NULL;
    struct route *route = alloc_zeroed(1, sizeof *route);
    if (route == NULL) {
        return reason_set(why, HAPLO_ENOMEM, "out of memory");
    }
    route->rules = rules;
    int error = compile(route, why);
    if (error != 0) {
        route_free(route);
        return error;
    }
    *out = route;
    return 0;
}

void route_free(struct route *route)
{
    if (route != NULL) {
        json_select_free(route->select);
        json_select_free(route->element);
        alloc_free(route);
    }
}
