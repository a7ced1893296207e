#include "config/config_lines.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct config_lines {
    yaml_document_t document; /* */
};

static yaml_node_t *node_at(const struct config_lines *lines, int node)
{
    /* libyaml's getter does not write, it only lacks the const. */
    return yaml_document_get_node((yaml_document_t *)&lines->document, node);
}

static int mark_line(const yaml_mark_t *mark)
{
    return (int)mark->line + 1;
}

/* A reader's error has no mark, only an offset in bytes. */
static int offset_line(const unsigned char *text, size_t size, size_t offset)
{
    int line = 1;
    for (size_t i = 0; i < size && i < offset; i++) {
        line += text[i] == '\n';
    }
    return line;
}

static void syntax_error(const yaml_parser_t *parser, const unsigned char *text,
                         size_t size, struct config_errors *errors)
{
    const char *problem = parser->problem ? parser->problem : "no YAML";
    switch (parser->error) {
    case YAML_NO_ERROR: /* it forgets to say so in places */
    case YAML_MEMORY_ERROR:
        config_errors_add(errors, 0, "out of memory");
        return;
    case YAML_READER_ERROR:
        config_errors_add(errors,
                          offset_line(text, size, parser->problem_offset),
                          "%s: save the file as UTF-8 text", problem);
        return;
    case YAML_COMPOSER_ERROR:
        config_errors_add(errors, mark_line(&parser->problem_mark),
                          "%s: define it above with &", problem);
        return;
    default:
        config_errors_add(errors, mark_line(&parser->problem_mark),
                          "column %zu: %s%s%s: check the indentation (no "
                          "tabs), colons and quotes here and above",
                          parser->problem_mark.column + 1, problem,
                          parser->context ? " " : "",
                          parser->context ? parser->context : "");
    }
}

/* A second document in the file would be ignored. */
static int document_end_check(yaml_parser_t *parser, const unsigned char *text,
                              size_t size, struct config_errors *errors)
{
    yaml_document_t next;
    if (!yaml_parser_load(parser, &next)) {
        syntax_error(parser, text, size, errors);
        return -1;
    }
    int line = mark_line(&next.start_mark);
    int is_empty = yaml_document_get_root_node(&next) == NULL;
    yaml_document_delete(&next);
    return is_empty ? 0
                    : config_errors_add(errors, line,
                                        "a second document begins: keep one "
                                        "in the file");
}

/* libcyaml ends values at a NUL and takes no keys but scalars. */
static int nodes_check(const struct config_lines *lines,
                       struct config_errors *errors)
{
    const yaml_document_t *document = &lines->document;
    for (const yaml_node_t *node = document->nodes.start;
         node < document->nodes.top; node++) {
        if (node->type == YAML_SCALAR_NODE &&
            memchr(node->data.scalar.value, '\0', node->data.scalar.length)) {
            return config_errors_add(errors, mark_line(&node->start_mark),
                                     "a value holds a NUL character: remove "
                                     "it");
        }
        if (node->type != YAML_MAPPING_NODE) {
            continue;
        }
        for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
             pair < node->data.mapping.pairs.top; pair++) {
            const yaml_node_t *key = node_at(lines, pair->key);
            if (key->type != YAML_SCALAR_NODE) {
                return config_errors_add(errors, mark_line(&key->start_mark),
                                         "a key is no plain word: write KEY: "
                                         "VALUE");
            }
        }
    }
    return 0;
}

struct config_lines *config_lines_new(const unsigned char *text, size_t size,
                                      struct config_errors *errors)
{
    yaml_parser_t parser;
    struct config_lines *lines = calloc(1, sizeof *lines);
    if (lines == NULL || !yaml_parser_initialize(&parser)) {
        config_errors_add(errors, 0, "out of memory");
        free(lines);
        return NULL;
    }
    yaml_parser_set_input_string(&parser, text, size);
    if (!yaml_parser_load(&parser, &lines->document)) {
        syntax_error(&parser, text, size, errors);
        free(lines);
        lines = NULL;
    } else if ((node_at(lines, 1) != NULL &&
                document_end_check(&parser, text, size, errors) != 0) ||
               nodes_check(lines, errors) != 0) {
        config_lines_free(lines);
        lines = NULL;
    }
    yaml_parser_delete(&parser);
    return lines;
}

void config_lines_free(struct config_lines *lines)
{
    if (lines != NULL) {
        yaml_document_delete(&lines->document);
        free(lines);
    }
}

int config_lines_root(const struct config_lines *lines)
{
    return node_at(lines, 1) != NULL ? 1 : 0;
}

static const yaml_node_pair_t *pair_find(const struct config_lines *lines,
                                         int node, const char *key, int nth)
{
    const yaml_node_t *mapping = node_at(lines, node);
    if (mapping == NULL || mapping->type != YAML_MAPPING_NODE) {
        return NULL;
    }
    for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
         pair < mapping->data.mapping.pairs.top; pair++) {
        const char *text = config_lines_text(lines, pair->key);
        if (text != NULL && strcmp(text, key) == 0 && nth-- == 0) {
            return pair;
        }
    }
    return NULL;
}

int config_lines_find(const struct config_lines *lines, int node,
                      const char *key, int nth)
{
    const yaml_node_pair_t *pair = pair_find(lines, node, key, nth);
    return pair != NULL ? pair->value : 0;
}

int config_lines_of_key(const struct config_lines *lines, int node,
                        const char *key, int nth)
{
    const yaml_node_pair_t *pair = pair_find(lines, node, key, nth);
    return config_lines_of(lines, pair != NULL ? pair->key : node);
}

int config_lines_item(const struct config_lines *lines, int node, size_t index)
{
    const yaml_node_t *list = node_at(lines, node);
    if (list == NULL || list->type != YAML_SEQUENCE_NODE ||
        index >= (size_t)(list->data.sequence.items.top -
                          list->data.sequence.items.start)) {
        return 0;
    }
    return list->data.sequence.items.start[index];
}

int config_lines_of(const struct config_lines *lines, int node)
{
    const yaml_node_t *found = node_at(lines, node);
    return found != NULL ? mark_line(&found->start_mark) : 0;
}

const char *config_lines_text(const struct config_lines *lines, int node)
{
    const yaml_node_t *found = node_at(lines, node);
    return found != NULL && found->type == YAML_SCALAR_NODE
               ? (const char *)found->data.scalar.value
               : NULL;
}
