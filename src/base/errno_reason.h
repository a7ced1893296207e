/*
 * errno_reason.h - describes a failed system call on a file in one line, with
 * what to do about it.
 */
#ifndef BASE_ERRNO_REASON_H
#define BASE_ERRNO_REASON_H

#include <stdbool.h>

#include "base/reason.h"

/* Sets why to a line such as "PATH: cannot be opened: permission denied: let
 * this user write there". number is an errno. Returns error. */
int errno_reason_set(struct reason *why, int error, const char *path,
                     const char *what, int number);

/* True if the system is at fault, and not whoever chose the path: the disk is
 * full, read-only or damaged, or a limit of the process is reached. */
bool errno_is_outage(int number);

/* The same as errno_reason_set(), with HAPLO_EDELIVERY for an outage, and
 * HAPLO_EINVAL for anything else. */
int errno_reason_classify(struct reason *why, const char *path,
                          const char *what, int number);

#endif
