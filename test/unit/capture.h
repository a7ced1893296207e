/*
 * capture.h - the captured answers of a real server, for tests. Tests run
 * from the root of the repository.
 */
#ifndef TEST_CAPTURE_H
#define TEST_CAPTURE_H

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/http_head.h"

struct capture {
    struct http_head head; /* borrows from lines */
    const char *body;      /* into bytes; unpacked */
    size_t body_size;      /* what is there, maybe less than announced */
    char *bytes;           /* owned; the file */
    char *lines;           /* owned; the head, NUL for line ends */
};

static inline char *capture_read_file(const char *name, const char *ending,
                                      size_t *size)
{
    char path[256];
    snprintf(path, sizeof path, "test/captures/%s%s", name, ending);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "%s: not found (run tests from the root)\n", path);
        abort();
    }
    char *bytes = malloc(65536);
    assert(bytes != NULL);
    *size = fread(bytes, 1, 65535, file);
    bytes[*size] = '\0';
    fclose(file);
    return bytes;
}

/* The value of a header in lines (one NUL-terminated line after the other, an
 * empty one at the end), or NULL. */
static inline const char *capture_header(const char *lines, const char *name)
{
    size_t size = strlen(name);
    for (const char *at = lines; *at != '\0'; at += strlen(at) + 1) {
        if (strncasecmp(at, name, size) == 0 && at[size] == ':') {
            return at + size + 1 + strspn(at + size + 1, " ");
        }
    }
    return NULL;
}

/* Takes the head from *from, which it moves behind it. */
static inline void capture_take_head(struct capture *capture, char **from)
{
    char *end = strstr(*from, "\r\n\r\n");
    assert(end != NULL);
    size_t size = (size_t)(end - *from) + 2;
    free(capture->lines);
    capture->lines = calloc(1, size + 2);
    assert(capture->lines != NULL);
    char *to = capture->lines;
    for (const char *at = *from; at < *from + size; at++) {
        if (*at == '\r') {
            *to++ = '\0';
        } else if (*at != '\n') {
            *to++ = *at;
        }
    }
    *from = end + 4;
    const char *length = capture_header(capture->lines, "Content-Length");
    capture->head.status = strtol(capture->lines + 9, NULL, 10);
    capture->head.content_type = capture_header(capture->lines, "Content-Type");
    capture->head.location = capture_header(capture->lines, "Location");
    capture->head.content_size =
        length != NULL ? strtoll(length, NULL, 10) : -1;
}

/* Where redirects were followed, it is the last answer that counts; a file
 * without a head is a body that curl printed. */
static inline struct capture capture_load(const char *name)
{
    struct capture capture = {.head = {.status = 200,
                                       .content_type = "application/json",
                                       .content_size = -1}};
    size_t size;
    capture.bytes = capture_read_file(name, ".txt", &size);
    char *at = capture.bytes;
    while (strncmp(at, "HTTP/1.1 ", 9) == 0) {
        capture_take_head(&capture, &at);
    }
    capture.body = at;
    capture.body_size = size - (size_t)(at - capture.bytes);
    if (capture.lines != NULL &&
        capture_header(capture.lines, "Content-Encoding") != NULL) {
        free(capture.bytes);
        capture.bytes = capture_read_file(name, ".json", &capture.body_size);
        capture.body = capture.bytes;
        capture.head.content_size = -1;
    }
    return capture;
}

static inline void capture_free(struct capture *capture)
{
    free(capture->bytes);
    free(capture->lines);
}

#endif
