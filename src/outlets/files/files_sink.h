/*
 * files_sink.h - collects what is written to a file, in large pieces, and
 * compresses it with gzip by option. The same bytes become the same file: there
 * is neither a time nor a name in its header. Blocking.
 */
#ifndef OUTLETS_FILES_SINK_H
#define OUTLETS_FILES_SINK_H

#include <stdbool.h>
#include <stddef.h>

#include <zlib.h>

#include "haplopoll.h"
#include "outlets/ndjson.h"

#define FILES_BUFFER_SIZE 65536

/* Used for one file after the other. Its functions return 0 or errno. */
struct files_sink {
    int file;                                /* borrowed descriptor */
    bool is_gzip;                            /* stream is in use */
    z_stream stream;                         /* owns its memory */
    size_t buffered;                         /* bytes in buffer */
    char buffer[FILES_BUFFER_SIZE];          /* not written or compressed yet */
    unsigned char packed[FILES_BUFFER_SIZE]; /* compressed bytes */
};

int files_sink_open(struct files_sink *sink, bool is_gzip);
void files_sink_close(struct files_sink *sink);

void files_sink_begin(struct files_sink *sink, int file);

/* Adds bytes; as part of a JSON value that becomes a line, unless ndjson is
 * NULL. */
int files_sink_add(struct files_sink *sink, struct haplo_slice bytes,
                   struct ndjson *ndjson);

/* Writes everything that is left. */
int files_sink_end(struct files_sink *sink);

#endif
