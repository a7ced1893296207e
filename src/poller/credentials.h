/*
 * credentials.h - an API key as the request headers that carry it.
 */
#ifndef IO_CREDENTIALS_H
#define IO_CREDENTIALS_H

#include <curl/curl.h>

#include "haplopoll.h"

#define CREDENTIALS_PREFIX "Authorization: Basic "
#define CREDENTIALS_USER "haplo:"
#define CREDENTIALS_LOGIN_SIZE_MAX \
    (sizeof CREDENTIALS_USER - 1 + HAPLO_KEY_SIZE_MAX)

/* "Authorization: Basic base64(haplo:KEY)" (exactly so: a Haplo server takes
 * no other spelling) and "User-Agent: haplo-poll/VERSION". "Expect:" is not
 * needed: libcurl expects nothing below 1 MiB, and a form with the longest
 * token is smaller. It points into itself: do not copy it. */
struct credentials {
    struct curl_slist headers[2]; /* for libcurl, which copies nothing */
    struct curl_slist form;       /* the same, for a request with a form */
    char authorization[sizeof CREDENTIALS_PREFIX +
                       (CREDENTIALS_LOGIN_SIZE_MAX + 2) / 3 * 4];
};

/* Makes the headers of a key of at most HAPLO_KEY_SIZE_MAX characters. */
void credentials_set(struct credentials *credentials, const char *api_key);

/* Lets no trace of the key remain. */
void credentials_wipe(struct credentials *credentials);

#endif
