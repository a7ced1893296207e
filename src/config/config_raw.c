#include "config/config_raw.h"

#include <cyaml/cyaml.h>
#include <stdio.h>
#include <string.h>

#include "config/schema_error.h"

/* libcyaml's schema for the whole file. Its parts point at each other. */
struct schema {
    cyaml_schema_field_t top_fields[OPTION_COUNT + 1];      /* */
    cyaml_schema_field_t defaults_fields[OPTION_COUNT + 1]; /* */
    cyaml_schema_field_t sink_fields[OPTION_COUNT + 1];     /* */
    cyaml_schema_field_t server_fields[OPTION_COUNT + 1];   /* */
    cyaml_schema_field_t queue_fields[OPTION_COUNT + 1];    /* */
    cyaml_schema_value_t sink;                              /* */
    cyaml_schema_value_t server;                            /* */
    cyaml_schema_value_t queue;                             /* */
    cyaml_schema_value_t top;                               /* */
};

#define FIELD_LIST(key, structure, member, entry)                           \
    (cyaml_schema_field_t)                                                  \
        CYAML_FIELD_SEQUENCE(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, \
                             structure, member, entry, 0, CYAML_UNLIMITED)

static cyaml_schema_field_t field_make(const struct schema *schema, size_t id)
{
    const char *key = option_table[id].name;
    switch (id) {
    case OPTION_SINKS:
        return FIELD_LIST(key, struct config_raw, sinks, &schema->sink);
    case OPTION_SERVERS:
        return FIELD_LIST(key, struct config_raw, servers, &schema->server);
    case OPTION_QUEUES:
        return FIELD_LIST(key, struct config_raw_server, queues,
                          &schema->queue);
    case OPTION_DEFAULTS:
        return (cyaml_schema_field_t)CYAML_FIELD_MAPPING_PTR(
            key, CYAML_FLAG_OPTIONAL, struct config_raw, defaults,
            schema->defaults_fields);
    default:
        return (cyaml_schema_field_t){
            .key = key,
            .data_offset =
                (uint32_t)(offsetof(struct config_raw_values, values) +
                           id * sizeof(char *)),
            .value = {CYAML_VALUE_STRING(CYAML_FLAG_POINTER |
                                             CYAML_FLAG_OPTIONAL,
                                         char *, 0, CYAML_UNLIMITED)},
        };
    }
}

static void fields_make(const struct schema *schema, enum option_level level,
                        cyaml_schema_field_t *fields)
{
    for (size_t id = 0; id < OPTION_COUNT; id++) {
        if ((option_table[id].levels & level) != 0) {
            *fields++ = field_make(schema, id);
        }
    }
    *fields = (cyaml_schema_field_t)CYAML_FIELD_END;
}

static void schema_make(struct schema *schema)
{
    fields_make(schema, LEVEL_TOP, schema->top_fields);
    fields_make(schema, LEVEL_DEFAULTS, schema->defaults_fields);
    fields_make(schema, LEVEL_SINK, schema->sink_fields);
    fields_make(schema, LEVEL_SERVER, schema->server_fields);
    fields_make(schema, LEVEL_QUEUE, schema->queue_fields);
    schema->sink = (cyaml_schema_value_t){CYAML_VALUE_MAPPING(
        CYAML_FLAG_DEFAULT, struct config_raw_values, schema->sink_fields)};
    schema->server = (cyaml_schema_value_t){CYAML_VALUE_MAPPING(
        CYAML_FLAG_DEFAULT, struct config_raw_server, schema->server_fields)};
    schema->queue = (cyaml_schema_value_t){CYAML_VALUE_MAPPING(
        CYAML_FLAG_DEFAULT, struct config_raw_values, schema->queue_fields)};
    schema->top = (cyaml_schema_value_t){CYAML_VALUE_MAPPING(
        CYAML_FLAG_POINTER, struct config_raw, schema->top_fields)};
}

static void log_collect(cyaml_log_t level, void *context, const char *format,
                        va_list arguments)
{
    char line[SCHEMA_ERROR_LINE_SIZE];
    vsnprintf(line, sizeof line, format, arguments);
    if (level == CYAML_LOG_ERROR) {
        schema_error_collect(context, line);
    }
}

int config_raw_load(const unsigned char *text, size_t size,
                    const struct config_lines *lines,
                    struct config_errors *errors, struct config_raw **out)
{
    struct schema schema;
    struct schema_error error = {.depth = 0};
    cyaml_config_t config = {
        .log_fn = log_collect,
        .log_ctx = &error,
        .mem_fn = cyaml_mem,
        .log_level = CYAML_LOG_ERROR,
    };
    cyaml_data_t *data = NULL;
    schema_make(&schema);
    cyaml_err_t result =
        cyaml_load_data(text, size, &config, &schema.top, &data, NULL);
    *out = data;
    if (result == CYAML_OK && data != NULL) {
        return 0;
    }
    if (result == CYAML_OK) {
        return config_errors_add(errors, 0,
                                 "the file is empty: give it state_dir, sinks "
                                 "and servers");
    }
    /* The file is good YAML, as config_lines.c has read it before. */
    if (result == CYAML_ERR_OOM || result == CYAML_ERR_LIBYAML_PARSER ||
        result == CYAML_ERR_LIBYAML_PARSER_INIT) {
        return config_errors_add(errors, 0, "out of memory");
    }
    if (error.what[0] == '\0') {
        snprintf(error.what, sizeof error.what, "%s", cyaml_strerror(result));
    }
    return schema_error_print(&error, lines, errors);
}

void config_raw_free(struct config_raw *raw)
{
    struct schema schema;
    cyaml_config_t config = {
        .log_fn = NULL,
        .mem_fn = cyaml_mem,
        .log_level = CYAML_LOG_ERROR,
    };
    schema_make(&schema);
    cyaml_free(&config, &schema.top, raw, 0);
}
