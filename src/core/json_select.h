/*
 * json_select.h - the values that a set of JSON pointers (RFC 6901) selects in
 * a document. The pointers are compiled once, into a tree; each document is
 * then read in a single pass, whatever the number of pointers.
 *
 *     json_select_new(&select, pointers, 2, NULL, &why);
 *     json_select_run(select, body.data, body.size);
 *     const struct json_value *action = json_select_value(select, 0);
 *     if (action->kind == JSON_STRING) ... action->text, action->size
 *
 * If a key occurs more than once in a map, the first one counts. So reading can
 * stop as soon as every pointer has its value or cannot have one any more,
 * and what follows is not even checked. SQLite's JSON functions also take the
 * first one; PostgreSQL's, JavaScript and Python take the last one. Haplo sends
 * each key once.
 *
 * After the first documents no memory is allocated, except for strings with
 * escapes that are longer than a few kilobytes.
 *
 * yajl checks only the shape of UTF-8, so that a string may contain overlong
 * forms and encoded surrogates: who passes it to PostgreSQL must check it. A
 * key with half a surrogate pair in it matches no pointer.
 */
#ifndef CORE_JSON_SELECT_H
#define CORE_JSON_SELECT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/reason.h"
#include "core/json_pointer.h"

/* Memory for decoded strings up to this size is kept between documents. */
#define JSON_SELECT_KEPT_SIZE 65536

/* The value at a pointer. */
struct json_value {
    enum json_kind kind; /* JSON_MISSING: the document has none */
    bool is_replaced;    /* STRING: half a surrogate pair, which UTF-8 cannot
                            encode, became U+FFFD */
    const char *text;    /* STRING: decoded, possibly with NULs in it; all
                            others: as written, a map or an array whole;
                            MISSING: "" */
    size_t size;         /* bytes of text */
};

struct json_select;

/* Compiles the pointers, of which several may be the same. Copies them.
 * Returns 0; HAPLO_EINVAL with why set if one is malformed, *bad is then its
 * index; or HAPLO_ENOMEM. bad and why may be NULL. */
int json_select_new(struct json_select **out, const char *const *pointers,
                    size_t count, size_t *bad, struct reason *why);

/* select may be NULL. */
void json_select_free(struct json_select *select);

/* Reads a document. Returns 0; HAPLO_EDOCUMENT if it is not JSON, as far as it
 * was read, or nested too deeply (JSON_READER_DEPTH_MAX); or HAPLO_ENOMEM.
 * After an error, all values are MISSING. Borrows text, see below. */
int json_select_run(struct json_select *select, const char *text, size_t size);

/* The value at the pointer of this index, in the last document. Valid until
 * the next run, while the text of the document is. */
const struct json_value *json_select_value(const struct json_select *select,
                                           size_t index);

#endif
