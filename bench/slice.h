/*
 * slice.h - the least that parsing can be, for bench/bare.c: yajl finds token
 * and messages of a batch; each message is the bytes between two offsets.
 */
#ifndef BENCH_SLICE_H
#define BENCH_SLICE_H

#include <stdbool.h>
#include <stddef.h>

#define SLICE_BODY_SIZE_MAX 16384
#define SLICE_FORM_SIZE_MAX 1024
#define SLICE_MESSAGE_COUNT_MAX 64

struct slice {
    size_t offset; /* in the body */
    size_t size;   /* */
};

struct slicer {
    void *parser;                   /* yajl's; made for each body */
    char body[SLICE_BODY_SIZE_MAX]; /* so far */
    size_t body_size;               /* */
    size_t chunk_offset;            /* of the chunk being parsed */
    int depth;                      /* */
    bool is_token_next;             /* the key "token" came last */
    bool is_messages_next;          /* the key "messages" came last */
    bool in_messages;               /* */
    struct slice messages[SLICE_MESSAGE_COUNT_MAX]; /* */
    size_t message_count;                           /* */
    char form[SLICE_FORM_SIZE_MAX]; /* "token=" and the encoded token */
    size_t form_size;               /* */
};

void slicer_begin(struct slicer *slicer);

/* False: no JSON, or more than there is room for. */
bool slicer_data(struct slicer *slicer, const char *data, size_t size);

/* True if the document was whole. */
bool slicer_end(struct slicer *slicer);

#endif
