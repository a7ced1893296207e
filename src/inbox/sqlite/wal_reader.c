/*
 * wal_reader.c - a reader of a WAL holds a shared lock on one of five bytes of
 * PATH-shm. The kernel lists all locks in /proc/locks:
 *
 *     12: POSIX  ADVISORY  READ 1234 08:01:5767 124 124
 *
 * That is process 1234, and byte 124 of the file with inode 5767. The number
 * of the device is not compared, because some file systems show another one
 * than stat(). PATH-shm itself must not be opened: closing it would drop the
 * locks of SQLite in this process.
 */
#include "inbox/sqlite/wal_reader.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define READ_LOCK_FIRST 123 /* byte of the first lock for reading */
#define READ_LOCK_LAST 127
#define LINE_SIZE_MAX 256
#define NAME_SIZE_MAX 32

static bool is_reader(const char *line, ino_t shm_inode, long *pid)
{
    unsigned long inode = 0;
    long first = 0;
    long last = 0;

    return sscanf(line, "%*d: POSIX %*s READ %ld %*x:%*x:%lu %ld %ld", pid,
                  &inode, &first, &last) == 4 &&
           inode == shm_inode && first <= READ_LOCK_LAST &&
           last >= READ_LOCK_FIRST && *pid > 0 && *pid != (long)getpid();
}

/* The name of a process, or "a program". */
static void name_read(long pid, char name[NAME_SIZE_MAX])
{
    char path[64];
    FILE *file;

    (void)snprintf(name, NAME_SIZE_MAX, "a program");
    (void)snprintf(path, sizeof(path), "/proc/%ld/comm", pid);
    file = fopen(path, "re");
    if (file == NULL) {
        return;
    }
    if (fgets(name, NAME_SIZE_MAX, file) != NULL) {
        name[strcspn(name, "\n")] = '\0';
    }
    (void)fclose(file); /* it was only read */
}

bool wal_reader_find(ino_t shm_inode, char text[WAL_READER_TEXT_SIZE])
{
    char line[LINE_SIZE_MAX];
    char name[NAME_SIZE_MAX];
    long pid = 0;
    bool is_found = false;
    FILE *file = fopen("/proc/locks", "re");

    if (file == NULL) {
        return false;
    }
    while (!is_found && fgets(line, sizeof(line), file) != NULL) {
        is_found = is_reader(line, shm_inode, &pid);
    }
    (void)fclose(file); /* it was only read */
    if (is_found) {
        name_read(pid, name);
        (void)snprintf(text, WAL_READER_TEXT_SIZE, "%s (process %ld)", name,
                       pid);
    }
    return is_found;
}
