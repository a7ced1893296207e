/*
 * calls.h - the functions of other libraries that the product calls and that
 * can fail, and how.
 *
 * X(result, name, parameters, arguments, failure, when). `failure` is the
 * value that reports a failure, with errno set; WAYS() alternates. `when` says
 * when the call fails: BEFORE the real call, so that it is not made, AFTER it,
 * or EITHER alternately. test/inject/cannot_fail lists all other functions, and
 * why they cannot fail.
 *
 * VARIADIC(result, name, failure): the same, written by hand in calls.c.
 */
#ifndef INJECT_CALLS_H
#define INJECT_CALLS_H

#define CALLS_OF_LIBUV(X)                                                      \
    X(int, uv_async_init, (uv_loop_t * a, uv_async_t * b, uv_async_cb c),      \
      (a, b, c), UV_EMFILE, BEFORE)                                            \
    X(int, uv_cond_init, (uv_cond_t * a), (a), UV_ENOMEM, BEFORE)              \
    X(int, uv_mutex_init, (uv_mutex_t * a), (a), UV_ENOMEM, BEFORE)            \
    X(int, uv_pipe, (uv_file a[2], int b, int c), (a, b, c), UV_EMFILE,        \
      BEFORE)                                                                  \
    X(int, uv_pipe_open, (uv_pipe_t * a, uv_file b), (a, b), UV_EINVAL,        \
      BEFORE)                                                                  \
    X(int, uv_read_start, (uv_stream_t * a, uv_alloc_cb b, uv_read_cb c),      \
      (a, b, c), UV_ENOTCONN, BEFORE)                                          \
    X(int, uv_spawn,                                                           \
      (uv_loop_t * a, uv_process_t * b, const uv_process_options_t *c),        \
      (a, b, c), WAYS(UV_EAGAIN, UV_ENOENT), BEFORE)                           \
    X(int, uv_thread_create_ex,                                                \
      (uv_thread_t * a, const uv_thread_options_t *b, uv_thread_cb c,          \
       void *d),                                                               \
      (a, b, c, d), UV_EAGAIN, BEFORE)                                         \
    X(int, uv_cancel, (uv_req_t * a), (a), UV_EBUSY, BEFORE)                   \
    X(int, uv_getaddrinfo,                                                     \
      (uv_loop_t * a, uv_getaddrinfo_t * b, uv_getaddrinfo_cb c,               \
       const char *d, const char *e, const struct addrinfo *f),                \
      (a, b, c, d, e, f), WAYS(UV_ENOMEM, UV_EINVAL), BEFORE)                  \
    X(int, uv_gettimeofday, (uv_timeval64_t * a), (a), UV_EINVAL, BEFORE)      \
    X(int, uv_ip4_name, (const struct sockaddr_in *a, char *b, size_t c),      \
      (a, b, c), UV_ENOSPC, BEFORE)                                            \
    X(int, uv_ip6_name, (const struct sockaddr_in6 *a, char *b, size_t c),     \
      (a, b, c), UV_ENOSPC, BEFORE)                                            \
    X(int, uv_loop_init, (uv_loop_t * a), (a), WAYS(UV_EMFILE, UV_ENOMEM),     \
      BEFORE)                                                                  \
    X(int, uv_poll_init, (uv_loop_t * a, uv_poll_t * b, int c), (a, b, c),     \
      WAYS(UV_ENOMEM, UV_EEXIST), BEFORE)                                      \
    X(int, uv_poll_start, (uv_poll_t * a, int b, uv_poll_cb c), (a, b, c),     \
      UV_EBADF, BEFORE)                                                        \
    X(int, uv_random,                                                          \
      (uv_loop_t * a, uv_random_t * b, void *c, size_t d, unsigned e,          \
       uv_random_cb f),                                                        \
      (a, b, c, d, e, f), UV_EIO, BEFORE)                                      \
    X(int, uv_signal_init, (uv_loop_t * a, uv_signal_t * b), (a, b),           \
      WAYS(UV_EMFILE, UV_ENOMEM), BEFORE)                                      \
    X(int, uv_sem_init, (uv_sem_t * a, unsigned b), (a, b), UV_ENOMEM, BEFORE) \
    X(int, uv_thread_create, (uv_thread_t * a, uv_thread_cb b, void *c),       \
      (a, b, c), UV_EAGAIN, BEFORE)                                            \
    X(int, uv_signal_start, (uv_signal_t * a, uv_signal_cb b, int c),          \
      (a, b, c), UV_EINVAL, BEFORE)

#define CALLS_OF_LIBCURL(X)                                                    \
    X(CURLcode, curl_easy_perform, (CURL * a), (a),                            \
      WAYS(CURLE_COULDNT_CONNECT, CURLE_OUT_OF_MEMORY), EITHER)                \
    X(CURLHcode, curl_easy_header,                                             \
      (CURL * a, const char *b, size_t c, unsigned d, int e,                   \
       struct curl_header **f),                                                \
      (a, b, c, d, e, f), CURLHE_OUT_OF_MEMORY, BEFORE)                        \
    X(CURL *, curl_easy_init, (void), (), NULL, BEFORE)                        \
    X(CURLcode, curl_global_init, (long a), (a),                               \
      WAYS(CURLE_FAILED_INIT, CURLE_OUT_OF_MEMORY), BEFORE)                    \
    X(CURLMcode, curl_multi_add_handle, (CURLM * a, CURL * b), (a, b),         \
      WAYS(CURLM_OUT_OF_MEMORY, CURLM_INTERNAL_ERROR), BEFORE)                 \
    X(CURLM *, curl_multi_init, (void), (), NULL, BEFORE)                      \
    X(CURLMcode, curl_multi_socket_action,                                     \
      (CURLM * a, curl_socket_t b, int c, int *d), (a, b, c, d),               \
      WAYS(CURLM_OUT_OF_MEMORY, CURLM_INTERNAL_ERROR), EITHER)                 \
    X(CURLMcode, curl_multi_socket_all, (CURLM * a, int *b), (a, b),           \
      CURLM_OUT_OF_MEMORY, EITHER)                                             \
    X(CURLSH *, curl_share_init, (void), (), NULL, BEFORE)                     \
    X(struct curl_slist *, curl_slist_append,                                  \
      (struct curl_slist * a, const char *b), (a, b), NULL, BEFORE)            \
    X(CURLU *, curl_url, (void), (), NULL, BEFORE)                             \
    X(CURLU *, curl_url_dup, (CURLU * a), (a), NULL, BEFORE)                   \
    X(CURLUcode, curl_url_get, (CURLU * a, CURLUPart b, char **c, unsigned d), \
      (a, b, c, d), CURLUE_OUT_OF_MEMORY, BEFORE)                              \
    X(CURLUcode, curl_url_set,                                                 \
      (CURLU * a, CURLUPart b, const char *c, unsigned d), (a, b, c, d),       \
      CURLUE_OUT_OF_MEMORY, BEFORE)

#define CALLS_OF_LIBCURL_VARIADIC(X)                     \
    X(CURLcode, curl_easy_getinfo, CURLE_UNKNOWN_OPTION) \
    X(CURLcode, curl_easy_setopt,                        \
      WAYS(CURLE_OUT_OF_MEMORY, CURLE_UNKNOWN_OPTION))   \
    X(CURLMcode, curl_multi_setopt, CURLM_OUT_OF_MEMORY) \
    X(CURLSHcode, curl_share_setopt, CURLSHE_NOMEM)

#define CALLS_OF_OPENSSL(X)                                                    \
    X(int, ASN1_TIME_to_tm, (const ASN1_TIME *a, struct tm *b), (a, b), 0,     \
      BEFORE)                                                                  \
    X(int, EVP_Digest,                                                         \
      (const void *a, size_t b, unsigned char *c, unsigned *d,                 \
       const EVP_MD *e, ENGINE *f),                                            \
      (a, b, c, d, e, f), 0, BEFORE)                                           \
    X(int, EVP_DigestFinal_ex,                                                 \
      (EVP_MD_CTX * a, unsigned char *b, unsigned *c), (a, b, c), 0, BEFORE)   \
    X(int, EVP_DigestInit_ex, (EVP_MD_CTX * a, const EVP_MD *b, ENGINE *c),    \
      (a, b, c), 0, BEFORE)                                                    \
    X(int, EVP_DigestUpdate, (EVP_MD_CTX * a, const void *b, size_t c),        \
      (a, b, c), 0, BEFORE)                                                    \
    X(EVP_MD_CTX *, EVP_MD_CTX_new, (void), (), NULL, BEFORE)                  \
    X(int, RAND_bytes, (unsigned char *a, int b), (a, b), 0, BEFORE)           \
    X(STACK_OF(X509) *, SSL_get0_verified_chain, (const SSL *a), (a), NULL,    \
      BEFORE)                                                                  \
    X(BIO *, BIO_new_mem_buf, (const void *a, int b), (a, b), NULL, BEFORE)    \
    X(unsigned char *, HMAC,                                                   \
      (const EVP_MD *a, const void *b, int c, const unsigned char *d,          \
       size_t e, unsigned char *f, unsigned *g),                               \
      (a, b, c, d, e, f, g), NULL, BEFORE)                                     \
    X(EVP_PKEY *, PEM_read_bio_PrivateKey,                                     \
      (BIO * a, EVP_PKEY * *b, pem_password_cb * c, void *d), (a, b, c, d),    \
      NULL, BEFORE)                                                            \
    X(X509 *, PEM_read_bio_X509_AUX,                                           \
      (BIO * a, X509 * *b, pem_password_cb * c, void *d), (a, b, c, d), NULL,  \
      BEFORE)                                                                  \
    X(int, SSL_CTX_set_ex_data, (SSL_CTX * a, int b, void *c), (a, b, c), 0,   \
      BEFORE)                                                                  \
    X(int, X509_STORE_add_cert, (X509_STORE * a, X509 * b), (a, b), 0, BEFORE) \
    X(int, X509_check_private_key, (const X509 *a, const EVP_PKEY *b), (a, b), \
      0, BEFORE)                                                               \
    X(X509_STORE *, X509_STORE_new, (void), (), NULL, BEFORE)                  \
    X(int, X509_STORE_set_flags, (X509_STORE * a, unsigned long b), (a, b), 0, \
      BEFORE)

#define CALLS_OF_TRE(X)                                                    \
    X(int, tre_regcomp, (regex_t * a, const char *b, int c), (a, b, c),    \
      REG_ESPACE, BEFORE)                                                  \
    X(int, tre_regnexec,                                                   \
      (const regex_t *a, const char *b, size_t c, size_t d, regmatch_t *e, \
       int f),                                                             \
      (a, b, c, d, e, f), REG_ESPACE, BEFORE)

#define CALLS_OF_YAJL(X)                                             \
    X(yajl_val, yajl_tree_parse, (const char *a, char *b, size_t c), \
      (a, b, c), NULL, BEFORE)                                       \
    X(yajl_status, yajl_complete_parse, (yajl_handle a), (a),        \
      yajl_status_error, BEFORE)                                     \
    X(yajl_status, yajl_parse,                                       \
      (yajl_handle a, const unsigned char *b, size_t c), (a, b, c),  \
      yajl_status_error, BEFORE)

#define CALLS_OF_SQLITE(X)                                                     \
    X(int, sqlite3_backup_finish, (sqlite3_backup * a), (a), SQLITE_IOERR,     \
      AFTER)                                                                   \
    X(sqlite3_backup *, sqlite3_backup_init,                                   \
      (sqlite3 * a, const char *b, sqlite3 *c, const char *d), (a, b, c, d),   \
      NULL, BEFORE)                                                            \
    X(int, sqlite3_backup_step, (sqlite3_backup * a, int b), (a, b),           \
      WAYS(SQLITE_FULL, SQLITE_NOMEM, SQLITE_BUSY), BEFORE)                    \
    X(const void *, sqlite3_column_blob, (sqlite3_stmt * a, int b), (a, b),    \
      NULL, BEFORE)                                                            \
    X(int, sqlite3_bind_blob64,                                                \
      (sqlite3_stmt * a, int b, const void *c, sqlite3_uint64 d,               \
       void (*e)(void *)),                                                     \
      (a, b, c, d, e), WAYS(SQLITE_NOMEM, SQLITE_TOOBIG), BEFORE)              \
    X(int, sqlite3_bind_int64, (sqlite3_stmt * a, int b, sqlite3_int64 c),     \
      (a, b, c), SQLITE_NOMEM, BEFORE)                                         \
    X(int, sqlite3_bind_null, (sqlite3_stmt * a, int b), (a, b),               \
      SQLITE_MISUSE, BEFORE)                                                   \
    X(int, sqlite3_bind_text,                                                  \
      (sqlite3_stmt * a, int b, const char *c, int d, void (*e)(void *)),      \
      (a, b, c, d, e), SQLITE_NOMEM, BEFORE)                                   \
    X(int, sqlite3_bind_text64,                                                \
      (sqlite3_stmt * a, int b, const char *c, sqlite3_uint64 d,               \
       void (*e)(void *), unsigned char f),                                    \
      (a, b, c, d, e, f), WAYS(SQLITE_NOMEM, SQLITE_TOOBIG), BEFORE)           \
    X(int, sqlite3_busy_timeout, (sqlite3 * a, int b), (a, b), SQLITE_MISUSE,  \
      BEFORE)                                                                  \
    X(const unsigned char *, sqlite3_column_text, (sqlite3_stmt * a, int b),   \
      (a, b), NULL, BEFORE)                                                    \
    X(int, sqlite3_db_readonly, (sqlite3 * a, const char *b), (a, b), 1,       \
      BEFORE)                                                                  \
    X(int, sqlite3_exec,                                                       \
      (sqlite3 * a, const char *b, int (*c)(void *, int, char **, char **),    \
       void *d, char **e),                                                     \
      (a, b, c, d, e),                                                         \
      WAYS(SQLITE_IOERR_WRITE, SQLITE_FULL, SQLITE_BUSY, SQLITE_NOMEM),        \
      EITHER)                                                                  \
    X(int, sqlite3_extended_result_codes, (sqlite3 * a, int b), (a, b),        \
      SQLITE_MISUSE, BEFORE)                                                   \
    X(int, sqlite3_file_control, (sqlite3 * a, const char *b, int c, void *d), \
      (a, b, c, d), SQLITE_NOTFOUND, BEFORE)                                   \
    X(int, sqlite3_finalize, (sqlite3_stmt * a), (a), SQLITE_IOERR, AFTER)     \
    X(int, sqlite3_open_v2,                                                    \
      (const char *a, sqlite3 **b, int c, const char *d), (a, b, c, d),        \
      WAYS(SQLITE_CANTOPEN, SQLITE_NOMEM), EITHER)                             \
    X(int, sqlite3_prepare_v2,                                                 \
      (sqlite3 * a, const char *b, int c, sqlite3_stmt **d, const char **e),   \
      (a, b, c, d, e), WAYS(SQLITE_NOMEM, SQLITE_CORRUPT, SQLITE_ERROR),       \
      BEFORE)                                                                  \
    X(int, sqlite3_prepare_v3,                                                 \
      (sqlite3 * a, const char *b, int c, unsigned d, sqlite3_stmt **e,        \
       const char **f),                                                        \
      (a, b, c, d, e, f), WAYS(SQLITE_NOMEM, SQLITE_CORRUPT, SQLITE_ERROR),    \
      BEFORE)                                                                  \
    X(int, sqlite3_reset, (sqlite3_stmt * a), (a),                             \
      WAYS(SQLITE_IOERR, SQLITE_FULL), AFTER)                                  \
    X(int, sqlite3_step, (sqlite3_stmt * a), (a),                              \
      WAYS(SQLITE_IOERR_FSYNC, SQLITE_FULL, SQLITE_BUSY, SQLITE_NOMEM,         \
           SQLITE_CORRUPT),                                                    \
      EITHER)                                                                  \
    X(int, sqlite3_vfs_register, (sqlite3_vfs * a, int b), (a, b),             \
      SQLITE_NOMEM, BEFORE)                                                    \
    X(int, sqlite3_wal_checkpoint_v2,                                          \
      (sqlite3 * a, const char *b, int c, int *d, int *e), (a, b, c, d, e),    \
      SQLITE_BUSY, BEFORE)

#define CALLS_OF_MICROHTTPD(X)                                             \
    X(enum MHD_Result, MHD_add_response_header,                            \
      (struct MHD_Response * a, const char *b, const char *c), (a, b, c),  \
      MHD_NO, BEFORE)                                                      \
    X(struct MHD_Response *, MHD_create_response_from_buffer,              \
      (size_t a, void *b, enum MHD_ResponseMemoryMode c), (a, b, c), NULL, \
      BEFORE)                                                              \
    X(struct MHD_Response *, MHD_create_response_from_callback,            \
      (uint64_t a, size_t b, MHD_ContentReaderCallback c, void *d,         \
       MHD_ContentReaderFreeCallback e),                                   \
      (a, b, c, d, e), NULL, BEFORE)                                       \
    X(enum MHD_Result, MHD_queue_response,                                 \
      (struct MHD_Connection * a, unsigned b, struct MHD_Response *c),     \
      (a, b, c), MHD_NO, BEFORE)

#define CALLS_OF_MICROHTTPD_VARIADIC(X) \
    X(struct MHD_Daemon *, MHD_start_daemon, NULL)

#define CALLS_OF_ZLIB(X)                                                       \
    X(int, deflateInit2_,                                                      \
      (z_stream * a, int b, int c, int d, int e, int f, const char *g, int h), \
      (a, b, c, d, e, f, g, h), Z_MEM_ERROR, BEFORE)

#define CALLS_OF_YAML(X)                                                     \
    X(int, yaml_parser_initialize, (yaml_parser_t * a), (a), 0, BEFORE)      \
    X(int, yaml_parser_parse, (yaml_parser_t * a, yaml_event_t * b), (a, b), \
      0, BEFORE)

/* Linux gives the descriptor back whatever close() says. */
#define CALLS_OF_LIBC(X)                                                       \
    X(FILE *, fopencookie, (void *a, const char *b, cookie_io_functions_t c),  \
      (a, b, c), FAIL(NULL, ENOMEM), BEFORE)                                   \
    X(int, getaddrinfo,                                                        \
      (const char *a, const char *b, const struct addrinfo *c,                 \
       struct addrinfo **d),                                                   \
      (a, b, c, d), WAYS(EAI_MEMORY, EAI_AGAIN), BEFORE)                       \
    X(int, getsockopt, (int a, int b, int c, void *d, socklen_t *e),           \
      (a, b, c, d, e), FAIL(-1, ENOBUFS), BEFORE)                              \
    X(int, listen, (int a, int b), (a, b), FAIL(-1, EADDRINUSE), BEFORE)       \
    X(int, lstat, (const char *a, struct stat *b), (a, b),                     \
      WAYS(FAIL(-1, EIO), FAIL(-1, EACCES)), BEFORE)                           \
    X(ssize_t, sendto,                                                         \
      (int a, const void *b, size_t c, int d, const struct sockaddr *e,        \
       socklen_t f),                                                           \
      (a, b, c, d, e, f),                                                      \
      WAYS(FAIL(-1, EAGAIN), FAIL(-1, ECONNREFUSED), FAIL(-1, EINTR)), BEFORE) \
    X(int, signalfd, (int a, const sigset_t *b, int c), (a, b, c),             \
      FAIL(-1, EMFILE), BEFORE)                                                \
    X(int, access, (const char *a, int b), (a, b), FAIL(-1, EACCES), BEFORE)   \
    X(int, bind, (int a, const struct sockaddr *b, socklen_t c), (a, b, c),    \
      FAIL(-1, EADDRINUSE), BEFORE)                                            \
    X(int, connect, (int a, const struct sockaddr *b, socklen_t c), (a, b, c), \
      FAIL(-1, ECONNREFUSED), BEFORE)                                          \
    X(int, close_range, (unsigned a, unsigned b, int c), (a, b, c),            \
      FAIL(-1, EINVAL), BEFORE)                                                \
    X(int, fchmod, (int a, mode_t b), (a, b), FAIL(-1, EPERM), BEFORE)         \
    X(int, link, (const char *a, const char *b), (a, b), FAIL(-1, EMLINK),     \
      BEFORE)                                                                  \
    X(int, poll, (struct pollfd * a, nfds_t b, int c), (a, b, c),              \
      FAIL(-1, EINTR), BEFORE)                                                 \
    X(ssize_t, send, (int a, const void *b, size_t c, int d), (a, b, c, d),    \
      FAIL(-1, EPIPE), BEFORE)                                                 \
    X(int, setsockopt, (int a, int b, int c, const void *d, socklen_t e),      \
      (a, b, c, d, e), FAIL(-1, ENOPROTOOPT), BEFORE)                          \
    X(int, unlink, (const char *a), (a), FAIL(-1, EIO), BEFORE)                \
    X(void *, calloc, (size_t a, size_t b), (a, b), FAIL(NULL, ENOMEM),        \
      BEFORE)                                                                  \
    X(int, close, (int a), (a), FAIL(-1, EIO), AFTER)                          \
    X(int, dup, (int a), (a), FAIL(-1, EMFILE), BEFORE)                        \
    X(int, fclose, (FILE * a), (a), FAIL(EOF, EIO), AFTER)                     \
    X(int, ferror, (FILE * a), (a), FAIL(1, EIO), BEFORE)                      \
    X(int, faccessat, (int a, const char *b, int c, int d), (a, b, c, d),      \
      FAIL(-1, EACCES), BEFORE)                                                \
    X(int, flock, (int a, int b), (a, b),                                      \
      WAYS(FAIL(-1, EWOULDBLOCK), FAIL(-1, ENOLCK)), BEFORE)                   \
    X(FILE *, fopen, (const char *a, const char *b), (a, b),                   \
      FAIL(NULL, EMFILE), BEFORE)                                              \
    X(int, fstat, (int a, struct stat *b), (a, b), FAIL(-1, EIO), BEFORE)      \
    X(int, glob,                                                               \
      (const char *a, int b, int (*c)(const char *, int), glob_t *d),          \
      (a, b, c, d), WAYS(GLOB_NOSPACE, GLOB_ABORTED), BEFORE)                  \
    X(int, fsync, (int a), (a), WAYS(FAIL(-1, EIO), FAIL(-1, ENOSPC)), BEFORE) \
    X(int, ftruncate, (int a, off_t b), (a, b), FAIL(-1, ENOSPC), BEFORE)      \
    X(int, gethostname, (char *a, size_t b), (a, b), FAIL(-1, ENAMETOOLONG),   \
      BEFORE)                                                                  \
    X(int, getrlimit, (__rlimit_resource_t a, struct rlimit * b), (a, b),      \
      FAIL(-1, EPERM), BEFORE)                                                 \
    X(struct tm *, gmtime_r, (const time_t *a, struct tm *b), (a, b),          \
      FAIL(NULL, EOVERFLOW), BEFORE)                                           \
    X(void *, malloc, (size_t a), (a), FAIL(NULL, ENOMEM), BEFORE)             \
    X(int, memfd_create, (const char *a, unsigned b), (a, b),                  \
      FAIL(-1, EMFILE), BEFORE)                                                \
    X(int, mkdir, (const char *a, mode_t b), (a, b),                           \
      WAYS(FAIL(-1, EACCES), FAIL(-1, ENOSPC)), BEFORE)                        \
    X(FILE *, open_memstream, (char **a, size_t *b), (a, b),                   \
      FAIL(NULL, ENOMEM), BEFORE)                                              \
    X(ssize_t, pread, (int a, void *b, size_t c, off_t d), (a, b, c, d),       \
      FAIL(-1, EIO), BEFORE)                                                   \
    X(locale_t, newlocale, (int a, const char *b, locale_t c), (a, b, c),      \
      FAIL((locale_t)0, ENOMEM), BEFORE)                                       \
    X(ssize_t, pwrite, (int a, const void *b, size_t c, off_t d),              \
      (a, b, c, d), FAIL(-1, ENOSPC), BEFORE)                                  \
    X(ssize_t, read, (int a, void *b, size_t c), (a, b, c),                    \
      WAYS(FAIL(-1, EIO), FAIL(-1, EINTR)), BEFORE)                            \
    X(char *, realpath, (const char *a, char *b), (a, b), FAIL(NULL, EIO),     \
      BEFORE)                                                                  \
    X(void *, realloc, (void *a, size_t b), (a, b), FAIL(NULL, ENOMEM),        \
      BEFORE)                                                                  \
    X(void *, reallocarray, (void *a, size_t b, size_t c), (a, b, c),          \
      FAIL(NULL, ENOMEM), BEFORE)                                              \
    X(int, rename, (const char *a, const char *b), (a, b),                     \
      WAYS(FAIL(-1, EIO), FAIL(-1, EROFS)), EITHER)                            \
    X(int, renameat, (int a, const char *b, int c, const char *d),             \
      (a, b, c, d), WAYS(FAIL(-1, EIO), FAIL(-1, EROFS)), EITHER)              \
    X(int, setrlimit, (__rlimit_resource_t a, const struct rlimit *b), (a, b), \
      FAIL(-1, EPERM), BEFORE)                                                 \
    X(int, socket, (int a, int b, int c), (a, b, c),                           \
      WAYS(FAIL(-1, EMFILE), FAIL(-1, ENOBUFS), FAIL(-1, EAFNOSUPPORT)),       \
      BEFORE)                                                                  \
    X(ssize_t, readlink, (const char *a, char *b, size_t c), (a, b, c),        \
      FAIL(-1, EIO), BEFORE)                                                   \
    X(int, symlink, (const char *a, const char *b), (a, b),                    \
      WAYS(FAIL(-1, ENOSPC), FAIL(-1, EACCES)), BEFORE)                        \
    X(int, stat, (const char *a, struct stat *b), (a, b),                      \
      WAYS(FAIL(-1, EIO), FAIL(-1, EACCES)), BEFORE)                           \
    X(int, statvfs, (const char *a, struct statvfs *b), (a, b), FAIL(-1, EIO), \
      BEFORE)                                                                  \
    X(char *, strdup, (const char *a), (a), FAIL(NULL, ENOMEM), BEFORE)        \
    X(int, unlinkat, (int a, const char *b, int c), (a, b, c), FAIL(-1, EIO),  \
      BEFORE)                                                                  \
    X(int, vasprintf, (char **a, const char *b, va_list c), (a, b, c),         \
      FAIL(-1, ENOMEM), BEFORE)                                                \
    X(ssize_t, write, (int a, const void *b, size_t c), (a, b, c),             \
      WAYS(FAIL(-1, ENOSPC), FAIL(-1, EIO), FAIL(-1, EINTR),                   \
           write(a, b, (c + 1) / 2)),                                          \
      BEFORE)

#define CALLS_OF_LIBC_VARIADIC(X)                                            \
    X(int, open, WAYS(FAIL(-1, EMFILE), FAIL(-1, EACCES), FAIL(-1, ENOSPC))) \
    X(int, openat, WAYS(FAIL(-1, EMFILE), FAIL(-1, EACCES), FAIL(-1, ENOSPC)))

#define CALLS(X)                    \
    CALLS_OF_LIBUV(X)               \
    CALLS_OF_LIBCURL(X)             \
    CALLS_OF_LIBCURL_VARIADIC(X)    \
    CALLS_OF_OPENSSL(X)             \
    CALLS_OF_TRE(X)                 \
    CALLS_OF_YAJL(X)                \
    CALLS_OF_SQLITE(X)              \
    CALLS_OF_YAML(X)                \
    CALLS_OF_ZLIB(X)                \
    CALLS_OF_MICROHTTPD(X)          \
    CALLS_OF_MICROHTTPD_VARIADIC(X) \
    CALLS_OF_LIBC(X)                \
    CALLS_OF_LIBC_VARIADIC(X)

#endif
