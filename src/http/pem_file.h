/*
 * pem_file.h - the blocks of a PEM file, and whether the file has changed.
 *
 * OpenSSL skips what does not look like a block to it. A damaged first or last
 * line of a block thus makes a certificate disappear silently. So the blocks
 * are found here, and anything that seems meant to be one is an error, which
 * names its line.
 */
#ifndef HTTP_PEM_FILE_H
#define HTTP_PEM_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

#include "base/reason.h"

#define PEM_FILE_SIZE_MAX 16777216 /* the bundles of systems have 200 KB */
#define PEM_LABEL_SIZE_MAX 64
#define PEM_LOOK_MS 1000 /* files in use are not looked at more often */

/* What changes when a file is written, replaced, or reached through a symbolic
 * link that is changed. Zeroed: of no file. */
struct pem_stamp {
    dev_t device;             /* of the file system */
    ino_t inode;              /* of the file */
    off_t size;               /* in bytes */
    struct timespec modified; /* its content */
    struct timespec changed;  /* that, its owner or its mode */
};

bool pem_stamp_is_same(const struct pem_stamp *a, const struct pem_stamp *b);

/* False also if the file cannot be found. */
bool pem_stamp_is_current(const struct pem_stamp *stamp, const char *path);

struct pem_file {
    const char *path;       /* borrowed */
    char *text;             /* owned; NUL-terminated */
    size_t size;            /* of text */
    struct pem_stamp stamp; /* taken before it was read; zeroed: it was not */
    const char *at;         /* the next line */
    unsigned line;          /* its number */
};

struct pem_block {
    char label[PEM_LABEL_SIZE_MAX]; /* "CERTIFICATE" */
    const char *text;               /* from its first line to its last */
    size_t size;                    /* of text */
    unsigned line;                  /* number of the first */
};

/* Reads a file whole. 0; HAPLO_ETLS with why set; HAPLO_ENOMEM. Clear it in
 * any case. */
int pem_file_read(struct pem_file *file, const char *path, struct reason *why);

/* Finds the next block, in the order of the file; the end of the file is the
 * label "". 0, or HAPLO_ETLS with why set: from there on it is malformed. */
int pem_file_next(struct pem_file *file, struct pem_block *block,
                  struct reason *why);

/* For OpenSSL's pem_password_cb: supplies no passphrase. Without it, OpenSSL
 * would prompt on the terminal, and everything would wait. */
int pem_no_passphrase(char *buffer, int size, int is_writing, void *data);

/* Explains why OpenSSL could not decode a block: HAPLO_ETLS or HAPLO_ENOMEM. */
int pem_block_error(const struct pem_file *file, const struct pem_block *block,
                    struct reason *why);

/* Wipes what was read, as it may be a private key. */
void pem_file_clear(struct pem_file *file);

#endif
