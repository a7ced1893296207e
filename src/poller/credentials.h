/*
 * credentials.h - an API key, in the form of the request headers that carry
 * it.
 */
#ifndef POLLER_CREDENTIALS_H
#define POLLER_CREDENTIALS_H

#include <curl/curl.h>

#include "haplopoll.h"

#define CREDENTIALS_PREFIX "Authorization: Basic "
#define CREDENTIALS_LOGIN_SIZE_MAX \
    (HAPLO_USER_SIZE_MAX + 1 + HAPLO_KEY_SIZE_MAX)

/* "Authorization: Basic base64(USER:KEY)" (a Haplo server accepts no other
 * spelling) and "User-Agent: haplo-poll/VERSION". A fetch must reach the server
 * itself, so it asks caches in between to let it pass. "Expect:" is not needed:
 * libcurl does not send it below 1 MiB, and the longest form is smaller.
 * Contains pointers to itself, so do not copy it. */
struct credentials {
    struct curl_slist headers[2]; /* for libcurl, which borrows them */
    struct curl_slist fetch;      /* before these, for a fetch */
    struct curl_slist form;       /* before these, for a request with a form */
    char authorization[sizeof CREDENTIALS_PREFIX +
                       ((size_t)CREDENTIALS_LOGIN_SIZE_MAX + 2) / 3 * 4];
};

/* Sets the headers for a user of at most HAPLO_USER_SIZE_MAX characters and a
 * key of at most HAPLO_KEY_SIZE_MAX. */
void credentials_set(struct credentials *credentials, const char *user,
                     const char *api_key);

/* Erases the key from memory. */
void credentials_wipe(struct credentials *credentials);

#endif
