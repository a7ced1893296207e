/*
 * ca_file.h - the certificates of a CA file. All of them or none: see
 * pem_file.h.
 */
#ifndef HTTP_CA_FILE_H
#define HTTP_CA_FILE_H

#include <openssl/types.h>

#include "http/pem_file.h"

struct ca_file {
    struct pem_file pem;    /* its text */
    struct pem_block first; /* its first certificate, in that text */
    X509_STORE *store;      /* all of them; owned */
};

/* 0; HAPLO_ETLS with why set: it cannot be read, has no certificates, or a
 * block in it is malformed; HAPLO_ENOMEM. Borrows path. Clear it in any case.
 */
int ca_file_read(struct ca_file *ca, const char *path, struct reason *why);

/* Frees what was read, also the store unless it was taken (NULL). */
void ca_file_clear(struct ca_file *ca);

#endif
