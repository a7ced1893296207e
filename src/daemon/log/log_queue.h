/*
 * log_queue.h - log lines on their way to stderr. The queue is bounded: lines
 * that find no room are dropped and counted. Pure.
 */
#ifndef DAEMON_LOG_QUEUE_H
#define DAEMON_LOG_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_LINE_SIZE_MAX 1536 /* a line with its prefix and newline */
#define LOG_QUEUE_SIZE 262144  /* thousands of lines */

/* Zeroed: empty. */
struct log_queue {
    char bytes[LOG_QUEUE_SIZE]; /* a ring of headers and lines */
    size_t first;               /* index of the oldest byte */
    size_t size;                /* bytes in the ring */
    uint64_t dropped_count;     /* lines dropped after the newest in the ring */
};

/* A line that was taken. */
struct log_queue_line {
    uint64_t dropped_count;       /* lines that were dropped before it */
    size_t size;                  /* bytes of text; 0: only the count matters */
    char text[LOG_LINE_SIZE_MAX]; /* not terminated */
};

/* Copies a line of at most LOG_LINE_SIZE_MAX bytes, or drops it. */
void log_queue_add(struct log_queue *queue, const char *text, size_t size);

/* Takes the oldest line; after the last one, the number of lines that were
 * dropped after it. Returns false if there is neither. */
bool log_queue_take(struct log_queue *queue, struct log_queue_line *line);

#endif
