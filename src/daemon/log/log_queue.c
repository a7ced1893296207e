#include "daemon/log/log_queue.h"

#include <assert.h>
#include <string.h>

/* After a line was dropped, this much must be free before one is added: a few
 * large gaps are easier to understand than many small ones. */
#define ROOM_AFTER_DROPS (LOG_QUEUE_SIZE / 4)

/* Precedes each line in the ring. */
struct header {
    uint64_t dropped_count; /* lines dropped before this one */
    size_t size;            /* bytes of the line */
};

static void put_bytes(struct log_queue *queue, const void *bytes, size_t size)
{
    size_t at = (queue->first + queue->size) % LOG_QUEUE_SIZE;
    size_t part = LOG_QUEUE_SIZE - at < size ? LOG_QUEUE_SIZE - at : size;
    memcpy(queue->bytes + at, bytes, part);
    memcpy(queue->bytes, (const char *)bytes + part, size - part);
    queue->size += size;
}

static void get_bytes(struct log_queue *queue, void *bytes, size_t size)
{
    size_t at = queue->first;
    size_t part = LOG_QUEUE_SIZE - at < size ? LOG_QUEUE_SIZE - at : size;
    assert(size <= queue->size);
    memcpy(bytes, queue->bytes + at, part);
    memcpy((char *)bytes + part, queue->bytes, size - part);
    queue->first = (at + size) % LOG_QUEUE_SIZE;
    queue->size -= size;
}

void log_queue_add(struct log_queue *queue, const char *text, size_t size)
{
    const struct header header = {.dropped_count = queue->dropped_count,
                                  .size = size};
    size_t needed =
        queue->dropped_count > 0 ? ROOM_AFTER_DROPS : sizeof header + size;
    assert(size > 0 && size <= LOG_LINE_SIZE_MAX);
    if (LOG_QUEUE_SIZE - queue->size < needed) {
        queue->dropped_count++;
        return;
    }
    put_bytes(queue, &header, sizeof header);
    put_bytes(queue, text, size);
    queue->dropped_count = 0;
}

bool log_queue_take(struct log_queue *queue, struct log_queue_line *line)
{
    struct header header = {.dropped_count = queue->dropped_count};
    if (queue->size == 0) {
        queue->first = 0; /* so that little of the ring is ever touched */
        queue->dropped_count = 0;
    } else {
        get_bytes(queue, &header, sizeof header);
        get_bytes(queue, line->text, header.size);
    }
    line->dropped_count = header.dropped_count;
    line->size = header.size;
    return header.size > 0 || header.dropped_count > 0;
}
