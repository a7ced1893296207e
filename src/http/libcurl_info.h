/*
 * libcurl_info.h - what is known about the libcurl in use. It is asked once
 * per process: the answer stays the same, takes libcurl some time, and is
 * written to memory that all threads share.
 */
#ifndef HTTP_LIBCURL_INFO_H
#define HTTP_LIBCURL_INFO_H

#include <curl/curl.h>
#include <stdbool.h>

struct libcurl_info {
    char missing[160];   /* what makes it unusable, as part of a sentence; "" */
    bool has_fold_bug;   /* see response_line.c */
    const char *ca_file; /* the system's; static */
    const char *ssl_version; /* "OpenSSL/3.0.11", or another library; or NULL */
};

/* Reads what libcurl says of itself. can_set tells whether it was built with an
 * option. */
void libcurl_info_read(struct libcurl_info *known,
                       const curl_version_info_data *info,
                       bool (*can_set)(CURLoption option));

/* Never NULL. On any thread. */
const struct libcurl_info *libcurl_info(void);

#endif
