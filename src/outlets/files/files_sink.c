#include "outlets/files/files_sink.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define GZIP_WINDOW_BITS (15 + 16) /* 16: gzip, not zlib */
#define GZIP_MEMORY_LEVEL 8        /* the default */

int files_sink_open(struct files_sink *sink, bool is_gzip)
{
    sink->is_gzip = is_gzip;
    sink->stream = (z_stream){.zalloc = Z_NULL};
    if (is_gzip && deflateInit2(&sink->stream, Z_DEFAULT_COMPRESSION,
                                Z_DEFLATED, GZIP_WINDOW_BITS, GZIP_MEMORY_LEVEL,
                                Z_DEFAULT_STRATEGY) != Z_OK) {
        sink->is_gzip = false;
        return ENOMEM;
    }
    return 0;
}

void files_sink_close(struct files_sink *sink)
{
    if (sink->is_gzip) {
        (void)deflateEnd(&sink->stream); /* what is discarded is no error */
    }
}

void files_sink_begin(struct files_sink *sink, int file)
{
    sink->file = file;
    sink->buffered = 0;
    if (sink->is_gzip) {
        (void)deflateReset(&sink->stream); /* fails only if it is not open */
    }
}

static int bytes_write(int file, const void *bytes, size_t size)
{
    const char *data = bytes;

    while (size > 0) {
        ssize_t part = write(file, data, size);

        if (part < 0 && errno == EINTR) {
            continue;
        }
        if (part <= 0) {
            return part < 0 ? errno : EIO;
        }
        data += part;
        size -= (size_t)part;
    }
    return 0;
}

/* Compresses the buffer. flush: Z_NO_FLUSH, or Z_FINISH at the end. */
static int buffer_pack(struct files_sink *sink, int flush)
{
    int error = 0;

    sink->stream.next_in = (unsigned char *)sink->buffer;
    sink->stream.avail_in = (unsigned)sink->buffered;
    do {
        sink->stream.next_out = sink->packed;
        sink->stream.avail_out = sizeof(sink->packed);
        /* Fails only if the stream is damaged: there is room. */
        if (deflate(&sink->stream, flush) == Z_STREAM_ERROR) {
            return EIO;
        }
        error = bytes_write(sink->file, sink->packed,
                            sizeof(sink->packed) - sink->stream.avail_out);
    } while (error == 0 && sink->stream.avail_out == 0);
    return error;
}

static int buffer_flush(struct files_sink *sink, bool is_end)
{
    int error = sink->is_gzip
                    ? buffer_pack(sink, is_end ? Z_FINISH : Z_NO_FLUSH)
                    : bytes_write(sink->file, sink->buffer, sink->buffered);

    sink->buffered = 0;
    return error;
}

int files_sink_add(struct files_sink *sink, struct haplo_slice bytes,
                   struct ndjson *ndjson)
{
    int error = 0;

    while (bytes.size > 0 && error == 0) {
        size_t room = FILES_BUFFER_SIZE - sink->buffered;
        size_t size = bytes.size < room ? bytes.size : room;
        char *out = sink->buffer + sink->buffered;

        if (ndjson != NULL) {
            sink->buffered += ndjson_pack(ndjson, bytes.data, size, out);
        } else {
            memcpy(out, bytes.data, size);
            sink->buffered += size;
        }
        bytes.data += size;
        bytes.size -= size;
        if (sink->buffered == FILES_BUFFER_SIZE) {
            error = buffer_flush(sink, false);
        }
    }
    return error;
}

int files_sink_end(struct files_sink *sink)
{
    return buffer_flush(sink, true);
}
