/*
 * admin_form.h - the body of a request: a JSON object with a few members, none
 * of which is an object or an array. What is not expected is refused, so that a
 * mistake is noticed. Pure.
 */
#ifndef DAEMON_ADMIN_FORM_H
#define DAEMON_ADMIN_FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum admin_field_kind {
    ADMIN_FIELD_TEXT,  /* char[size], with its NUL */
    ADMIN_FIELD_COUNT, /* uint64_t */
    ADMIN_FIELD_BOOL   /* bool */
};

/* A member that may be there. */
struct admin_field {
    const char *name;           /* its key */
    enum admin_field_kind kind; /* its type */
    void *to;                   /* borrowed; set if it is there and not null */
    size_t size;                /* TEXT: of the buffer */
};

/* Reads a body; NULL or empty: no member is there. Returns 0, or HAPLO_EINVAL
 * with one line in why. */
int admin_form_read(const char *body, size_t size,
                    const struct admin_field *fields, size_t count, char *why,
                    size_t why_size);

/* Finds the first member with this name in JSON that this program has written,
 * at any depth. False if it is missing or of another type. */
bool admin_form_find(const char *json, size_t size, const char *name,
                     char *text, size_t text_size);
bool admin_form_find_count(const char *json, size_t size, const char *name,
                           uint64_t *count);

#endif
