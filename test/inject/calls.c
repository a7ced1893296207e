/*
 * calls.c - what the product's objects call instead of the functions of
 * calls.h: objcopy has renamed NAME to inject_NAME in them, and in nothing
 * else. The calls of the libraries themselves and of the test are not affected.
 */
#define CURL_DISABLE_TYPECHECK

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <locale.h>
#include <microhttpd.h>
#include <netdb.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <tre/tre.h>
#include <unistd.h>
#include <uv.h>
#include <yajl/yajl_parse.h>
#include <yajl/yajl_tree.h>
#include <yaml.h>
#include <zlib.h>

#include <curl/curl.h>

#include "fault.h"

#define BEFORE
#define AFTER
#define EITHER

#define FAIL(value, number) (errno = (number), (value))

#define WAY_2(a, b) (fault_way(2) == 0 ? (a) : (b))
#define WAY_3(a, b, c) (fault_way(3) == 0 ? (a) : WAY_IN(3, 1, b, c))
#define WAY_4(a, b, c, d) \
    (fault_way(4) == 0 ? (a) : fault_way(4) == 1 ? (b) : WAY_IN(4, 2, c, d))
#define WAY_5(a, b, c, d, e)   \
    (fault_way(5) == 0   ? (a) \
     : fault_way(5) == 1 ? (b) \
     : fault_way(5) == 2 ? (c) \
                         : WAY_IN(5, 3, d, e))
#define WAY_IN(count, at, a, b) (fault_way(count) == (at) ? (a) : (b))
#define WAY_OF(_1, _2, _3, _4, _5, name, ...) name
#define WAYS(...) \
    WAY_OF(__VA_ARGS__, WAY_5, WAY_4, WAY_3, WAY_2, NONE)(__VA_ARGS__)

/* Both: a call that was made and denied tells nothing of what it did. */
#define DEFINE(result, name, parameters, arguments, failure, when) \
    result inject_##name parameters;                               \
    result inject_##name parameters                                \
    {                                                              \
        enum fault_hit hit = fault_hits_call(CALL_##name);         \
        if (hit == FAULT_BEFORE) {                                 \
            return failure;                                        \
        }                                                          \
        fault_enter(CALL_##name);                                  \
        result value = name arguments;                             \
        fault_enter(CALL_COUNT);                                   \
        return hit == FAULT_AFTER ? (failure) : value;             \
    }

/* curl_multi_socket_all(): see io/multi.c. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

CALLS_OF_LIBUV(DEFINE)
CALLS_OF_LIBCURL(DEFINE)
CALLS_OF_OPENSSL(DEFINE)
CALLS_OF_TRE(DEFINE)
CALLS_OF_YAJL(DEFINE)
CALLS_OF_SQLITE(DEFINE)
CALLS_OF_YAML(DEFINE)
CALLS_OF_ZLIB(DEFINE)
CALLS_OF_MICROHTTPD(DEFINE)
CALLS_OF_LIBC(DEFINE)

/* Those with a variable argument */

/* The type of the argument goes by the number of the option. */
#define SET(call, object, option, argument)                                 \
    ((option) < CURLOPTTYPE_OBJECTPOINT                                     \
         ? call((object), (option), va_arg((argument), long))               \
     : (option) < CURLOPTTYPE_FUNCTIONPOINT || (option) >= CURLOPTTYPE_BLOB \
         ? call((object), (option), va_arg((argument), void *))             \
     : (option) < CURLOPTTYPE_OFF_T                                         \
         ? call((object), (option), va_arg((argument), void (*)(void)))     \
         : call((object), (option), va_arg((argument), curl_off_t)))

/* Nothing is needed to take a share, or what is to be resolved, away. */
static bool is_taken_away(CURLoption option, va_list *argument)
{
    va_list copy;
    va_copy(copy, *argument);
    bool is = (option == CURLOPT_SHARE || option == CURLOPT_RESOLVE) &&
              va_arg(copy, void *) == NULL;
    va_end(copy);
    return is;
}

CURLcode inject_curl_easy_setopt(CURL *a, CURLoption b, ...);
CURLcode inject_curl_easy_setopt(CURL *a, CURLoption b, ...)
{
    va_list argument;
    CURLcode code = CURLE_OK;
    va_start(argument, b);
    if (is_taken_away(b, &argument) ||
        fault_hits_call(CALL_curl_easy_setopt) == FAULT_NONE) {
        code = SET(curl_easy_setopt, a, b, argument);
    } else {
        code = WAYS(CURLE_OUT_OF_MEMORY, CURLE_UNKNOWN_OPTION);
    }
    va_end(argument);
    return code;
}

CURLMcode inject_curl_multi_setopt(CURLM *a, CURLMoption b, ...);
CURLMcode inject_curl_multi_setopt(CURLM *a, CURLMoption b, ...)
{
    va_list argument;
    CURLMcode code = CURLM_OUT_OF_MEMORY;
    va_start(argument, b);
    if (fault_hits_call(CALL_curl_multi_setopt) == FAULT_NONE) {
        code = SET(curl_multi_setopt, a, b, argument);
    }
    va_end(argument);
    return code;
}

CURLSHcode inject_curl_share_setopt(CURLSH *a, CURLSHoption b, ...);
CURLSHcode inject_curl_share_setopt(CURLSH *a, CURLSHoption b, ...)
{
    va_list argument;
    if (fault_hits_call(CALL_curl_share_setopt) != FAULT_NONE) {
        return CURLSHE_NOMEM;
    }
    va_start(argument, b);
    CURLSHcode code = curl_share_setopt(a, b, va_arg(argument, int));
    va_end(argument);
    return code;
}

CURLcode inject_curl_easy_getinfo(CURL *a, CURLINFO b, ...);
CURLcode inject_curl_easy_getinfo(CURL *a, CURLINFO b, ...)
{
    va_list argument;
    if (fault_hits_call(CALL_curl_easy_getinfo) != FAULT_NONE) {
        return CURLE_UNKNOWN_OPTION;
    }
    va_start(argument, b);
    CURLcode code = curl_easy_getinfo(a, b, va_arg(argument, void *));
    va_end(argument);
    return code;
}

#define OPEN_FAILURE WAYS(FAIL(-1, EMFILE), FAIL(-1, EACCES), FAIL(-1, ENOSPC))

static mode_t mode_of(int flags, va_list *argument)
{
    return (flags & O_CREAT) != 0 ? va_arg(*argument, mode_t) : 0;
}

int inject_open(const char *a, int b, ...);
int inject_open(const char *a, int b, ...)
{
    va_list argument;
    va_start(argument, b);
    mode_t mode = mode_of(b, &argument);
    va_end(argument);
    return fault_hits_call(CALL_open) != FAULT_NONE ? OPEN_FAILURE
                                                    : open(a, b, mode);
}

int inject_openat(int a, const char *b, int c, ...);
int inject_openat(int a, const char *b, int c, ...)
{
    va_list argument;
    va_start(argument, c);
    mode_t mode = mode_of(c, &argument);
    va_end(argument);
    return fault_hits_call(CALL_openat) != FAULT_NONE ? OPEN_FAILURE
                                                      : openat(a, b, c, mode);
}

struct MHD_Daemon *inject_MHD_start_daemon(unsigned a, uint16_t b,
                                           MHD_AcceptPolicyCallback c, void *d,
                                           MHD_AccessHandlerCallback e, void *f,
                                           ...);
struct MHD_Daemon *inject_MHD_start_daemon(unsigned a, uint16_t b,
                                           MHD_AcceptPolicyCallback c, void *d,
                                           MHD_AccessHandlerCallback e, void *f,
                                           ...)
{
    va_list argument;
    struct MHD_Daemon *daemon = NULL;
    va_start(argument, f);
    if (fault_hits_call(CALL_MHD_start_daemon) == FAULT_NONE) {
        daemon = MHD_start_daemon_va(a, b, c, d, e, f, argument);
    }
    va_end(argument);
    return daemon;
}

/* What glibc's headers make of a call whose room they know */

int inject_open_2(const char *a, int b);
int inject_open_2(const char *a, int b)
{
    return inject_open(a, b);
}

char *inject_realpath_chk(const char *a, char *b, size_t size);
char *inject_realpath_chk(const char *a, char *b, size_t size)
{
    (void)size;
    return inject_realpath(a, b);
}

int inject_vasprintf_chk(char **a, int flag, const char *b, va_list c);
int inject_vasprintf_chk(char **a, int flag, const char *b, va_list c)
{
    (void)flag;
    return inject_vasprintf(a, b, c);
}
