#include "http/easy_aim.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "http/easy.h"
#include "http/endpoint_private.h"

/* Plain http through a proxy needs the whole URL as the request's target. */
static const char *easy_target(struct easy *easy)
{
    const char *origin = easy->endpoint->url.origin;
    const char *path = easy->transfer->path;
    if (!endpoint_needs_whole_url(easy->endpoint)) {
        return path;
    }
    size_t size = strlen(origin) + strlen(path) + 1;
    if (size > easy->whole_url_size) {
        char *whole_url = alloc_resize(easy->whole_url, size);
        if (whole_url == NULL) {
            return NULL;
        }
        easy->whole_url = whole_url;
        easy->whole_url_size = size;
    }
    (void)snprintf(easy->whole_url, size, "%s%s", origin, path);
    return easy->whole_url;
}

static bool easy_set_encoding(struct easy *easy)
{
    bool is_uncompressed = easy->transfer->is_uncompressed;
    if (is_uncompressed != easy->is_uncompressed &&
        curl_easy_setopt(easy->curl, CURLOPT_ACCEPT_ENCODING,
                         is_uncompressed ? NULL : "gzip") != CURLE_OK) {
        return false;
    }
    easy->is_uncompressed = is_uncompressed;
    return true;
}

/* libcurl borrows the body. */
static bool easy_set_body(struct easy *easy)
{
    const struct transfer *transfer = easy->transfer;
    CURL *curl = easy->curl;
    bool has_body = transfer->body != NULL;
    if (has_body &&
        (curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                          (curl_off_t)transfer->body_size) != CURLE_OK ||
         curl_easy_setopt(curl, CURLOPT_POSTFIELDS, transfer->body) !=
             CURLE_OK)) {
        return false;
    }
    if (!has_body && easy->has_body &&
        curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L) != CURLE_OK) {
        return false;
    }
    easy->has_body = has_body;
    return true;
}

static bool easy_set_method(struct easy *easy)
{
    const char *method = easy->transfer->method;
    bool has_method = method != NULL;
    if ((has_method || easy->has_method) &&
        curl_easy_setopt(easy->curl, CURLOPT_CUSTOMREQUEST, method) !=
            CURLE_OK) {
        return false;
    }
    easy->has_method = has_method;
    return true;
}

/* The target is CURLOPT_REQUEST_TARGET, not a part of the URL: libcurl would
 * write the %XX of a path in lower case, and some servers compare paths
 * undecoded. */
bool easy_aim(struct easy *easy)
{
    const char *target = easy_target(easy);
    CURL *curl = easy->curl;
    return target != NULL &&
           curl_easy_setopt(curl, CURLOPT_REQUEST_TARGET, target) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HTTPHEADER,
                            easy->transfer->headers) == CURLE_OK &&
           easy_set_body(easy) && easy_set_method(easy) &&
           easy_set_encoding(easy);
}
