#include "core/page.h"

#include <string.h>
#include <strings.h>

#define QUOTE_BEFORE ": \""
#define QUOTE_AFTER "\""

static bool begins_with(const char *at, const char *end, const char *word)
{
    size_t size = strlen(word);
    return (size_t)(end - at) >= size && strncasecmp(at, word, size) == 0;
}

/* The position after the next occurrence of word, or end. */
static const char *skip_past(const char *at, const char *end, const char *word)
{
    while (at < end && !begins_with(at, end, word)) {
        at++;
    }
    return at < end ? at + strlen(word) : end;
}

/* Skips the tag at this position, and its content if that is not text. */
static const char *skip_tag(const char *at, const char *end)
{
    if (begins_with(at, end, "<!--")) {
        return skip_past(at, end, "-->");
    }
    if (begins_with(at, end, "<script")) {
        return skip_past(at, end, "</script>");
    }
    if (begins_with(at, end, "<style")) {
        return skip_past(at, end, "</style>");
    }
    return skip_past(at, end, ">");
}

/* Finds the element of Haplo's error page that describes the error. If there
 * is none, the whole page is used. */
static void find_text(const char **start, const char **end)
{
    const char *alert = skip_past(*start, *end, "z__general_alert");
    if (alert == *end) {
        return;
    }
    *start = skip_past(alert, *end, ">");
    const char *at = *start;
    while (at < *end && !begins_with(at, *end, "</div")) {
        at++;
    }
    *end = at;
}

/* Drops a truncated UTF-8 character from the end. */
static size_t utf8_trim(const char *text, size_t size)
{
    size_t tail = size;
    while (tail > 0 && size - tail < 3 &&
           ((unsigned char)text[tail - 1] & 0xC0) == 0x80) {
        tail--;
    }
    if (tail == 0) {
        return size;
    }
    unsigned char lead = (unsigned char)text[tail - 1];
    size_t wanted = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    return size - tail + 1 < wanted ? tail - 1 : size;
}

/* Copies the text without tags, with white space folded; returns its size. */
static size_t fold(char *text, size_t size_max, const char *at, const char *end)
{
    size_t size = 0;
    bool is_gap = false;
    while (at < end) {
        if (*at == '<') {
            at = skip_tag(at, end);
            is_gap = true;
            continue;
        }
        unsigned char byte = (unsigned char)*at++;
        if (byte <= ' ' || byte == 0x7f) {
            is_gap = true;
            continue;
        }
        if (size + 2 > size_max) {
            return utf8_trim(text, size);
        }
        if (is_gap && size > 0) {
            text[size++] = ' ';
        }
        is_gap = false;
        text[size++] = (char)byte;
    }
    return size;
}

bool page_is_html(const char *page, size_t size)
{
    if (size == 0) {
        return false;
    }
    const char *end = page + size;
    while (page < end && (unsigned char)*page <= ' ') {
        page++;
    }
    return begins_with(page, end, "<!DOCTYPE html") ||
           begins_with(page, end, "<html");
}

void page_quote(struct page_quote *quote, const char *page, size_t size)
{
    const size_t frame = sizeof QUOTE_BEFORE - 1 + sizeof QUOTE_AFTER;
    quote->text[0] = '\0';
    if (size == 0) {
        return;
    }
    const char *end =
        page + (size < PAGE_LOOK_SIZE_MAX ? size : PAGE_LOOK_SIZE_MAX);
    find_text(&page, &end);
    char *text = quote->text + sizeof QUOTE_BEFORE - 1;
    size_t text_size = fold(text, sizeof quote->text - frame, page, end);
    if (text_size > 0) {
        memcpy(quote->text, QUOTE_BEFORE, sizeof QUOTE_BEFORE - 1);
        memcpy(text + text_size, QUOTE_AFTER, sizeof QUOTE_AFTER);
    }
}
