/*
 * Answers to a mark. 4 bytes seed the pieces; 1 chooses the content type, 1 the
 * status; the rest is the body.
 */
#include <regex.h>
#include <string.h>

#include "core/mark_reply.h"
#include "fuzz.h"

#define SPACE "[ \t\r\n]*"
#define COUNT "(0|[1-9][0-9]*)"

static const char *const types[] = {
    "application/json",
    "application/json; charset=utf-8",
    "text/plain",
    "Text/Plain;charset=UTF-8",
    "text/html",
    "text/csv",
    NULL,
};

struct outcome {
    struct mark_reply reply; /* */
    struct reason why;       /* */
    int error;               /* */
};

static void reply_read(struct outcome *outcome, const struct http_head *head,
                       const char *body, size_t size, uint32_t seed)
{
    uint32_t state = seed;
    outcome->why.text[0] = '\0';
    mark_reply_begin(&outcome->reply, &outcome->why);
    mark_reply_head(&outcome->reply, head);
    for (size_t at = 0; at < size;) {
        size_t piece = seed == 0 ? size : 1 + random_next(&state) % 40;
        piece = piece < size - at ? piece : size - at;
        if (mark_reply_data(&outcome->reply, body + at, piece) != 0) {
            break;
        }
        at += piece;
    }
    outcome->error = mark_reply_end(&outcome->reply);
    FUZZ_CHECK((outcome->error == 0) == (outcome->why.text[0] == '\0'));
    check_line(outcome->why.text, sizeof outcome->why.text);
}

/* The pattern in the body, by regexec(), as a second opinion. */
static bool regex_find(const char *pattern, const char *body, size_t size,
                       regmatch_t *match, size_t match_count)
{
    regex_t regex;
    FUZZ_CHECK(regcomp(&regex, pattern, REG_EXTENDED) == 0);
    /* AddressSanitizer wants a NUL although regexec() does not. */
    char *copy = malloc(size + 1);
    FUZZ_CHECK(copy != NULL);
    memcpy(copy, body, size);
    copy[size] = '\0';
    match[0] = (regmatch_t){0, (regoff_t)size};
    bool is_found =
        regexec(&regex, copy, match_count, match, REG_STARTEND) == 0;
    free(copy);
    regfree(&regex);
    return is_found;
}

/* Whether it has the form, and counts that fit, by a second way. */
static bool has_form(const char *pattern, const char *body, size_t size)
{
    static const char most[] = "9223372036854775807";
    regmatch_t match[4];
    bool is_form = regex_find(pattern, body, size, match, 4);
    for (size_t i = 1; is_form && i < 4; i++) {
        size_t digits = (size_t)(match[i].rm_eo - match[i].rm_so);
        bool is_count = match[i].rm_so >= 0 && digits > 0 &&
                        body[match[i].rm_so] >= '0' &&
                        body[match[i].rm_so] <= '9';
        if (is_count && (digits > sizeof most - 1 ||
                         (digits == sizeof most - 1 &&
                          memcmp(body + match[i].rm_so, most, digits) > 0))) {
            return false;
        }
    }
    return is_form;
}

static bool is_confirmation(const struct http_head *head, const char *body,
                            size_t size)
{
#define MEMBER(name) SPACE "\"" name "\"" SPACE ":" SPACE COUNT SPACE
    static const char json[] =
        "^" SPACE
        "\\{" MEMBER("markedCount") "," MEMBER("unreadCount") "\\}" SPACE "$";
    static const char turned[] =
        "^" SPACE
        "\\{" MEMBER("unreadCount") "," MEMBER("markedCount") "\\}" SPACE "$";
    static const char text[] =
        "^Marked: " COUNT "(, Unread: " COUNT ")?" SPACE "$";
    if (head->status != 200 || head->content_type == NULL ||
        size > MARK_REPLY_BODY_SIZE_MAX) {
        return false;
    }
    if (strncasecmp(head->content_type, "application/json", 16) == 0) {
        return has_form(json, body, size) || has_form(turned, body, size);
    }
    return strncasecmp(head->content_type, "text/plain", 10) == 0 &&
           has_form(text, body, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const long statuses[] = {200, 200, 200, 200, 403, 500, 302, 404};
    static struct outcome whole;
    static struct outcome pieces;
    struct fuzz_input input = {data, size};
    uint32_t seed = input_number(&input);
    struct http_head head = {.content_size = -1};
    head.content_type =
        types[input_byte(&input) % (sizeof types / sizeof *types)];
    head.status =
        statuses[input_byte(&input) % (sizeof statuses / sizeof *statuses)];
    size_t body_size;
    char *body = input_rest(&input, &body_size);
    reply_read(&whole, &head, body, body_size, 0);
    reply_read(&pieces, &head, body, body_size, seed | 1);
    FUZZ_CHECK(whole.error == pieces.error);
    FUZZ_CHECK(strcmp(whole.why.text, pieces.why.text) == 0);
    FUZZ_CHECK((whole.error == 0) == is_confirmation(&head, body, body_size));
    if (whole.error == 0) {
        FUZZ_CHECK(whole.reply.marked_count == pieces.reply.marked_count);
        FUZZ_CHECK(whole.reply.unread_count == pieces.reply.unread_count);
        FUZZ_CHECK(whole.reply.marked_count <= INT64_MAX);
        FUZZ_CHECK(whole.reply.unread_count >= -1);
    }
    free(body);
    return 0;
}
