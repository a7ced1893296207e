#include "http/answer_head.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <string.h>

#include "http/endpoint_private.h"
#include "http/exchange.h"

/* The value of a header line of the newest answer, or NULL. */
static const char *header_find(CURL *easy, const char *name)
{
    struct curl_header *header = NULL;
    if (curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &header) !=
        CURLHE_OK) {
        return NULL;
    }
    return header->value;
}

/* The Location as an absolute URL. CURLINFO_REDIRECT_URL would be that, but
 * it is not known before the body has ended. */
static char *location_resolve(const struct exchange *exchange,
                              const char *location)
{
    char *absolute = NULL;
    CURLU *url = curl_url_dup(exchange->endpoint->url);
    if (url != NULL &&
        curl_url_set(url, CURLUPART_PATH, exchange->transfer->path, 0) ==
            CURLUE_OK &&
        curl_url_set(url, CURLUPART_URL, location,
                     CURLU_NON_SUPPORT_SCHEME | CURLU_PATH_AS_IS) ==
            CURLUE_OK) {
        (void)curl_url_get(url, CURLUPART_URL, &absolute, 0);
    }
    curl_url_cleanup(url);
    return absolute;
}

static void location_read(struct answer_head *head,
                          const struct exchange *exchange)
{
    const char *location = header_find(exchange->easy, "Location");
    if (location == NULL) {
        return;
    }
    head->location = location_resolve(exchange, location);
    head->http.location = head->location != NULL ? head->location : location;
}

/* Where an answer has neither a length nor chunks, the end of the connection
 * ends it, and HTTP cannot tell a whole one from a cut one. A Haplo server
 * never answers so; a batch or a mark is not taken from what may be cut. The
 * text of an error may be. */
static bool is_end_known(CURL *easy, long status, curl_off_t length)
{
    return length >= 0 || status < 200 || status > 299 || status == 204 ||
           header_find(easy, "Transfer-Encoding") != NULL;
}

int answer_head_read(struct answer_head *head, struct exchange *exchange)
{
    CURL *easy = exchange->easy;
    curl_off_t length = -1;
    char *content_type = NULL;
    memset(head, 0, sizeof *head);
    /* For libcurl a head that is cut off is an answer without body. */
    if (!exchange->is_head_whole) {
        return reason_set(&exchange->why, HAPLO_ERESET,
                          "the connection was lost in the answer's head");
    }
    if (curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &head->http.status) !=
            CURLE_OK ||
        curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &content_type) !=
            CURLE_OK ||
        curl_easy_getinfo(easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length) !=
            CURLE_OK) {
        return reason_set(&exchange->why, HAPLO_EPROTOCOL,
                          "the answer's head cannot be read");
    }
    if (!is_end_known(easy, head->http.status, length)) {
        return reason_set(&exchange->why, HAPLO_EPROTOCOL,
                          "the answer has neither Content-Length nor chunks: "
                          "whether it is whole cannot be told");
    }
    head->http.content_type = content_type;
    head->http.content_size =
        length >= 0 && !exchange->lines.is_packed ? length : -1;
    if (head->http.status >= 300 && head->http.status <= 399) {
        location_read(head, exchange);
    }
    return 0;
}

void answer_head_clear(struct answer_head *head)
{
    curl_free(head->location);
    head->location = NULL;
}
