/*
 * table.h - a table, for people and for scripts.
 *
 *   - On a terminal, columns are aligned, and texts are shortened until a line
 *     fits. The widths are those of the first rows.
 *   - Elsewhere, there is one tab between two columns, a line for each row, and
 *     nothing is shortened: `cut -f` and the like can read it.
 *
 * The first line has the names of the columns. A table without rows prints
 * nothing.
 */
#ifndef DAEMON_TABLE_H
#define DAEMON_TABLE_H

#include <stddef.h>

#include "daemon/text/terminal.h"

#define TABLE_COLUMNS_MAX 16

struct table_column {
    const char *name;   /* in the first line */
    bool is_right;      /* numbers */
    unsigned short_min; /* columns that it may be shortened to; 0: never */
};

struct table_cell; /* table.c */

struct table {
    struct terminal terminal;           /* where it is printed */
    const struct table_column *columns; /* borrowed */
    size_t column_count;                /* length of columns */
    size_t cell_count;                  /* cells so far */
    struct table_cell *cells;           /* owned: those that are not printed */
    size_t kept_count;                  /* length of cells */
    unsigned widths[TABLE_COLUMNS_MAX]; /* once they are known */
    bool has_widths;                    /* they are */
    const char *prefix;                 /* borrowed; printed before the first
                                           line, or NULL */
    bool is_failed;                     /* memory ran out */
};

/* Copies terminal, borrows columns. */
void table_init(struct table *table, const struct terminal *terminal,
                const struct table_column *columns, size_t column_count);

/* Prints this text, which is borrowed, before the table, if it has a row. */
void table_begin_after(struct table *table, const char *prefix);

/* The next cell of the current row, or the first one of the next row. */
void table_text(struct table *table, enum terminal_style style,
                const char *text);
void table_format(struct table *table, enum terminal_style style,
                  const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A time in UTC, "-" for 0, to the minute on a terminal; a number, which has
 * the style unless it is 0. */
void table_time(struct table *table, uint64_t at_ms);
void table_count(struct table *table, uint64_t count,
                 enum terminal_style style);

/* Prints what is left, and frees everything. Returns 0, or HAPLO_ENOMEM: rows
 * are missing. */
int table_end(struct table *table);

#endif
