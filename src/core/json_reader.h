/*
 * json_reader.h - reads a JSON document while it arrives and reports it as
 * three kinds of events. This is the only file that uses yajl.
 *
 * It makes yajl safe for untrusted input:
 *
 *   - yajl does not check its allocations. Ours leave it by longjmp() when
 *     memory runs out.
 *   - yajl has no limit on nesting; this file adds one.
 *   - With each new chunk, yajl rescans an unfinished JSON token from its
 *     beginning, which takes quadratic time for a long one. While no map or
 *     array has ended for a long time, the next chunk is held back until the
 *     input since then has doubled.
 *   - yajl accepts an unfinished JSON token after the document as its end. The
 *     end is checked here.
 *   - yajl decodes half a surrogate pair as "?" and drops the character after
 *     it; json_reader_string_is_sound() detects this.
 */
#ifndef CORE_JSON_READER_H
#define CORE_JSON_READER_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/reason.h"
#include "core/json_arena.h"
#include "core/json_pointer.h"

#define JSON_READER_DEPTH_MAX 1024  /* nested maps and arrays */
#define JSON_READER_EAGER_SIZE 4096 /* this much may be rescanned */

/* Each returns false to stop reading. */
struct json_events {
    /* A value, or the beginning of a map or an array (without text). Strings
     * are decoded. text is valid only during the call. */
    bool (*value)(void *context, enum json_kind kind, const char *text,
                  size_t size);
    /* The key of the next value, decoded. */
    bool (*key)(void *context, const char *name, size_t size);
    /* The innermost open map or array has ended. */
    bool (*close)(void *context);
};

struct json_reader {
    const struct json_events *events; /* borrowed */
    void *context;                    /* borrowed; passed to events */
    struct yajl_handle_t *yajl;       /* in the arena; NULL: not started */
    const char *text;                 /* borrowed during a call */
    size_t fed;                       /* bytes passed to yajl */
    size_t whole;                     /* end of the newest map or array, or
                                       * of a document that is neither */
    size_t depth;                     /* maps and arrays currently open */
    int error;                        /* the first one, which stops reading */
    jmp_buf no_memory;                /* leaves yajl when memory runs out */
    struct json_arena arena;          /* all memory of yajl */
};

/* Borrows events and context until json_reader_free(). */
void json_reader_init(struct json_reader *reader,
                      const struct json_events *events, void *context);

/* Reads more of the document. text is all of it that has arrived, from its
 * beginning; it may have moved since the last call. Borrows text. Returns 0;
 * HAPLO_EDOCUMENT with why set; HAPLO_ENOMEM; or HAPLO_ECANCELED if an event
 * returned false. After an error, returns the same error again. */
int json_reader_feed(struct json_reader *reader, const char *text, size_t size,
                     struct reason *why);

/* The same, at the end of the input. Returns 0 only if the document is
 * complete and followed by nothing but white space. */
int json_reader_finish(struct json_reader *reader, const char *text,
                       size_t size, struct reason *why);

/* In an event: the offset after the last byte of the JSON token. */
size_t json_reader_token_end(const struct json_reader *reader);

/* In an event: the offset of the first byte of the JSON token. before is the
 * end of the previous one, or 0. */
size_t json_reader_token_start(const struct json_reader *reader, size_t before);

/* In the event of a string: false if yajl decoded it lossily, because of half
 * a surrogate pair. before as above. */
bool json_reader_string_is_sound(const struct json_reader *reader,
                                 size_t before);

/* Frees all memory of the reader. Can be called at any time, and twice. */
void json_reader_free(struct json_reader *reader);

#endif
