/*
 * failed_logins_file.h - the file that keeps failed logins across runs: its
 * lines, read and written. What they mean is in failed_logins.c.
 */
#ifndef DAEMON_FAILED_LOGINS_FILE_H
#define DAEMON_FAILED_LOGINS_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "haplopoll.h"

#define FAILED_LOGINS_FILE "failed_logins" /* in the state directory */
#define FAILED_LOGINS_PATH_SIZE 4200 /* longer is refused, not truncated */

/* What to do with each line; the strings are borrowed. */
struct failed_logins_reading {
    /* A count, and when it changed last, in Unix milliseconds; its age is for
     * the callback to set. */
    void (*logins_cb)(void *data, struct haplo_failed_logins *logins,
                      uint64_t newest_ms);
    /* A queue whose key was refused. */
    void (*refused_cb)(void *data, const char *server, const char *queue);
    void *data; /* for both */
};

/* Reads all lines. Returns the number of the first one that is malformed, or
 * 0. */
unsigned long failed_logins_file_read(
    FILE *file, const struct failed_logins_reading *reading);

/* Prints a line for each queue whose key was refused. */
typedef void (*failed_logins_refused_cb)(void *data, FILE *file);

/* Writes what a poller has counted, and what refused_cb prints. Returns 0 or
 * errno. */
int failed_logins_file_write(const char *state_dir,
                             const struct haplo_poller *poller,
                             failed_logins_refused_cb refused_cb, void *data);

/* Prints the line of a queue. */
void failed_logins_file_refused(FILE *file, const char *server,
                                const char *queue);

void failed_logins_file_path(const char *state_dir, const char *ending,
                             char path[FAILED_LOGINS_PATH_SIZE]);

#endif
