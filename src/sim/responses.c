#include "sim/responses.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#define GZIP_BYTES_MIN 128 /* shorter bodies are not compressed */
#define CHUNK_BYTES 8192   /* per chunk */

static const char html[] = "text/html; charset=utf-8";
static const char json[] = "application/json; charset=utf-8";

void sim_response_free(struct sim_response *response)
{
    sim_buffer_free(&response->body);
}

void sim_response_simple(struct sim_response *response, int status,
                         const char *content_type)
{
    response->status = status;
    response->content_type = content_type;
    response->cache_control = true;
    response->frame_options = true;
}

/* The plugin reports errors as HTML pages with status 200. */
void sim_response_error_page(struct sim_response *response, const char *text)
{
    sim_response_simple(response, 200, html);
    sim_buffer_format(&response->body,
                      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
                      "  <title>Error : Haplo</title>\n</head>\n<body>\n"
                      "<div id=\"z__page\"><h1>Error</h1>\n"
                      "<div class=\"z__general_alert\">\n  %s\n</div>\n"
                      "</div>\n</body>\n</html>\n",
                      text);
}

/* The platform answers for an inactive application, the HTTP layer below it
 * for an unknown host name; their headers differ. */
void sim_response_no_application(struct sim_response *response, bool known)
{
    sim_response_simple(response, 404, html);
    response->frame_options = known;
    sim_buffer_text(&response->body,
                    "<!DOCTYPE html>\n<html><head><title>Haplo</title></head>"
                    "<body><p>(stand-in: no application for this hostname)</p>"
                    "</body></html>");
}

void sim_response_not_found(struct sim_response *response)
{
    sim_response_simple(response, 404, html);
    response->frame_options = false;
    sim_buffer_text(&response->body,
                    "<html><h1>Not found</h1><p>(stand-in for the platform's "
                    "not found page)</p></html>");
}

void sim_response_method(struct sim_response *response, const char *method)
{
    sim_response_simple(response, 405, html);
    response->cache_control = false;
    response->frame_options = false;
    sim_buffer_format(&response->body,
                      "<html><head><title>Not supported</title></head><body>"
                      "<h2>%s not supported</h2></body></html>\n",
                      method);
}

void sim_response_bad_path(struct sim_response *response)
{
    sim_response_simple(response, 400, "text/plain; charset=utf-8");
    sim_buffer_text(&response->body, "Bad request (failed validation)");
}

void sim_response_exception(struct sim_response *response)
{
    sim_response_simple(response, 500, html);
    response->frame_options = false;
    sim_buffer_text(&response->body,
                    "<!DOCTYPE html>\n<html><head><title>Error</title></head>"
                    "<body><h1>Error</h1><p>(stand-in for the platform's error "
                    "page)</p></body></html>\n");
}

/* An error of the HTTP layer, before the request reaches an application. */
void sim_response_internal(struct sim_response *response)
{
    sim_response_simple(response, 500, html);
    response->cache_control = false;
    response->frame_options = false;
    sim_buffer_text(&response->body,
                    "<html><body><h1>Internal server error</h1></body></html>");
}

void sim_response_redirect(struct sim_response *response, const char *base,
                           const char *path, size_t path_size)
{
    sim_response_simple(response, 302, html);
    snprintf(response->location, sizeof response->location, "%s%.*s", base,
             (int)path_size, path);
    sim_buffer_format(&response->body,
                      "<html><body><p><a href=\"%s\">Redirect</a></p></body>"
                      "</html>",
                      response->location);
}

struct refusal {
    const char *kind;
    const char *message;
    const char *text; /* body before 2020-05 */
};

static const struct refusal refusals[] = {
    [SIM_AUTH_ANONYMOUS] =
        {"UNAUTHORISED",
         "Unauthorised: You are not permitted to perform that action",
         "Unauthorised: You are not permitted to perform that action"},
    [SIM_AUTH_INVALID] = {"INVALID-API-KEY", "Invalid API Key", "Bad API Key"},
    [SIM_AUTH_BLOCKED] = {"UNAUTHORISED", "Not authorised", "Not authorised"},
    [SIM_AUTH_THROTTLED] =
        {"THROTTLE",
         "Too many failed API authentication attempts, API usage suspended. "
         "Pause requests to wait until restriction lifted.",
         "Too many failed API authentication attempts, API usage suspended. "
         "Pause requests to wait until restriction lifted."},
};

void sim_response_refused(struct sim_response *response,
                          enum sim_auth_outcome outcome, bool as_json)
{
    assert(outcome != SIM_AUTH_OK);
    const struct refusal *refusal = &refusals[outcome];
    sim_response_simple(response, 403, as_json ? json : html);
    if (as_json) {
        sim_buffer_format(&response->body,
                          "{\"success\":false,\"kind\":\"%s\",\"error\":"
                          "{\"message\":\"%s\"}}",
                          refusal->kind, refusal->message);
    } else {
        sim_buffer_text(&response->body, refusal->text);
    }
}

void sim_response_refused_post(struct sim_response *response,
                               const char *cookie, bool secure)
{
    sim_response_simple(response, 403, html);
    response->frame_options = false;
    strcpy(response->cookie, cookie);
    response->cookie_secure = secure;
    sim_buffer_text(&response->body,
                    "<html><h1>Request denied for security reasons</h1><p>"
                    "(stand-in for the platform's page about missing cookies)"
                    "</p></html>");
}

static const char *status_reason(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 302:
        return "Found";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 429:
        return "Too Many Requests";
    case 500:
        return "Server Error";
    case 502:
        return "Bad Gateway";
    case 503:
        return "Service Unavailable";
    case 504:
        return "Gateway Timeout";
    default:
        return "Status";
    }
}

/* Compresses into *to. The stream is reused: there is only one thread. */
static bool body_gzip(const struct sim_buffer *body, struct sim_buffer *to)
{
    static z_stream stream;
    static bool ready;
    if (!ready) {
        ready = deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED,
                             MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK;
    } else if (deflateReset(&stream) != Z_OK) {
        ready = false;
    }
    if (!ready) {
        return false;
    }
    size_t bound = deflateBound(&stream, (uLong)body->size);
    stream.next_in = (Bytef *)body->bytes;
    stream.avail_in = (uInt)body->size;
    stream.next_out = (Bytef *)sim_buffer_reserve(to, bound);
    stream.avail_out = (uInt)bound;
    if (deflate(&stream, Z_FINISH) != Z_STREAM_END) {
        return false;
    }
    to->size += bound - stream.avail_out;
    return true;
}

static void write_chunks(const struct sim_buffer *body, struct sim_buffer *to)
{
    for (size_t at = 0; at < body->size; at += CHUNK_BYTES) {
        size_t left = body->size - at;
        size_t size = left < CHUNK_BYTES ? left : CHUNK_BYTES;
        sim_buffer_format(to, "%zx\r\n", size);
        sim_buffer_add(to, body->bytes + at, size);
        sim_buffer_text(to, "\r\n");
    }
    sim_buffer_text(to, "0\r\n\r\n");
}

static void write_common_headers(const struct sim_response *response,
                                 struct sim_buffer *to)
{
    if (response->cache_control) {
        sim_buffer_text(to, "Cache-Control: private, no-cache\r\n");
    }
    if (response->frame_options) {
        sim_buffer_text(to, "X-Frame-Options: SAMEORIGIN\r\n");
    }
}

static void write_headers(const struct sim_response *response,
                          struct sim_buffer *to)
{
    if (response->location[0] != '\0') {
        write_common_headers(response, to);
        sim_buffer_format(to, "Location: %s\r\nContent-Type: %s\r\n",
                          response->location, response->content_type);
        return;
    }
    sim_buffer_format(to, "Content-Type: %s\r\n", response->content_type);
    if (response->file_name != NULL) {
        sim_buffer_format(
            to, "Content-Disposition: attachment; filename=\"%s%s\"\r\n",
            response->file_name, response->file_suffix);
    }
    write_common_headers(response, to);
    if (response->cookie[0] != '\0') {
        sim_buffer_format(to, "Set-Cookie: s=%s; path=/; HttpOnly%s\r\n",
                          response->cookie,
                          response->cookie_secure ? "; secure" : "");
    }
    if (response->retry_after != NULL) {
        sim_buffer_format(to, "Retry-After: %s\r\n", response->retry_after);
    }
}

void sim_response_write(const struct sim_response *response,
                        const struct sim_response_how *how,
                        struct sim_buffer *to)
{
    struct sim_buffer packed = {0};
    const struct sim_buffer *body = &response->body;
    sim_buffer_format(to, "HTTP/1.1 %d %s\r\n", response->status,
                      status_reason(response->status));
    write_headers(response, to);
    if (how->gzip && body->size >= GZIP_BYTES_MIN && body_gzip(body, &packed)) {
        sim_buffer_text(to, "Content-Encoding: gzip\r\n");
        body = &packed;
    }
    bool chunked =
        body->size >= how->chunked_bytes && response->length_off_by == 0;
    if (chunked) {
        sim_buffer_text(to, "Transfer-Encoding: chunked\r\n");
    } else {
        int64_t length = (int64_t)body->size + response->length_off_by;
        sim_buffer_format(to, "Content-Length: %lld\r\n",
                          (long long)(length < 0 ? 0 : length));
    }
    sim_buffer_text(to, how->close ? "Connection: close\r\n\r\n" : "\r\n");
    if (response->no_body) {
        sim_buffer_free(&packed);
        return;
    }
    if (chunked) {
        write_chunks(body, to);
    } else {
        sim_buffer_add(to, body->bytes, body->size);
    }
    sim_buffer_free(&packed);
}
