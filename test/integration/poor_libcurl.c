/* Preloaded, it is a libcurl that was built without what POOR_LIBCURL names:
 * "TLS", "zlib", or "proxies"; or an old one: "7.74.0". */
#include <curl/curl.h>
#include <dlfcn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define HOOK __attribute__((visibility("default")))

typedef curl_version_info_data *info_function(CURLversion);
typedef CURLcode setopt_function(CURL *, CURLoption, ...);

static int lacks(const char *what)
{
    const char *poor = getenv("POOR_LIBCURL");
    return poor != NULL && strcmp(poor, what) == 0;
}

HOOK curl_version_info_data *curl_version_info(CURLversion version)
{
    static curl_version_info_data poor;
    info_function *next;
    *(void **)&next = dlsym(RTLD_NEXT, "curl_version_info");
    poor = *next(version);
    if (lacks("TLS")) {
        poor.features &= ~CURL_VERSION_SSL;
    } else if (lacks("zlib")) {
        poor.features &= ~CURL_VERSION_LIBZ;
    } else if (lacks("7.74.0")) {
        poor.version = "7.74.0";
        poor.version_num = 0x074a00;
    }
    return &poor;
}

/* Each option has one argument, of the size of a pointer or larger. */
#undef curl_easy_setopt
HOOK CURLcode curl_easy_setopt(CURL *curl, CURLoption option, ...)
{
    setopt_function *next;
    va_list arguments;
    va_start(arguments, option);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    if (option == CURLOPT_PROXY && lacks("proxies")) {
        return CURLE_UNKNOWN_OPTION;
    }
    *(void **)&next = dlsym(RTLD_NEXT, "curl_easy_setopt");
    return next(curl, option, argument);
}
