/*
 * log_writer.h - writes log lines to stderr, in a thread of its own while the
 * loop runs.
 */
#ifndef DAEMON_LOG_WRITER_H
#define DAEMON_LOG_WRITER_H

#include <stddef.h>
#include <stdint.h>

/* Writes a line that says how many lines are missing here. Returns its size,
 * at most LOG_LINE_SIZE_MAX. */
typedef size_t (*log_writer_notice_cb)(char *line, uint64_t missing_count);

/* To be called first. Lines are written by the caller. */
void log_writer_open(log_writer_notice_cb notice_cb);

/* From now on log_writer_put() never blocks. Returns 0, or a negative error of
 * libuv if there can be no thread. */
int log_writer_start(void);

/* Writes a line of at most LOG_LINE_SIZE_MAX bytes, or passes it to the
 * thread. */
void log_writer_put(const char *line, size_t size);

/* Writes what is left, for a limited time, and ends the thread. */
void log_writer_close(void);

#endif
