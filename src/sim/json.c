#include "sim/json.h"

#include <stdbool.h>
#include <string.h>

#define JSON_DEPTH_MAX 200 /* bounds the recursion below */

const char *sim_json_blank(const char *at, const char *end)
{
    while (at < end &&
           (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n')) {
        at++;
    }
    return at;
}

static const char *json_string(const char *at, const char *end)
{
    for (at++; at < end; at++) {
        if ((unsigned char)*at < 0x20) {
            return NULL;
        }
        if (*at == '"') {
            return at + 1;
        }
        if (*at == '\\') {
            at++;
        }
    }
    return NULL;
}

static const char *json_word(const char *at, const char *end)
{
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t size = strlen(words[i]);
        if ((size_t)(end - at) >= size && memcmp(at, words[i], size) == 0) {
            return at + size;
        }
    }
    const char *start = at;
    while (at < end && *at != '\0' && strchr("0123456789+-.eE", *at) != NULL) {
        at++;
    }
    return at == start ? NULL : at;
}

static const char *json_value(const char *at, const char *end, int depth);

/* An object or an array: `at` points to its opening bracket. */
static const char *json_members(const char *at, const char *end, int depth)
{
    bool object = *at == '{';
    char close = object ? '}' : ']';
    at = sim_json_blank(at + 1, end);
    if (at < end && *at == close) {
        return at + 1;
    }
    for (;;) {
        if (object) {
            at = at < end && *at == '"' ? json_string(at, end) : NULL;
            at = at == NULL ? NULL : sim_json_blank(at, end);
            if (at == NULL || at == end || *at != ':') {
                return NULL;
            }
            at = sim_json_blank(at + 1, end);
        }
        at = json_value(at, end, depth + 1);
        at = at == NULL ? NULL : sim_json_blank(at, end);
        if (at == NULL || at == end) {
            return NULL;
        }
        if (*at == close) {
            return at + 1;
        }
        if (*at != ',') {
            return NULL;
        }
        at = sim_json_blank(at + 1, end);
    }
}

static const char *json_value(const char *at, const char *end, int depth)
{
    if (at >= end || depth > JSON_DEPTH_MAX) {
        return NULL;
    }
    if (*at == '"') {
        return json_string(at, end);
    }
    if (*at == '{' || *at == '[') {
        return json_members(at, end, depth);
    }
    return json_word(at, end);
}

const char *sim_json_skip(const char *at, const char *end)
{
    at = json_value(sim_json_blank(at, end), end, 0);
    return at == NULL ? NULL : sim_json_blank(at, end);
}

static void json_newline(struct sim_buffer *to, int depth)
{
    sim_buffer_text(to, "\n");
    for (int i = 0; i < depth; i++) {
        sim_buffer_text(to, "  ");
    }
}

static const char *json_open(struct sim_buffer *to, const char *at,
                             const char *end, int *depth)
{
    const char *next = sim_json_blank(at + 1, end);
    sim_buffer_add(to, at, 1);
    if (next < end && (*next == '}' || *next == ']')) {
        sim_buffer_add(to, next, 1);
        return next + 1;
    }
    json_newline(to, ++*depth);
    return next;
}

void sim_json_indent(struct sim_buffer *to, const char *at, const char *end,
                     int depth)
{
    while ((at = sim_json_blank(at, end)) < end) {
        if (*at == '"') {
            const char *stop = json_string(at, end);
            sim_buffer_add(to, at, (size_t)(stop - at));
            at = stop;
        } else if (*at == '{' || *at == '[') {
            at = json_open(to, at, end, &depth);
        } else if (*at == '}' || *at == ']') {
            json_newline(to, --depth);
            sim_buffer_add(to, at++, 1);
        } else {
            sim_buffer_add(to, at, 1);
            if (*at == ',') {
                json_newline(to, depth);
            } else if (*at == ':') {
                sim_buffer_text(to, " ");
            }
            at++;
        }
    }
}

void sim_json_compact(struct sim_buffer *to, const char *at, const char *end)
{
    while ((at = sim_json_blank(at, end)) < end) {
        const char *stop = *at == '"' ? json_string(at, end) : at + 1;
        sim_buffer_add(to, at, (size_t)(stop - at));
        at = stop;
    }
}
