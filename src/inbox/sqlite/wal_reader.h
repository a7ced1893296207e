/*
 * wal_reader.h - finds the program whose read transaction prevents the WAL of
 * an inbox from being copied.
 */
#ifndef INBOX_SQLITE_WAL_READER_H
#define INBOX_SQLITE_WAL_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define WAL_READER_TEXT_SIZE 64 /* "sqlite3 (process 1234)" */

/* Writes a description of another process that reads the inbox with this
 * shared memory (the inode of PATH-shm). False if none can be found: it may
 * have ended, or be in another container. */
bool wal_reader_find(ino_t shm_inode, char text[WAL_READER_TEXT_SIZE]);

#endif
