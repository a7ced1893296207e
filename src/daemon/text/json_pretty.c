#include "daemon/text/json_pretty.h"

#include <stdbool.h>
#include <string.h>

#define INDENT 2
#define DEPTH_MAX 1000 /* no deeper indentation than this */

/* Position in a value. */
struct pretty {
    FILE *out;        /* borrowed */
    const char *data; /* the value */
    size_t size;      /* of data */
    size_t at;        /* the next byte */
    unsigned depth;   /* of arrays and objects */
};

static void put_line_break(const struct pretty *pretty)
{
    unsigned depth = pretty->depth < DEPTH_MAX ? pretty->depth : DEPTH_MAX;
    fprintf(pretty->out, "\n%*s", (int)(INDENT * depth), "");
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_spaces(struct pretty *pretty)
{
    while (pretty->at < pretty->size && is_space(pretty->data[pretty->at])) {
        pretty->at++;
    }
}

/* U+007F to U+009F: terminals obey those after the first one. Returns
 * its number of bytes, 0 if it is another character. */
static size_t control_at(const struct pretty *pretty)
{
    const unsigned char *bytes =
        (const unsigned char *)pretty->data + pretty->at;
    if (bytes[0] == 0x7f) {
        return 1;
    }
    return bytes[0] == 0xc2 && pretty->at + 1 < pretty->size &&
                   bytes[1] >= 0x80 && bytes[1] < 0xa0
               ? 2
               : 0;
}

/* From the quote on. */
static void put_string(struct pretty *pretty)
{
    bool is_escaped = true; /* the first quote does not end it */
    while (pretty->at < pretty->size) {
        char c = pretty->data[pretty->at];
        size_t control = control_at(pretty);
        if (control > 0) {
            fprintf(pretty->out, "\\u%04x",
                    (unsigned char)pretty->data[pretty->at + control - 1]);
            pretty->at += control;
            continue;
        }
        if ((unsigned char)c < ' ') {
            fprintf(pretty->out, "\\u%04x", (unsigned)c);
        } else {
            fputc(c, pretty->out);
        }
        pretty->at++;
        if (c == '"' && !is_escaped) {
            return;
        }
        is_escaped = c == '\\' && !is_escaped;
    }
}

/* "[]" and "{}" stay on one line. */
static void put_opening(struct pretty *pretty, char c)
{
    fputc(c, pretty->out);
    pretty->at++;
    skip_spaces(pretty);
    if (pretty->at < pretty->size && pretty->data[pretty->at] == c + 2) {
        fputc(pretty->data[pretty->at++], pretty->out);
        return;
    }
    pretty->depth++;
    put_line_break(pretty);
}

static void put_token(struct pretty *pretty)
{
    char c = pretty->data[pretty->at];
    if (c == '"') {
        put_string(pretty);
        return;
    }
    if (c == '[' || c == '{') { /* closed by the character two further on */
        put_opening(pretty, c);
        return;
    }
    pretty->at++;
    if (c == ']' || c == '}') {
        pretty->depth -= pretty->depth > 0;
        put_line_break(pretty);
    }
    fputc((unsigned char)c < ' ' || (unsigned char)c >= 0x7f ? '?' : c,
          pretty->out);
    if (c == ',') {
        put_line_break(pretty);
    } else if (c == ':') {
        fputc(' ', pretty->out);
    }
}

void json_pretty_print(FILE *out, struct haplo_slice value)
{
    struct pretty pretty = {.out = out, .data = value.data, .size = value.size};
    skip_spaces(&pretty);
    while (pretty.at < pretty.size) {
        put_token(&pretty);
        skip_spaces(&pretty);
    }
    fputc('\n', out);
}

void json_pretty_print_raw(FILE *out, struct haplo_slice bytes)
{
    struct pretty pretty = {.out = out, .data = bytes.data, .size = bytes.size};
    while (pretty.at < pretty.size) {
        char c = pretty.data[pretty.at];
        size_t control = control_at(&pretty);
        bool is_harmless =
            control == 0 && ((unsigned char)c >= ' ' || c == '\n' || c == '\t');
        fputc(is_harmless ? c : '?', out);
        pretty.at += control > 0 ? control : 1;
    }
    if (bytes.size == 0 || bytes.data[bytes.size - 1] != '\n') {
        fputc('\n', out);
    }
}
