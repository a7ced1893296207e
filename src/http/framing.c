#include "http/framing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSION_1_0 "HTTP/1.0"

void framing_begin(struct framing *framing, const char *line, size_t size)
{
    size_t version_size = strlen(VERSION_1_0);
    framing->fault = NULL;
    framing->is_chunked = false;
    framing->is_http_1_0 =
        size >= version_size && memcmp(line, VERSION_1_0, version_size) == 0;
    framing->length[0] = '\0';
    framing->shows_value = false;
    framing->value[0] = '\0';
}

/* header is the one whose value is to be shown, or NULL. */
static void fault_set(struct framing *framing, const char *fault,
                      const struct header_line *header)
{
    if (framing->fault != NULL) {
        return;
    }
    framing->fault = fault;
    framing->shows_value = header != NULL;
    if (header != NULL) {
        (void)snprintf(framing->value, sizeof framing->value, "%.*s",
                       HEADER_LINE_VALUE(header));
    }
}

static void coding_add(struct framing *framing,
                       const struct header_line *header)
{
    if (!header_line_has(header, "chunked")) {
        fault_set(framing, "the Transfer-Encoding", header);
    } else if (framing->is_chunked) {
        fault_set(framing, "two Transfer-Encodings", NULL);
    }
    framing->is_chunked = true;
}

/* Counts the digits that text, up to end, begins with. */
static size_t digits_count(const char *text, const char *end)
{
    size_t count = 0;
    while (text + count < end && text[count] >= '0' && text[count] <= '9') {
        count++;
    }
    return count;
}

/* Notes one element of a list of lengths. */
static void length_add(struct framing *framing, const char *digits,
                       size_t count, const struct header_line *header)
{
    char *length = framing->length;
    if (count == 0 || count > FRAMING_DIGITS_MAX) {
        fault_set(framing, "the Content-Length", header);
    } else if (length[0] == '\0') {
        memcpy(length, digits, count);
        length[count] = '\0';
    } else if (strlen(length) != count || memcmp(length, digits, count) != 0) {
        fault_set(framing, "a second Content-Length,", header);
    }
}

static const char *blanks_skip(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t')) {
        at++;
    }
    return at;
}

/* A proxy may have merged equal lengths into a list (RFC 9110, 8.6). */
static void lengths_add(struct framing *framing,
                        const struct header_line *header)
{
    const char *at = header->value;
    const char *end = header->value + header->value_size;
    for (;;) {
        at = blanks_skip(at, end);
        size_t count = digits_count(at, end);
        length_add(framing, at, count, header);
        at = blanks_skip(at + count, end);
        if (at == end) {
            return;
        }
        if (*at != ',') {
            fault_set(framing, "the Content-Length", header);
            return;
        }
        at++;
    }
}

void framing_add(struct framing *framing, const struct header_line *header)
{
    if (header->fault != NULL) {
        fault_set(framing, header->fault, NULL);
    } else if (header_line_is(header, "Transfer-Encoding")) {
        coding_add(framing, header);
    } else if (header_line_is(header, "Content-Length")) {
        lengths_add(framing, header);
    }
}

static const char *fault_of(const struct framing *framing)
{
    bool has_length = framing->length[0] != '\0';
    if (framing->fault != NULL) {
        return framing->fault;
    }
    if (framing->is_chunked && has_length) {
        return "both a Transfer-Encoding and a Content-Length";
    }
    if (framing->is_chunked && framing->is_http_1_0) {
        return "a Transfer-Encoding, which HTTP/1.0 does not have";
    }
    return framing->is_chunked || has_length
               ? NULL
               : "neither Content-Length nor chunks";
}

int64_t framing_length(const struct framing *framing)
{
    return fault_of(framing) != NULL || framing->is_chunked
               ? -1
               : strtoll(framing->length, NULL, 10);
}

int framing_check(const struct framing *framing, struct reason *why)
{
    const char *fault = fault_of(framing);
    bool is_shown = framing->shows_value;
    if (fault == NULL) {
        return 0;
    }
    return reason_set(why, HAPLO_EPROTOCOL,
                      "the response has %s%s%s%s, so that a truncated one "
                      "could look complete; correct the server, or the proxy "
                      "in between",
                      fault, is_shown ? " \"" : "", framing->value,
                      is_shown ? "\"" : "");
}
