/* Preloaded, it makes libcurl say that it uses a TLS library that it does not
 * use. */
#include <curl/curl.h>
#include <dlfcn.h>
#include <stddef.h>

#define HOOK __attribute__((visibility("default")))

HOOK curl_version_info_data *curl_version_info(CURLversion age)
{
    static curl_version_info_data *(*real)(CURLversion);
    static curl_version_info_data info;

    if (real == NULL) {
        *(void **)&real = dlsym(RTLD_NEXT, "curl_version_info");
    }
    info = *real(age);
    info.ssl_version = "GnuTLS/3.7.9";
    return &info;
}
