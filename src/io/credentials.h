/*
 * credentials.h - an API key as the ready-made request headers that carry it.
 */
#ifndef IO_CREDENTIALS_H
#define IO_CREDENTIALS_H

#include <curl/curl.h>

/* "Authorization: Basic base64(haplo:KEY)" (exactly so: a Haplo server takes
 * no other spelling) and "User-Agent: haplo-poll/VERSION". NULL when there is
 * no memory. "Expect:" is not needed: libcurl expects nothing below 1 MiB, and
 * a form with the longest token is smaller. */
struct curl_slist *credentials_new(const char *api_key);

/* Wipes and frees; NULL is fine. */
void credentials_free(struct curl_slist *headers);

#endif
