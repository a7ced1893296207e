/*
 * response_line.c - checks the head of a response line by line, before libcurl
 * acts on it.
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
 */
#include "http/response_line.h"

#include <string.h>
#include <strings.h>

#include "http/easy.h"

#define LIBCURL_FIXED 0x080200 /* 8.2.0 */

struct slice {
    const char *data; /* in the line of libcurl */
    size_t size;      /* bytes of that part */
};

#define NAME(text) ((struct slice){(text), sizeof(text) - 1})

/* The value of a line that begins with name, which ends in ':'. False for
 * other lines: nearly all of them have no ':' there, which is checked first. */
static bool value_of(const char *line, size_t size, struct slice name,
                     struct slice *value)
{
    if (size < name.size || line[name.size - 1] != ':' ||
        strncasecmp(line, name.data, name.size) != 0) {
        return false;
    }
    const char *begin = line + name.size;
    const char *end = line + size;
    while (begin < end && (unsigned char)*begin <= ' ') {
        begin++;
    }
    while (end > begin && (unsigned char)end[-1] <= ' ') {
        end--;
    }
    *value = (struct slice){begin, (size_t)(end - begin)};
    return true;
}

static bool value_is(struct slice value, const char *word)
{
    return value.size == strlen(word) &&
           strncasecmp(value.data, word, value.size) == 0;
}

static int content_encoding_check(struct easy *easy, struct slice value)
{
    if (value.size == 0 || value_is(value, "identity")) {
        return 0;
    }
    bool is_first = !easy->lines.is_compressed;
    easy->lines.is_compressed = true;
    if (is_first && (value_is(value, "gzip") || value_is(value, "x-gzip"))) {
        return 0;
    }
    return easy_fail(easy, HAPLO_EPROTOCOL,
                     "the response is compressed with \"%.*s\"%s; only "
                     "gzip, once, is accepted",
                     value.size < 60 ? (int)value.size : 60, value.data,
                     is_first ? "" : " on top");
}

/* libcurl would accept compressed transfer encodings, too. */
static int transfer_encoding_check(struct easy *easy, struct slice value)
{
    if (value_is(value, "chunked") || value_is(value, "identity")) {
        return 0;
    }
    return easy_fail(easy, HAPLO_EPROTOCOL,
                     "the response has Transfer-Encoding \"%.*s\"; only "
                     "chunked is accepted",
                     value.size < 60 ? (int)value.size : 60, value.data);
}

/* Of two lengths libcurl uses the last, which may be too small. */
static int length_check(struct easy *easy, struct slice value)
{
    char *known = easy->lines.length;
    size_t size = value.size < sizeof easy->lines.length
                      ? value.size
                      : sizeof easy->lines.length - 1;
    if (known[0] != '\0' &&
        (strlen(known) != size || memcmp(known, value.data, size) != 0)) {
        return easy_fail(easy, HAPLO_EPROTOCOL,
                         "the response has two lengths, %s and %.*s", known,
                         (int)size, value.data);
    }
    memcpy(known, value.data, size);
    known[size] = '\0';
    return 0;
}

static bool libcurl_is_broken(void)
{
    return curl_version_info(CURLVERSION_NOW)->version_num < LIBCURL_FIXED;
}

static bool line_is_status(const char *line, size_t size)
{
    return size >= 5 && memcmp(line, "HTTP/", 5) == 0;
}

/* Checks a line that may be the first one after the status line. */
static int begin_check(struct easy *easy, const char *line)
{
    if (!easy->lines.is_status || (line[0] != ' ' && line[0] != '\t')) {
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
    if (begin_check(easy, line) != 0) {
        line[0] = ':';
    }
    easy->lines.is_status = false;
    (void)curl_easy_setopt(curl, CURLOPT_VERBOSE, 0L);
    return 0;
}

bool response_line_set_options(struct easy *easy)
{
    CURL *curl = easy->curl;
    easy->sees_lines = libcurl_is_broken();
    if (!easy->sees_lines) {
        return true;
    }
    return curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, on_line) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_DEBUGDATA, easy) == CURLE_OK;
}

/* Makes on_line() see the next line. */
static void next_line_ask(struct easy *easy)
{
    easy->lines.is_status = true;
    if (easy->sees_lines) {
        (void)curl_easy_setopt(easy->curl, CURLOPT_VERBOSE, 1L);
    }
}

int response_line_check(struct easy *easy, const char *line, size_t size)
{
    struct slice value;
    if (easy->error != 0 || begin_check(easy, line) != 0) {
        return easy->error;
    }
    easy->lines.is_status = false;
    easy->lines.size += size;
    if (easy->lines.size > RESPONSE_LINES_SIZE_MAX) {
        return easy_fail(easy, HAPLO_EPROTOCOL,
                         "the response's head has more than %d bytes",
                         RESPONSE_LINES_SIZE_MAX);
    }
    if (line_is_status(line, size)) {
        easy->lines.length[0] = '\0'; /* the previous response was a 1xx */
        next_line_ask(easy);
        return 0;
    }
    if (value_of(line, size, NAME("Content-Length:"), &value)) {
        return length_check(easy, value);
    }
    if (value_of(line, size, NAME("Content-Encoding:"), &value)) {
        return content_encoding_check(easy, value);
    }
    if (value_of(line, size, NAME("Transfer-Encoding:"), &value)) {
        return transfer_encoding_check(easy, value);
    }
    return 0;
}
