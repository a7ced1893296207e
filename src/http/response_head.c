#include "http/response_head.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <string.h>

#include "http/easy.h"
#include "http/endpoint_private.h"

/* The value of a header line of the newest response, or NULL. */
static const char *header_find(CURL *curl, const char *name)
{
    struct curl_header *header = NULL;
    if (curl_easy_header(curl, name, 0, CURLH_HEADER, -1, &header) !=
        CURLHE_OK) {
        return NULL;
    }
    return header->value;
}

/* The Location as an absolute URL. CURLINFO_REDIRECT_URL is the same, but not
 * available before the body has ended. */
static char *location_resolve(const struct easy *easy, const char *location)
{
    char *absolute = NULL;
    CURLU *url = curl_url_dup(easy->endpoint->url.parts);
    if (url != NULL &&
        curl_url_set(url, CURLUPART_PATH, easy->transfer->path, 0) ==
            CURLUE_OK &&
        curl_url_set(url, CURLUPART_URL, location,
                     CURLU_NON_SUPPORT_SCHEME | CURLU_PATH_AS_IS) ==
            CURLUE_OK) {
        (void)curl_url_get(url, CURLUPART_URL, &absolute, 0);
    }
    curl_url_cleanup(url);
    return absolute;
}

static void location_read(struct response_head *head, const struct easy *easy)
{
    const char *location = header_find(easy->curl, "Location");
    if (location == NULL) {
        return;
    }
    head->location = location_resolve(easy, location);
    head->http.location = head->location != NULL ? head->location : location;
}

/* A response with neither a length nor chunks ends with the connection, and
 * HTTP cannot tell a complete one from a truncated one. That is good enough for
 * the text of an error, but not for a 2xx, whose body is acted upon. */
static bool is_end_known(CURL *curl, long status, curl_off_t length)
{
    return length >= 0 || status < 200 || status > 299 || status == 204 ||
           header_find(curl, "Transfer-Encoding") != NULL;
}

int response_head_read(struct response_head *head, struct easy *easy)
{
    CURL *curl = easy->curl;
    curl_off_t length = -1;
    char *content_type = NULL;
    memset(head, 0, sizeof *head);
    /* To libcurl a truncated head is a response without a body. */
    if (!easy->is_head_complete) {
        return reason_set(&easy->why, HAPLO_ERESET,
                          "the connection was lost within the response's head");
    }
    if (curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &head->http.status) !=
            CURLE_OK ||
        curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &content_type) !=
            CURLE_OK ||
        curl_easy_getinfo(curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length) !=
            CURLE_OK) {
        return reason_set(&easy->why, HAPLO_EPROTOCOL,
                          "the response's head cannot be read");
    }
    if (!is_end_known(curl, head->http.status, length)) {
        return reason_set(&easy->why, HAPLO_EPROTOCOL,
                          "the response has neither Content-Length nor chunks, "
                          "so that a truncated one would look complete");
    }
    head->http.content_type = content_type;
    head->http.content_size =
        length >= 0 && !easy->lines.is_compressed ? length : -1;
    if (head->http.status >= 300 && head->http.status <= 399) {
        location_read(head, easy);
    }
    return 0;
}

void response_head_clear(struct response_head *head)
{
    curl_free(head->location);
    head->location = NULL;
}
