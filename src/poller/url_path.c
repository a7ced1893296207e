#include "poller/url_path.h"

#include <ctype.h>
#include <string.h>

#include "haplopoll.h"

bool url_path_has(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._~!$&'()*+,;=:@", c) != NULL);
}

static bool is_encoded(const char *text)
{
    return text[0] == '%' && isxdigit((unsigned char)text[1]) &&
           isxdigit((unsigned char)text[2]);
}

/* The size of the segment at the start of text, up to a slash, the end, or a
 * character that no path has. */
static size_t segment_size(const char *text)
{
    size_t size = 0;
    while (url_path_has(text[size]) || is_encoded(text + size)) {
        size += text[size] == '%' ? 3 : 1;
    }
    return size;
}

static bool is_dots(const char *segment, size_t size)
{
    return (size == 1 && segment[0] == '.') ||
           (size == 2 && memcmp(segment, "..", 2) == 0);
}

static int character_error(char c, struct reason *why)
{
    if (c == '?' || c == '#') {
        return reason_set(why, HAPLO_EINVAL,
                          "it must not hold a query or a fragment, which logs "
                          "of servers and proxies would show: leave it out");
    }
    return reason_set(why, HAPLO_EINVAL,
                      "its path has a character that cannot stand there: write "
                      "it as %%XX");
}

/* Checks each "/SEGMENT"; `template` NULL: there must be no {queue}. */
static int segments_check(const char *path, const char *template,
                          struct reason *why)
{
    const char *next = path;
    while (*next == '/') {
        const char *segment = next + 1;
        size_t size = segment_size(segment);
        if (segment + size == template) {
            size += strlen(URL_PATH_QUEUE);
            size += segment_size(segment + size);
        }
        if (size == 0 && *segment == '/') {
            return reason_set(why, HAPLO_EINVAL,
                              "its path has two slashes in a row, which "
                              "proxies merge: write one");
        }
        if (is_dots(segment, size)) {
            return reason_set(why, HAPLO_EINVAL,
                              "its path has a segment . or .., which proxies "
                              "remove: leave it out");
        }
        next = segment + size;
    }
    return *next == '\0' ? 0 : character_error(*next, why);
}

static int size_check(const char *path, struct reason *why)
{
    if (strlen(path) <= HAPLO_PATH_SIZE_MAX) {
        return 0;
    }
    return reason_set(why, HAPLO_EINVAL,
                      "its path is longer than %d characters: shorten it",
                      HAPLO_PATH_SIZE_MAX);
}

int url_path_check(const char *path, struct reason *why)
{
    int error = size_check(path, why);
    return error != 0 ? error : segments_check(path, NULL, why);
}

int url_template_check(const char *path, struct reason *why)
{
    const char *queue = strstr(path, URL_PATH_QUEUE);
    if (path[0] != '/') {
        return reason_set(why, HAPLO_EINVAL,
                          "a path begins with a slash: write it like "
                          "/poll/{queue}/fetch");
    }
    if (queue == NULL || strstr(queue + 1, URL_PATH_QUEUE) != NULL) {
        return reason_set(why, HAPLO_EINVAL,
                          "it must contain {queue} once, in place of the "
                          "queue's name: write it like /poll/{queue}/fetch");
    }
    int error = size_check(path, why);
    return error != 0 ? error : segments_check(path, queue, why);
}
