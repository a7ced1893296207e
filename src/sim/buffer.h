/*
 * buffer.h - a growing byte buffer, with writers for text, JSON and XML.
 */
#ifndef SIM_BUFFER_H
#define SIM_BUFFER_H

#include <stddef.h>

struct sim_buffer {
    char *bytes;     /* owned; not NUL-terminated */
    size_t size;     /* bytes written */
    size_t capacity; /* bytes allocated */
};

void sim_buffer_free(struct sim_buffer *buffer);

/* Makes room for size more bytes and returns where they go. The caller adds to
 * `size` what it has written. */
char *sim_buffer_reserve(struct sim_buffer *buffer, size_t size);

void sim_buffer_add(struct sim_buffer *buffer, const void *bytes, size_t size);

void sim_buffer_text(struct sim_buffer *buffer, const char *text);

void sim_buffer_format(struct sim_buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Removes bytes from the front. */
void sim_buffer_consume(struct sim_buffer *buffer, size_t size);

/* Appends a JSON string, quotes included. Invalid UTF-8 passes unchanged. */
void sim_buffer_json(struct sim_buffer *buffer, const char *text, size_t size);

/* Appends `"name":` and a JSON string. */
void sim_buffer_json_pair(struct sim_buffer *buffer, const char *name,
                          const char *text);

/* Appends text with & < > " as XML entities. */
void sim_buffer_xml(struct sim_buffer *buffer, const char *text, size_t size);

#endif
