/*
 * paced_vfs.h - files for the connection that checkpoints: see paced_vfs.c.
 */
#ifndef INBOX_SQLITE_PACED_VFS_H
#define INBOX_SQLITE_PACED_VFS_H

/* The name for sqlite3_open_v2(), after it was registered with SQLite; NULL
 * when SQLite has no memory. From any thread. */
const char *paced_vfs_name(void);

#endif
