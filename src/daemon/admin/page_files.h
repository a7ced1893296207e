/*
 * page_files.h - the files of the page at "/", which are in web/ and become
 * part of the program. web/README.md has a line for each.
 */
#ifndef DAEMON_ADMIN_PAGE_FILES_H
#define DAEMON_ADMIN_PAGE_FILES_H

#include <stddef.h>

struct page_file {
    const char *name; /* "main.js" */
    const char *type; /* Content-Type */
    const char *data; /* its bytes; no NUL follows */
    const char *end;  /* of these */
};

/* NULL: there is no such file. */
const struct page_file *page_file_find(const char *name);

/* An ETag: two files have the same one only if their bytes are the same.
 * Computed from all of these, which takes some microseconds. */
#define PAGE_TAG_SIZE 19
void page_file_tag(const struct page_file *file, char tag[PAGE_TAG_SIZE]);

#endif
