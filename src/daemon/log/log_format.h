/*
 * log_format.h - one line of the log in one of the formats. Pure.
 */
#ifndef DAEMON_LOG_FORMAT_H
#define DAEMON_LOG_FORMAT_H

#include <stddef.h>
#include <stdint.h>

/* In the order of log_format in config_rows.c. */
enum log_format {
    LOG_FORMAT_TEXT,   /* TIME haplo-poll: the message */
    LOG_FORMAT_LOGFMT, /* time=TIME level=warning msg="the message" server=x */
    LOG_FORMAT_JSON    /* {"time":TIME,"level":"warning","msg":...} */
};

/* What a line is about, for programs. The message says it, too. */
struct log_field {
    const char *name; /* snake_case */
    const char *text; /* NULL: it is a number */
    uint64_t number;  /* if text is NULL */
    unsigned scale;   /* the number is divided by this; 0: by 1 */
};

struct log_record {
    const char *time;               /* NULL or "": none */
    const char *level;              /* "warning" */
    const char *text;               /* valid UTF-8 without control characters */
    const struct log_field *fields; /* those with an empty text are left out */
    size_t field_count;             /* length of fields */
};

/* Writes the line with its newline and returns its size, at most size. A text
 * that does not fit is cut, fields that do not fit are left out. size must be
 * at least 256. */
size_t log_format_line(enum log_format format, const struct log_record *record,
                       char *line, size_t size);

#endif
