/*
 * config_digest.h - the digest of a resolved configuration: processes whose
 * digests are equal have been told the same. It is made of options, names and
 * paths as they are in the file, in its order; secrets are left out, and so is
 * what is in the files that it names.
 */
#ifndef CONFIG_CONFIG_DIGEST_H
#define CONFIG_CONFIG_DIGEST_H

#include "config/config.h"

#define CONFIG_DIGEST_SIZE 65 /* SHA-256 in hexadecimal, with its NUL */

/* 0, or HAPLO_ENOMEM: text is "". */
int config_digest(const struct config *config, char text[CONFIG_DIGEST_SIZE]);

#endif
