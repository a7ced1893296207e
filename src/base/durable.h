/*
 * durable.h - waits until the disk has it. Blocking; each returns 0 or errno.
 */
#ifndef SINKS_DURABLE_H
#define SINKS_DURABLE_H

#include <sys/types.h>

/* What was written to the open file. */
int durable_file(int descriptor);

/* The names in the open folder. */
int durable_folder(int descriptor);

/* The same by its path. */
int durable_folder_path(const char *path);

/* Makes a folder if there is none, and its name durable: also if it is there,
 * as who made it may have died in between. On error *what tells what failed:
 * "cannot be made". */
int durable_make_folder(const char *path, mode_t mode, const char **what);

#endif
