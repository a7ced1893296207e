/*
 * json_reader.h - a JSON document as it arrives, told as three events; the
 * only place that sees yajl.
 *
 * yajl is made safe here for bytes from elsewhere. It does not look at what
 * its allocations return: ours leave it by longjmp() when there is no memory.
 * It has no limit of depth: here is one. It reads a token that has not ended
 * from its beginning with each new chunk: where a long time no map and no array
 * has ended, so that there may be one, the next chunk is given to it only when
 * that doubles what has come since. It takes an unfinished token behind the
 * document for its end: what is behind is checked here. It decodes half a
 * surrogate pair to
 * '?' and drops the character behind it: that can be asked for.
 */
#ifndef CORE_JSON_READER_H
#define CORE_JSON_READER_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/reason.h"
#include "core/json_arena.h"
#include "core/json_pointer.h"

#define JSON_READER_DEPTH_MAX 1024  /* maps and arrays in each other */
#define JSON_READER_EAGER_SIZE 4096 /* so much may be read again */

/* Each returns false to stop the reading. */
struct json_events {
    /* A value, or the beginning of a map or an array (no text). Strings are
     * decoded; text is valid during the call. */
    bool (*value)(void *context, enum json_kind kind, const char *text,
                  size_t size);
    /* The key of the value that comes next; decoded, as above. */
    bool (*key)(void *context, const char *name, size_t size);
    /* The map or array that was opened last has ended. */
    bool (*close)(void *context);
};

struct json_reader {
    const struct json_events *events; /* borrowed */
    void *context;                    /* borrowed; for events */
    struct yajl_handle_t *yajl;       /* in the arena; NULL: not begun */
    const char *text;                 /* borrowed during a call */
    size_t fed;                       /* bytes that yajl has been given */
    size_t whole;                     /* end of the newest map, or array, or
                                       * of a document that is neither */
    size_t depth;                     /* containers open around it */
    int error;                        /* the first; it ends the reading */
    jmp_buf no_memory;                /* the way out of yajl */
    struct json_arena arena;          /* all of yajl's memory */
};

/* Borrows events and context until the end. */
void json_reader_init(struct json_reader *reader,
                      const struct json_events *events, void *context);

/* text is the document from its beginning, size what has arrived of it, never
 * less than before; it may have moved. Borrows text. 0; HAPLO_EDOCUMENT with
 * why set; HAPLO_ENOMEM; HAPLO_ECANCELED when an event has returned false.
 * After an error it returns the same one again. */
int json_reader_feed(struct json_reader *reader, const char *text, size_t size,
                     struct reason *why);

/* The same, and there is no more: 0 only if the document is complete, with
 * nothing but white space behind it. */
int json_reader_finish(struct json_reader *reader, const char *text,
                       size_t size, struct reason *why);

/* In an event: the offset behind the token's last byte. */
size_t json_reader_token_end(const struct json_reader *reader);

/* In an event: the offset of the token's first byte. before is the end of the
 * token before it, 0 if there is none. */
size_t json_reader_token_start(const struct json_reader *reader, size_t before);

/* In the event of a string: whether its text is what it says. before as
 * above. */
bool json_reader_string_is_sound(const struct json_reader *reader,
                                 size_t before);

/* Frees what the reading needed; fine at any time, also twice. */
void json_reader_free(struct json_reader *reader);

#endif
