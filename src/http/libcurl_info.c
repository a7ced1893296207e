#include "http/libcurl_info.h"

#include <stdio.h>
#include <uv.h>

#define VERSION_MIN 0x075800        /* 7.88.0: as in Debian 12 */
#define VERSION_FOLD_FIXED 0x080200 /* 8.2.0 */
#define SYSTEM_CA_FILE "/etc/ssl/certs/ca-certificates.crt"

static uv_once_t once = UV_ONCE_INIT;
static struct libcurl_info known_info;

/* What a libcurl may have been built without, and how that is named. */
static const struct {
    const char *name;
    CURLoption option;
} needed[] = {
    {"proxies", CURLOPT_PROXY},
    {"compression (CURLOPT_ACCEPT_ENCODING)", CURLOPT_ACCEPT_ENCODING},
    {"https (CURLOPT_PROTOCOLS_STR)", CURLOPT_PROTOCOLS_STR},
    {"CURLOPT_RESOLVE", CURLOPT_RESOLVE},
    {"CURLOPT_PREREQFUNCTION", CURLOPT_PREREQFUNCTION},
    {"CURLOPT_HEADEROPT", CURLOPT_HEADEROPT},
    {"netrc (CURLOPT_NETRC)", CURLOPT_NETRC},
};

static void read_missing(struct libcurl_info *known,
                         const curl_version_info_data *info,
                         bool (*can_set)(CURLoption option))
{
    const char *missing = NULL;
    if ((info->features & CURL_VERSION_SSL) == 0) {
        missing = "TLS";
    } else if ((info->features & CURL_VERSION_LIBZ) == 0) {
        missing = "zlib";
    }
    for (size_t i = 0; missing == NULL && i < sizeof needed / sizeof *needed;
         i++) {
        if (!can_set(needed[i].option)) {
            missing = needed[i].name;
        }
    }
    if (info->version_num < VERSION_MIN) {
        snprintf(known->missing, sizeof known->missing,
                 "libcurl %s is in use, and 7.88.0 or newer is needed",
                 info->version);
    } else if (missing != NULL) {
        snprintf(known->missing, sizeof known->missing,
                 "the libcurl in use (%s) was built without %s", info->version,
                 missing);
    }
}

void libcurl_info_read(struct libcurl_info *known,
                       const curl_version_info_data *info,
                       bool (*can_set)(CURLoption option))
{
    *known = (struct libcurl_info){
        .has_fold_bug = info->version_num < VERSION_FOLD_FIXED,
        .ca_file = info->cainfo != NULL ? info->cainfo : SYSTEM_CA_FILE,
        .ssl_version = info->ssl_version,
    };
    read_missing(known, info, can_set);
}

/* An option that was left out cannot be set to anything. */
static bool can_set(CURLoption option)
{
    CURL *curl = curl_easy_init();
    CURLcode code = CURLE_OUT_OF_MEMORY;
    switch (curl == NULL ? CURLOPT_LASTENTRY : option) {
    case CURLOPT_LASTENTRY:
        break;
    case CURLOPT_PROXY:
        code = curl_easy_setopt(curl, CURLOPT_PROXY, "");
        break;
    case CURLOPT_ACCEPT_ENCODING:
        code = curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "gzip");
        break;
    case CURLOPT_PROTOCOLS_STR:
        code = curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
        break;
    case CURLOPT_HEADEROPT:
        code = curl_easy_setopt(curl, CURLOPT_HEADEROPT,
                                (long)CURLHEADER_SEPARATE);
        break;
    default:
        code = curl_easy_setopt(curl, option, NULL);
    }
    curl_easy_cleanup(curl);
    return code == CURLE_OK || code == CURLE_OUT_OF_MEMORY;
}

static void ask(void)
{
    libcurl_info_read(&known_info, curl_version_info(CURLVERSION_NOW), can_set);
}

const struct libcurl_info *libcurl_info(void)
{
    uv_once(&once, ask);
    return &known_info;
}
