/*
 * durable.h - makes files and folders durable: waits until they are on disk.
 * Blocking. Each function returns 0 or errno.
 */
#ifndef BASE_DURABLE_H
#define BASE_DURABLE_H

#include <sys/types.h>

/* Syncs the data of an open file. */
int durable_file(int descriptor);

/* Syncs the names in an open folder. */
int durable_folder(int descriptor);

/* Syncs the names in a folder, given its path. */
int durable_folder_path(const char *path);

/* Creates a folder if it does not exist, and makes its name durable. Syncs an
 * existing one as well: the process that created it may have died before that.
 * On error *what says what failed: "cannot be made". */
int durable_make_folder(const char *path, mode_t mode, const char **what);

#endif
