/*
 * key_pair.h - the files of a certificate and of its private key, read together
 * and found to belong together.
 */
#ifndef HTTP_KEY_PAIR_H
#define HTTP_KEY_PAIR_H

#include <stdint.h>

#include "http/pem_file.h"

struct key_pair {
    struct pem_file certificate; /* also the key, if that is not separate */
    struct pem_file key;         /* text NULL: not separate */
    uint64_t expires_ms;         /* of the certificate; Unix; 0: unknown */
};

/* Reads and checks both files; key_file NULL: the key is in the certificate's.
 * 0; HAPLO_ETLS with why set: a file cannot be read, has no such block, or the
 * key is encrypted, or is that of another certificate; HAPLO_ENOMEM. Borrows
 * the names. Clear it in any case. */
int key_pair_read(struct key_pair *pair, const char *certificate_file,
                  const char *key_file, struct reason *why);

/* The file that has the key. */
const struct pem_file *key_pair_key(const struct key_pair *pair);

/* Wipes what was read. */
void key_pair_clear(struct key_pair *pair);

#endif
