#include "http/libcurl_info.h"

#include <curl/curl.h>
#include <uv.h>

#define VERSION_MIN 0x075800        /* 7.88.0: as in Debian 12 */
#define VERSION_FOLD_FIXED 0x080200 /* 8.2.0 */
#define SYSTEM_CA_FILE "/etc/ssl/certs/ca-certificates.crt"

static uv_once_t once = UV_ONCE_INIT;
static struct libcurl_info known;

static void ask(void)
{
    const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
    known.is_usable = info->version_num >= VERSION_MIN &&
                      (info->features & CURL_VERSION_SSL) != 0 &&
                      (info->features & CURL_VERSION_LIBZ) != 0;
    known.has_fold_bug = info->version_num < VERSION_FOLD_FIXED;
    known.ca_file = info->cainfo != NULL ? info->cainfo : SYSTEM_CA_FILE;
    known.ssl_version = info->ssl_version;
}

const struct libcurl_info *libcurl_info(void)
{
    uv_once(&once, ask);
    return &known;
}
