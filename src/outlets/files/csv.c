#include "outlets/files/csv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/wall_clock.h"
#include "core/json_select.h"
#include "outlets/message_id.h"
#include "outlets/ndjson.h"

#define LINE_SIZE_MIN 4096
#define LINE_KEEP_MAX 1048576 /* a larger one is freed with the next line */

/* What is known about a message; the names are those of the envelope. */
enum csv_source { SERVER, QUEUE, ARRIVAL, ID, RECEIVED_AT, REPLAY, POINTER };

static const char *const source_names[POINTER] = {
    "server", "queue", "arrival", "id", "received_at", "replay"};

struct csv_column {
    struct haplo_slice name; /* borrowed */
    enum csv_source source;  /* of its values */
};

struct csv {
    struct csv_column *columns; /* owned */
    size_t count;               /* length of columns */
    struct json_select *select; /* owned: those with POINTER, in order */
    bool escapes_formulas;      /* see csv_open() */
    const char *inbox_uuid;     /* borrowed */
    char *line;                 /* owned: the current one */
    size_t size;                /* bytes of line */
    size_t capacity;            /* allocated */
    bool is_short;              /* of memory: line is incomplete */
};

/* Lines */

/* Room for so many more bytes; NULL if memory runs out. */
static char *line_reserve(struct csv *csv, size_t size)
{
    size_t needed = csv->size + size;
    size_t capacity =
        2 * csv->capacity > LINE_SIZE_MIN ? 2 * csv->capacity : LINE_SIZE_MIN;
    char *line;

    if (csv->is_short) {
        return NULL;
    }
    if (needed > csv->capacity) {
        capacity = needed > capacity ? needed : capacity;
        line = realloc(csv->line, capacity);
        csv->is_short = line == NULL;
        if (line == NULL) {
            return NULL;
        }
        csv->line = line;
        csv->capacity = capacity;
    }
    return csv->line + csv->size;
}

static void bytes_put(struct csv *csv, const char *bytes, size_t size)
{
    char *out = line_reserve(csv, size);

    if (out != NULL) {
        memcpy(out, bytes, size);
        csv->size += size;
    }
}

static void line_begin(struct csv *csv)
{
    if (csv->capacity > LINE_KEEP_MAX) {
        free(csv->line);
        csv->line = NULL;
        csv->capacity = 0;
    }
    csv->size = 0;
    csv->is_short = false;
}

static int line_end(struct csv *csv, struct haplo_slice *line)
{
    bytes_put(csv, "\r\n", 2);
    *line = (struct haplo_slice){csv->line, csv->size};
    return csv->is_short ? HAPLO_ENOMEM : 0;
}

/* Fields */

static bool has_special(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '"' || text[i] == ',' || text[i] == '\r' ||
            text[i] == '\n') {
            return true;
        }
    }
    return size > 0 && (text[0] == ' ' || text[size - 1] == ' ');
}

static void quoted_put(struct csv *csv, const char *text, size_t size)
{
    const char *quote;

    while ((quote = memchr(text, '"', size)) != NULL) {
        size_t part = (size_t)(quote - text) + 1;

        bytes_put(csv, text, part);
        bytes_put(csv, "\"", 1);
        text += part;
        size -= part;
    }
    bytes_put(csv, text, size);
}

static void field_put(struct csv *csv, const char *text, size_t size)
{
    if (!has_special(text, size)) {
        bytes_put(csv, text, size);
        return;
    }
    bytes_put(csv, "\"", 1);
    quoted_put(csv, text, size);
    bytes_put(csv, "\"", 1);
}

/* Spreadsheets calculate what begins like this, in quotes or not. */
static bool is_formula(const char *text, size_t size)
{
    return size > 0 && text[0] != '\0' && strchr("=+-@\t\r", text[0]) != NULL;
}

static void string_put(struct csv *csv, const char *text, size_t size)
{
    if (size == 0) {
        bytes_put(csv, "\"\"", 2); /* unlike what is missing */
    } else if (csv->escapes_formulas && is_formula(text, size)) {
        bytes_put(csv, "\"'", 2);
        quoted_put(csv, text, size);
        bytes_put(csv, "\"", 1);
    } else {
        field_put(csv, text, size);
    }
}

static void json_put(struct csv *csv, const char *text, size_t size)
{
    struct ndjson ndjson = {.in_string = false};
    char *packed = malloc(size);

    if (packed == NULL) {
        csv->is_short = true;
        return;
    }
    size = ndjson_pack(&ndjson, text, size, packed);
    field_put(csv, packed, size);
    free(packed);
}

static void value_put(struct csv *csv, const struct json_value *value)
{
    switch (value->kind) {
    case JSON_NULL:
    case JSON_MISSING:
        break;
    case JSON_STRING:
        string_put(csv, value->text, value->size);
        break;
    case JSON_BOOLEAN:
    case JSON_NUMBER:
        bytes_put(csv, value->text, value->size);
        break;
    case JSON_MAP:
    case JSON_ARRAY:
        json_put(csv, value->text, value->size);
        break;
    }
}

static void known_put(struct csv *csv, enum csv_source source,
                      const struct inbox_message *message,
                      const struct outlet_parcel *parcel)
{
    char text[MESSAGE_ID_SIZE_MAX] = "";

    switch (source) {
    case SERVER:
        field_put(csv, message->server, strlen(message->server));
        return;
    case QUEUE:
        field_put(csv, message->queue, strlen(message->queue));
        return;
    case ARRIVAL:
        (void)snprintf(text, sizeof(text), "%" PRIu64, message->arrival);
        break;
    case ID:
        (void)message_id_write(text, message, csv->inbox_uuid,
                               parcel->has_new_ids ? parcel->replay_id : 0);
        break;
    case RECEIVED_AT:
        (void)wall_clock_text(message->received_at_ms, text);
        break;
    case REPLAY:
        if (parcel->replay_id != 0) {
            (void)snprintf(text, sizeof(text), "%" PRIu64, parcel->replay_id);
        }
        break;
    case POINTER:
        break;
    }
    bytes_put(csv, text, strlen(text));
}

int csv_header(struct csv *csv, struct haplo_slice *line)
{
    line_begin(csv);
    for (size_t i = 0; i < csv->count; i++) {
        bytes_put(csv, ",", i > 0);
        field_put(csv, csv->columns[i].name.data, csv->columns[i].name.size);
    }
    return line_end(csv, line);
}

int csv_row(struct csv *csv, const struct inbox_message *message,
            const struct outlet_parcel *parcel, struct haplo_slice *line)
{
    size_t pointer_count = 0;
    int result =
        json_select_run(csv->select, message->body.data, message->body.size);

    if (result != 0) {
        return result;
    }
    line_begin(csv);
    for (size_t i = 0; i < csv->count; i++) {
        bytes_put(csv, ",", i > 0);
        if (csv->columns[i].source == POINTER) {
            value_put(csv, json_select_value(csv->select, pointer_count++));
        } else {
            known_put(csv, csv->columns[i].source, message, parcel);
        }
    }
    return line_end(csv, line);
}

/* Columns */

/* Splits "NAME=SOURCE". Returns the source, or NULL if there is no name. */
static const char *source_of(const char *column)
{
    const char *equals = strchr(column, '=');

    return equals != NULL && equals != column ? equals + 1 : NULL;
}

/* POINTER if it is nothing that is known. */
static enum csv_source source_find(const char *source)
{
    int found = 0;

    while (found < POINTER && strcmp(source, source_names[found]) != 0) {
        found++;
    }
    return (enum csv_source)found;
}

int csv_column_check(const char *column, char *why, size_t why_size)
{
    const char *source = source_of(column);
    struct json_select *select;
    struct reason reason;
    int result;

    if (source == NULL) {
        return reason_write(why, why_size, HAPLO_EINVAL,
                            "%s: write NAME=POINTER",
                            column[0] == '=' ? "no name" : "no pointer");
    }
    if (source_find(source) != POINTER) {
        return 0;
    }
    if (source[0] != '/') {
        return reason_write(why, why_size, HAPLO_EINVAL,
                            "write a JSON pointer that begins with / after the "
                            "name, or one of server, queue, arrival, id, "
                            "received_at, replay");
    }
    result = json_select_new(&select, &source, 1, NULL, &reason);
    if (result != 0) {
        return reason_write(why, why_size, HAPLO_EINVAL, "%s",
                            result == HAPLO_ENOMEM ? "out of memory"
                                                   : reason.text);
    }
    json_select_free(select);
    return 0;
}

static int columns_compile(struct csv *csv, const char *const *columns,
                           const char **pointers, struct reason *why)
{
    size_t pointer_count = 0;
    int result;

    for (size_t i = 0; i < csv->count; i++) {
        struct csv_column *column = &csv->columns[i];
        const char *source = source_of(columns[i]);

        if (source == NULL) {
            return reason_set(why, HAPLO_EINVAL, "%s: no name", columns[i]);
        }
        column->name =
            (struct haplo_slice){columns[i], (size_t)(source - 1 - columns[i])};
        column->source = source_find(source);
        if (column->source == POINTER) {
            pointers[pointer_count++] = source;
        }
    }
    result = json_select_new(&csv->select, pointers, pointer_count, NULL, why);
    return result == HAPLO_ENOMEM
               ? reason_set(why, result, "columns: out of memory")
               : result;
}

int csv_open(struct csv **out, const char *const *columns,
             bool escapes_formulas, const char *inbox_uuid, struct reason *why)
{
    struct csv *csv = calloc(1, sizeof(*csv));
    size_t count = 0;
    const char **pointers;
    int result;

    while (columns[count] != NULL) {
        count++;
    }
    pointers = calloc(count + 1, sizeof(*pointers));
    if (csv != NULL) {
        csv->columns = calloc(count + 1, sizeof(*csv->columns));
    }
    if (csv == NULL || csv->columns == NULL || pointers == NULL) {
        free(pointers);
        csv_close(csv);
        return reason_set(why, HAPLO_ENOMEM, "columns: out of memory");
    }
    csv->count = count;
    csv->escapes_formulas = escapes_formulas;
    csv->inbox_uuid = inbox_uuid;
    result = columns_compile(csv, columns, pointers, why);
    free(pointers);
    if (result != 0) {
        csv_close(csv);
        return result;
    }
    *out = csv;
    return 0;
}

void csv_close(struct csv *csv)
{
    if (csv != NULL) {
        json_select_free(csv->select);
        free(csv->columns);
        free(csv->line);
        free(csv);
    }
}
