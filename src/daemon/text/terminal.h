/*
 * terminal.h - where a command prints: the width of the terminal, colours, and
 * a line that tells how far a long operation has got.
 *
 * What is not a terminal gets no colour, no progress, and no text that is
 * shortened. Colours are off as well if NO_COLOR is set and not empty
 * (https://no-color.org), or TERM is "dumb".
 */
#ifndef DAEMON_TERMINAL_H
#define DAEMON_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct terminal {
    FILE *out;        /* borrowed */
    bool is_terminal; /* somebody looks at it */
    bool has_color;   /* and sees colours */
    unsigned width;   /* columns of a line; 0: it is not a terminal */
    unsigned height;  /* lines; 0: it is not a terminal */
};

/* Looks at the stream. */
void terminal_init(struct terminal *terminal, FILE *out);

/* Looks at its size again. */
void terminal_measure(struct terminal *terminal);

/* What a text means, and so its colour. */
enum terminal_style {
    TERMINAL_PLAIN,
    TERMINAL_GOOD,
    TERMINAL_WARNING,
    TERMINAL_BAD,
    TERMINAL_DIM,
    TERMINAL_HEADING,
    TERMINAL_STYLE_COUNT
};

/* The sequence that begins a style, or "" without colours. One that ends it
 * must follow. */
const char *terminal_begin(const struct terminal *terminal,
                           enum terminal_style style);
const char *terminal_end(const struct terminal *terminal,
                         enum terminal_style style);

/* The number of columns that a UTF-8 text takes, and the number of bytes of its
 * first columns. Each code point counts as one: names of queues rarely have
 * others. */
unsigned terminal_columns(const char *text);
size_t terminal_prefix(const char *text, unsigned columns);

/* Progress: a line on stderr that is overwritten, if that is a terminal. */
struct progress_line {
    bool is_on;       /* there is somebody to see it */
    bool is_shown;    /* the line is there */
    uint64_t next_ms; /* not to be shown before that */
};

void progress_line_start(struct progress_line *progress, bool is_quiet);

/* True if it is time to show something. Cheap enough for each message. */
bool progress_line_is_due(struct progress_line *progress);
void progress_line_show(struct progress_line *progress, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Removes the line, so that others can be printed. */
void progress_line_clear(struct progress_line *progress);

#endif
