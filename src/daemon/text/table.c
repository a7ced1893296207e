#include "daemon/text/table.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/reason.h"
#include "base/wall_clock.h"

#define ROWS_KEPT 200 /* until the widths are decided */
#define GAP 2         /* columns between two columns */
#define ELLIPSIS "\xe2\x80\xa6"

struct table_cell {
    char *text;                /* owned */
    enum terminal_style style; /* its colour */
};

void table_init(struct table *table, const struct terminal *terminal,
                const struct table_column *columns, size_t column_count)
{
    assert(column_count > 0 && column_count <= TABLE_COLUMNS_MAX);
    *table = (struct table){
        .terminal = *terminal,
        .columns = columns,
        .column_count = column_count,
    };
}

void table_begin_after(struct table *table, const char *prefix)
{
    table->prefix = prefix;
}

/* Widths */

static unsigned line_width(const struct table *table)
{
    unsigned width = 0;
    for (size_t i = 0; i < table->column_count; i++) {
        width += table->widths[i] + (i > 0 ? GAP : 0);
    }
    return width;
}

/* The widest of those that can be shortened; column_count: no column can. */
static size_t widest_column(const struct table *table)
{
    size_t widest = table->column_count;
    for (size_t i = 0; i < table->column_count; i++) {
        unsigned min = table->columns[i].short_min;
        if (min > 0 && table->widths[i] > min &&
            (widest == table->column_count ||
             table->widths[i] > table->widths[widest])) {
            widest = i;
        }
    }
    return widest;
}

static void decide_widths(struct table *table)
{
    size_t widest;
    assert(table->column_count > 0);
    for (size_t i = 0; i < table->column_count; i++) {
        table->widths[i] = terminal_columns(table->columns[i].name);
    }
    for (size_t i = 0; i < table->kept_count; i++) {
        unsigned *width = &table->widths[i % table->column_count];
        unsigned columns = terminal_columns(table->cells[i].text);
        *width = columns > *width ? columns : *width;
    }
    while (line_width(table) > table->terminal.width &&
           (widest = widest_column(table)) < table->column_count) {
        table->widths[widest]--;
    }
    table->has_widths = true;
}

/* Printing */

static void print_spaces(FILE *out, unsigned count)
{
    fprintf(out, "%*s", (int)count, "");
}

/* One that is too wide for a column that cannot be shortened is printed as it
 * is. */
static void print_aligned(const struct table *table, size_t column,
                          const char *text, enum terminal_style style)
{
    FILE *out = table->terminal.out;
    unsigned width = table->widths[column];
    unsigned columns = terminal_columns(text);
    bool is_short = columns > width && table->columns[column].short_min > 0;
    size_t size = is_short ? terminal_prefix(text, width - 1) : strlen(text);
    unsigned rest = columns < width ? width - columns : 0;
    bool is_last = column + 1 == table->column_count;
    if (column > 0 && (!is_last || text[0] != '\0')) {
        print_spaces(out, GAP);
    }
    if (table->columns[column].is_right) {
        print_spaces(out, rest);
    }
    fprintf(out, "%s%.*s%s%s", terminal_begin(&table->terminal, style),
            (int)size, text, is_short ? ELLIPSIS : "",
            terminal_end(&table->terminal, style));
    if (!table->columns[column].is_right && !is_last) {
        print_spaces(out, rest);
    }
}

static void print_cell(const struct table *table, size_t column,
                       const char *text, enum terminal_style style)
{
    FILE *out = table->terminal.out;
    if (table->terminal.is_terminal) {
        print_aligned(table, column, text, style);
    } else {
        fprintf(out, "%s%s", column > 0 ? "\t" : "", text);
    }
    if (column + 1 == table->column_count) {
        fputc('\n', out);
    }
}

static void print_names(const struct table *table)
{
    if (table->prefix != NULL) {
        fputs(table->prefix, table->terminal.out);
    }
    for (size_t i = 0; i < table->column_count; i++) {
        print_cell(table, i, table->columns[i].name, TERMINAL_HEADING);
    }
}

/* Prints the rows that were kept. */
static void print_kept(struct table *table)
{
    decide_widths(table);
    print_names(table);
    for (size_t i = 0; i < table->kept_count; i++) {
        print_cell(table, i % table->column_count, table->cells[i].text,
                   table->cells[i].style);
        free(table->cells[i].text);
    }
    table->kept_count = 0;
}

/* Cells */

static void keep(struct table *table, enum terminal_style style, char *text)
{
    size_t count = ROWS_KEPT * table->column_count;
    if (table->cells == NULL) {
        table->cells = malloc(count * sizeof *table->cells);
    }
    if (table->cells == NULL) {
        table->is_failed = true;
        free(text);
        return;
    }
    table->cells[table->kept_count++] =
        (struct table_cell){.text = text, .style = style};
    if (table->kept_count == count) {
        print_kept(table);
    }
}

void table_text(struct table *table, enum terminal_style style,
                const char *text)
{
    char *copy = table->is_failed ? NULL : strdup(text);
    if (copy == NULL) {
        table->is_failed = true;
        return;
    }
    reason_clean(copy);
    size_t column = table->cell_count++ % table->column_count;
    if (table->terminal.is_terminal && !table->has_widths) {
        keep(table, style, copy);
        return;
    }
    if (table->cell_count == 1) {
        print_names(table);
    }
    print_cell(table, column, copy, style);
    free(copy);
}

void table_format(struct table *table, enum terminal_style style,
                  const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int size = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (size < 0) {
        table->is_failed = true;
        return;
    }
    table_text(table, style, text);
    free(text);
}

void table_time(struct table *table, uint64_t at_ms)
{
    char text[WALL_CLOCK_TEXT_SIZE];
    if (at_ms == 0) {
        table_text(table, TERMINAL_PLAIN, "-");
        return;
    }
    wall_clock_text(at_ms, text);
    if (table->terminal.is_terminal) { /* "2026-11-28 20:49" */
        text[10] = ' ';
        text[16] = '\0';
    }
    table_text(table, TERMINAL_PLAIN, text);
}

void table_count(struct table *table, uint64_t count, enum terminal_style style)
{
    table_format(table, count > 0 ? style : TERMINAL_PLAIN, "%" PRIu64, count);
}

int table_end(struct table *table)
{
    if (table->kept_count > 0) {
        print_kept(table);
    }
    free(table->cells);
    table->cells = NULL;
    return table->is_failed ? HAPLO_ENOMEM : 0;
}
