/*
 * response_line.c - checks the head of a response line by line, before libcurl
 * acts on it or right after.
 *
 * A line that begins with a space or tab continues the previous one. The first
 * line after the status line must not: libcurl from 7.83.0 to 8.1.0 would
 * append it to the last header of the previous transfer of the handle, which
 * it has freed (a use-after-free, fixed in 8.2.0). Any server could crash the
 * process, or worse. Only the debug callback sees lines before libcurl acts on
 * them, but it is called for everything, which costs time. So it is enabled
 * only for this one line, and overwrites a line of this kind.
 *
 * Only one layer of gzip is accepted, because only that was offered. Each
 * layer can expand a thousandfold, and libcurl decompresses a whole piece of
 * 16 KB through up to five layers before it returns, which could block the
 * loop for years.
 *
 * libcurl applies what it reads in an interim response (1xx) to the final one:
 * a length, the coding "chunked", another layer of gzip. None of these may be
 * in it.
 *
 * Whether the end of the body is known is decided when the head is complete,
 * see response_head.c, since the text of an error is worth reading without.
 */
#include "http/response_line.h"

#include <string.h>

#include "http/easy.h"
#include "http/header_line.h"
#include "http/libcurl_info.h"

#define AGE_S_MAX 2147483648u /* RFC 9111, 1.2.2 */

static int content_encoding_check(struct easy *easy,
                                  const struct header_line *header)
{
    if (header->value_size == 0 || header_line_has(header, "identity")) {
        return 0;
    }
    bool is_first = !easy->lines.is_compressed;
    easy->lines.is_compressed = true;
    if (is_first && (header_line_has(header, "gzip") ||
                     header_line_has(header, "x-gzip"))) {
        return 0;
    }
    return easy_fail(easy, HAPLO_EPROTOCOL,
                     "the response is compressed with \"%.*s\"%s; only "
                     "gzip, once, is accepted",
                     HEADER_LINE_VALUE(header), is_first ? "" : " on top");
}

/* libcurl would accept compressed transfer encodings, too. */
static int transfer_encoding_check(struct easy *easy,
                                   const struct header_line *header)
{
    if (header->value_size == 0 || header_line_has(header, "chunked") ||
        header_line_has(header, "identity")) {
        return 0;
    }
    return easy_fail(easy, HAPLO_EPROTOCOL,
                     "the response has Transfer-Encoding \"%.*s\"; only "
                     "chunked is accepted",
                     HEADER_LINE_VALUE(header));
}

static int interim_check(struct easy *easy, const struct header_line *header)
{
    static const char *const names[] = {"Content-Encoding", "Content-Length",
                                        "Transfer-Encoding"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (header_line_is(header, names[i])) {
            return easy_fail(easy, HAPLO_EPROTOCOL,
                             "an interim response (1xx) has %s \"%.*s\", which "
                             "only the final one may have; correct the server, "
                             "or the proxy in between",
                             names[i], HEADER_LINE_VALUE(header));
        }
    }
    return 0;
}

/* An Age that is not a number does not count (RFC 9111, 5.1). */
static void age_note(struct response_lines *lines,
                     const struct header_line *header)
{
    uint64_t age_s = 0;
    for (size_t i = 0; i < header->value_size; i++) {
        char c = header->value[i];
        if (c < '0' || c > '9') {
            return;
        }
        age_s = 10 * age_s + (uint64_t)(c - '0');
        age_s = age_s < AGE_S_MAX ? age_s : AGE_S_MAX;
    }
    if (age_s > lines->age_s) {
        lines->age_s = (uint32_t)age_s;
    }
}

/* A header of the final response. */
static int header_check(struct easy *easy, const struct header_line *header)
{
    struct response_lines *lines = &easy->lines;
    framing_add(&lines->framing, header);
    if (header->fault != NULL) {
        return 0;
    }
    if (header_line_is(header, "Content-Encoding")) {
        return content_encoding_check(easy, header);
    }
    if (header_line_is(header, "Transfer-Encoding")) {
        return transfer_encoding_check(easy, header);
    }
    if (header_line_is(header, "Age")) {
        age_note(lines, header);
    } else if (header_line_is(header, "Retry-After")) {
        lines->has_retry_after = true;
    }
    return 0;
}

/* Checks the line after the status line. */
static int first_check(struct easy *easy, const char *line)
{
    if (easy->lines.part != RESPONSE_FIRST ||
        (line[0] != ' ' && line[0] != '\t')) {
        return 0;
    }
    return easy_fail(easy, HAPLO_EPROTOCOL,
                     "the response is not valid HTTP/1.1: its first "
                     "header begins with a space");
}

/* For CURLOPT_DEBUGFUNCTION. The bytes are libcurl's own, not a copy, so that
 * it sees the line as changed. */
static int on_line(CURL *curl, curl_infotype type, char *line, size_t size,
                   void *data)
{
    struct easy *easy = data;
    if (type != CURLINFO_HEADER_IN || size == 0) {
        return 0;
    }
    if (first_check(easy, line) != 0) {
        line[0] = ':';
    }
    (void)curl_easy_setopt(curl, CURLOPT_VERBOSE, 0L);
    return 0;
}

bool response_line_set_options(struct easy *easy)
{
    CURL *curl = easy->curl;
    easy->sees_lines = libcurl_info()->has_fold_bug;
    if (!easy->sees_lines) {
        return true;
    }
    return curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, on_line) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_DEBUGDATA, easy) == CURLE_OK;
}

void response_line_begin(struct easy *easy)
{
    easy->lines.part = RESPONSE_STATUS;
    easy->lines.size = 0;
    easy->lines.is_compressed = false;
    easy->lines.has_retry_after = false;
    easy->lines.age_s = 0;
}

/* Only what libcurl takes for an interim response is one: after 101 it expects
 * a body. Then makes on_line() see the next line. */
static void status_note(struct easy *easy, const char *line, size_t size)
{
    long status = 0;
    (void)curl_easy_getinfo(easy->curl, CURLINFO_RESPONSE_CODE, &status);
    easy->lines.is_interim = status >= 100 && status < 200 && status != 101;
    easy->lines.part = RESPONSE_FIRST;
    framing_begin(&easy->lines.framing, line, size);
    if (easy->sees_lines) {
        (void)curl_easy_setopt(easy->curl, CURLOPT_VERBOSE, 1L);
    }
}

static int head_line_check(struct easy *easy, const char *line, size_t size)
{
    struct response_lines *lines = &easy->lines;
    if (line[0] == '\r' || line[0] == '\n') {
        lines->part = lines->is_interim ? RESPONSE_STATUS : RESPONSE_BODY;
        return 0;
    }
    lines->part = RESPONSE_HEADERS;
    const struct header_line header = header_line_read(line, size);
    return lines->is_interim ? interim_check(easy, &header)
                             : header_check(easy, &header);
}

int response_line_fail_trailer(struct easy *easy)
{
    return easy_fail(easy, HAPLO_EPROTOCOL,
                     "the response continues after its last chunk, so that it "
                     "may be truncated; correct the server, or the proxy in "
                     "between");
}

/* What a trailer says comes too late. But to libcurl, a chunk of size "0x20"
 * is the last one, and the rest of the body a trailer. */
static int trailer_check(struct easy *easy, const char *line, size_t size)
{
    const struct header_line header = header_line_read(line, size);
    if (line[0] == '\r' || line[0] == '\n' ||
        (header.fault == NULL && header_line_has_valid_name(&header))) {
        return 0;
    }
    return response_line_fail_trailer(easy);
}

int response_line_check(struct easy *easy, const char *line, size_t size)
{
    if (easy->error != 0 || size == 0 || first_check(easy, line) != 0) {
        return easy->error;
    }
    easy->lines.size += size;
    if (easy->lines.size > RESPONSE_LINES_SIZE_MAX) {
        return easy_fail(easy, HAPLO_EPROTOCOL,
                         "the response's head has more than %d bytes",
                         RESPONSE_LINES_SIZE_MAX);
    }
    switch (easy->lines.part) {
    case RESPONSE_STATUS:
        status_note(easy, line, size);
        return 0;
    case RESPONSE_FIRST:
    case RESPONSE_HEADERS:
        return head_line_check(easy, line, size);
    case RESPONSE_BODY:
        return trailer_check(easy, line, size);
    }
    return 0;
}
