/*
 * file_mode.h - the modes of what the program creates, whatever the umask
 * denies to group and others.
 */
#ifndef BASE_FILE_MODE_H
#define BASE_FILE_MODE_H

#include <sys/types.h>

/* Sets the mode of a file or folder that was just created: the umask may have
 * taken something away. A folder keeps the set-group-ID bit that it inherited.
 * On file systems with fixed modes nothing is changed. Returns 0 or errno. */
int file_mode_set(int descriptor, mode_t mode);

#endif
