/*
 * json_writer.h - writes JSON into memory that grows: responses of the admin
 * socket, and what commands print with --json. Commas are put where they
 * belong, texts are escaped, and times and durations look the same everywhere.
 *
 * `name` is the key of a value inside an object, and NULL inside an array and
 * for the outermost value. It is written as it is, so it needs no escapes.
 *
 * If memory runs out, everything that follows is ignored, and is_failed says
 * so: it suffices to look at the end.
 */
#ifndef DAEMON_JSON_WRITER_H
#define DAEMON_JSON_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "haplopoll.h"

/* Empty if zeroed. */
struct json_writer {
    char *data;       /* owned; not NUL-terminated */
    size_t size;      /* bytes written */
    size_t capacity;  /* of data */
    bool needs_comma; /* before the next value */
    bool is_failed;   /* memory ran out */
};

/* Frees the memory; the writer is empty afterwards. */
void json_writer_free(struct json_writer *json);

/* Forgets what was written, but keeps the memory, and remembers whether a comma
 * is due: for documents that are passed on piece by piece. */
void json_writer_clear(struct json_writer *json);

void json_object(struct json_writer *json, const char *name);
void json_object_end(struct json_writer *json);
void json_array(struct json_writer *json, const char *name);
void json_array_end(struct json_writer *json);

/* Bytes that are not UTF-8 become U+FFFD. NULL is written as null. */
void json_text(struct json_writer *json, const char *name, const char *text);
void json_slice(struct json_writer *json, const char *name,
                struct haplo_slice text);

void json_null(struct json_writer *json, const char *name);
void json_bool(struct json_writer *json, const char *name, bool value);
void json_count(struct json_writer *json, const char *name, uint64_t value);

/* Seconds with up to three decimals. */
void json_seconds(struct json_writer *json, const char *name, uint64_t ms);

/* RFC 3339 with milliseconds, from Unix milliseconds; 0 is written as null. */
void json_time(struct json_writer *json, const char *name, uint64_t at_ms);

/* A line feed, for lines of JSON and events: the next value begins a document
 * of its own. */
void json_end_line(struct json_writer *json);

/* Bytes as they are. */
void json_raw(struct json_writer *json, const char *data, size_t size);

/* Writes everything to the file and clears the writer. Returns 0, or -1 if
 * memory ran out or the file cannot be written. */
int json_writer_print(struct json_writer *json, FILE *file);

#endif
