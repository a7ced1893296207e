/*
 * paced_vfs.h - the VFS of the connection that checkpoints; see paced_vfs.c.
 */
#ifndef INBOX_SQLITE_PACED_VFS_H
#define INBOX_SQLITE_PACED_VFS_H

/* Registers the VFS once and returns its name for sqlite3_open_v2(), or NULL
 * if SQLite is out of memory. May be called from any thread. */
const char *paced_vfs_name(void);

#endif
