/*
 * slice.h - the cheapest possible parser, for bare.c: yajl finds the token and
 * the messages of a batch, and each message is kept as two offsets into the
 * body.
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
    size_t size;
};

struct slicer {
    void *parser;                   /* a yajl handle, created for each body */
    char body[SLICE_BODY_SIZE_MAX]; /* received so far */
    size_t body_size;
    size_t chunk_offset;   /* of the chunk being parsed */
    int depth;             /* nesting level */
    bool is_token_next;    /* the last key was "token" */
    bool is_messages_next; /* the last key was "messages" */
    bool in_messages;
    struct slice messages[SLICE_MESSAGE_COUNT_MAX];
    size_t message_count;
    char form[SLICE_FORM_SIZE_MAX]; /* "token=" and the encoded token */
    size_t form_size;
};

void slicer_begin(struct slicer *slicer);

/* False if this is not valid JSON or does not fit. */
bool slicer_data(struct slicer *slicer, const char *data, size_t size);

/* True if the document was complete. */
bool slicer_end(struct slicer *slicer);

#endif
