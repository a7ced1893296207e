/*
 * libcurl_info.h - what is known about the libcurl in use. It is asked once
 * per process: the answer stays the same, takes libcurl some time, and is
 * written to memory that all threads share.
 */
#ifndef HTTP_LIBCURL_INFO_H
#define HTTP_LIBCURL_INFO_H

#include <stdbool.h>

struct libcurl_info {
    bool is_usable;          /* new enough, with TLS and gzip */
    bool has_fold_bug;       /* see response_line.c */
    const char *ca_file;     /* the system's; static */
    const char *ssl_version; /* "OpenSSL/3.0.11", or another library; or NULL */
};

/* Never NULL. On any thread. */
const struct libcurl_info *libcurl_info(void);

#endif
