/*
 * lock_file.h - a file that one process at a time keeps locked, with a line in
 * it that says which process that is:
 *
 *     process 1234 on host.example (haplo-poll, since 2026-01-31T12:00:00Z)
 */
#ifndef BASE_LOCK_FILE_H
#define BASE_LOCK_FILE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/reason.h"

#define LOCK_FILE_HOLDER_SIZE 512 /* of the line, with its NUL */

/* Opens or creates the file, locks it, and writes the line. used_by says in it
 * what this process is. Sets *descriptor to one for the functions below, or to
 * -1. Returns 0; HAPLO_EEXIST if another process holds the lock: holder is its
 * line without the end, or "another process"; or with why set HAPLO_EDELIVERY
 * if the disk failed, or HAPLO_EINVAL. */
int lock_file_take(const char *path, mode_t mode, const char *used_by,
                   int *descriptor, char holder[LOCK_FILE_HOLDER_SIZE],
                   struct reason *why);

/* False if the file was removed or replaced: another process may have locked
 * the new one. */
bool lock_file_is_in_place(const char *path, int descriptor);

/* Empties the file and unlocks it. It stays, because removing it would race
 * with a process that is opening it. Does nothing for -1. */
void lock_file_release(int descriptor);

#endif
