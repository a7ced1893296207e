#include "http/response_head.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <string.h>
#include <uv.h>

#include "http/easy.h"
#include "http/endpoint_private.h"

#define AGE_SLACK_MS 1000

/* Sets *value to that of a header of the final response, or NULL. 0 or
 * HAPLO_ENOMEM. */
static int header_find(struct easy *easy, const char *name, const char **value)
{
    struct curl_header *header = NULL;
    CURLHcode code =
        curl_easy_header(easy->curl, name, 0, CURLH_HEADER, -1, &header);
    *value = code == CURLHE_OK ? header->value : NULL;
    return code == CURLHE_OUT_OF_MEMORY
               ? reason_set(&easy->why, HAPLO_ENOMEM, "out of memory")
               : 0;
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

static int location_read(struct response_head *head, struct easy *easy)
{
    const char *location = NULL;
    int error = header_find(easy, "Location", &location);
    if (location != NULL) {
        head->location = location_resolve(easy, location);
        head->http.location =
            head->location != NULL ? head->location : location;
    }
    return error;
}

/* libcurl's own field may come from an interim response. */
static int content_read(struct response_head *head, struct easy *easy)
{
    const struct response_lines *lines = &easy->lines;
    head->http.content_size =
        lines->is_compressed ? -1 : framing_length(&lines->framing);
    return header_find(easy, "Content-Type", &head->http.content_type);
}

static bool is_success(long status)
{
    return status >= 200 && status <= 299;
}

/* The end of a 2xx response, whose body is acted upon, must be known. For the
 * text of an error, what has arrived is good enough. 204 has no body. libcurl
 * must have come to the same conclusion, or its body is another one. */
static int end_check(struct easy *easy, long status)
{
    const struct framing *framing = &easy->lines.framing;
    curl_off_t length = -1;
    if (!is_success(status) || status == 204 ||
        easy->transfer->is_status_enough) {
        return 0;
    }
    if (easy->is_uncompressed && easy->lines.is_compressed) {
        return reason_set(&easy->why, HAPLO_EPROTOCOL,
                          "the response is compressed, although the request "
                          "did not offer to accept that");
    }
    int error = framing_check(framing, &easy->why);
    if (error == 0 &&
        (curl_easy_getinfo(easy->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T,
                           &length) != CURLE_OK ||
         length != framing_length(framing))) {
        return reason_set(&easy->why, HAPLO_EPROTOCOL,
                          "the response's length is not known");
    }
    return error;
}

/* A cache adds the time that it kept a response to its Age, and may add the
 * time that the server took (RFC 9111, 4.2.3), so only a response that is older
 * than its request comes from one. It repeats what was true before, perhaps
 * before the newest mark. A second, because Age is rounded. */
static int age_check(struct easy *easy, long status)
{
    uint64_t age_ms = (uint64_t)easy->lines.age_s * 1000;
    uint64_t sent_ago_ms = uv_now(easy->client->loop) - easy->sent_ms;
    if (!is_success(status) || age_ms <= sent_ago_ms + AGE_SLACK_MS) {
        return 0;
    }
    return reason_set(&easy->why, HAPLO_ECACHED,
                      "the response is %u s old (Age), older than the request: "
                      "a cache or proxy in between repeats responses, although "
                      "it was sent \"Cache-Control: no-cache\"; exempt %s from "
                      "caching there",
                      easy->lines.age_s, easy->endpoint->url.origin);
}

int response_head_read(struct response_head *head, struct easy *easy)
{
    memset(head, 0, sizeof *head);
    /* To libcurl a truncated head is a response without a body. */
    if (easy->lines.part != RESPONSE_BODY) {
        return reason_set(&easy->why, HAPLO_ERESET,
                          "the connection was lost within the response's head");
    }
    if (curl_easy_getinfo(easy->curl, CURLINFO_RESPONSE_CODE,
                          &head->http.status) != CURLE_OK) {
        return reason_set(&easy->why, HAPLO_EPROTOCOL,
                          "the response's head cannot be read");
    }
    int error = end_check(easy, head->http.status);
    if (error == 0) {
        error = age_check(easy, head->http.status);
    }
    if (error == 0) {
        error = content_read(head, easy);
    }
    if (error == 0 && head->http.status >= 300 && head->http.status <= 399) {
        error = location_read(head, easy);
    }
    return error;
}

void response_head_clear(struct response_head *head)
{
    curl_free(head->location);
    head->location = NULL;
}
