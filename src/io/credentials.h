/*
 * credentials.h - an API key as the ready-made request headers that carry it.
 */
#ifndef IO_CREDENTIALS_H
#define IO_CREDENTIALS_H

#include <curl/curl.h>

/* "Authorization: Basic base64(haplo:KEY)" (exactly so: a Haplo server takes
 * no other spelling) and "Expect:". NULL when there is no memory. */
struct curl_slist *credentials_new(const char *api_key);

/* Wipes and frees; NULL is fine. */
void credentials_free(struct curl_slist *headers);

#endif
