#include "answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HTML "text/html; charset=utf-8"
#define PLAIN "text/plain; charset=utf-8"
#define JSON "application/json"

/* Contains characters that must be encoded in a form. */
#define TOKEN_FORMAT "t/%u+%u="

static size_t write_batch(const struct token *token, bool has_token,
                          bool has_messages, char *body)
{
    char *at = body;
    at += sprintf(at, "{\n  \"version\": 0,\n  \"token\": \"");
    if (token != NULL && has_token) {
        at += sprintf(at, TOKEN_FORMAT, token->number, token->count);
    }
    at += sprintf(at, "\",\n  \"messages\": [");
    for (unsigned i = 0; token != NULL && has_messages && i < token->count;
         i++) {
        const struct content *content = token->parts[i].message->content;
        *at++ = i > 0 ? ',' : '\n';
        memcpy(at, content->body, content->size);
        at += content->size;
    }
    at += sprintf(at, "]\n}");
    return (size_t)(at - body);
}

static size_t write_marked(const struct answer *answer,
                           const struct remote_server *server,
                           struct http_head *head, char *body)
{
    unsigned long long marked_count = answer->marked_count;
    long long unread_count = answer->unread_count;
    int size;
    head->content_type = PLAIN;
    switch (server->revision) {
    case REVISION_2019:
        size = sprintf(body, "Marked: %llu", marked_count);
        break;
    case REVISION_MID_2020:
        size = sprintf(body, "Marked: %llu, Unread: %lld", marked_count,
                       unread_count);
        break;
    default:
        head->content_type = JSON;
        size = sprintf(body, "{\"markedCount\":%llu,\"unreadCount\":%lld}",
                       marked_count, unread_count);
    }
    return (size_t)size;
}

/* The response to a POST does not name the kind, and 2019 has no kinds. */
static size_t write_refused(const char *kind,
                            const struct remote_server *server, bool is_mark,
                            struct http_head *head, char *body)
{
    head->status = 403;
    if (is_mark || server->revision == REVISION_2019) {
        head->content_type = HTML;
        return (size_t)sprintf(body, "<h1>Not permitted</h1>");
    }
    head->content_type = JSON;
    return (size_t)sprintf(body,
                           "{\"success\":false,\"kind\":\"%s\","
                           "\"error\":{\"message\":\"No.\"}}",
                           kind);
}

static size_t write_page(long status, struct http_head *head, char *body)
{
    head->status = status;
    head->content_type = HTML;
    return (size_t)sprintf(body, "<html><h1>%ld</h1></html>", status);
}

/* Not a document, or one without a token, or one that lacks the messages that
 * its token would mark. */
static size_t write_garbled(const struct token *token, bool is_mark, char *body)
{
    if (is_mark) {
        return (size_t)sprintf(body, "{\"markedCount\":1,");
    }
    switch (token == NULL ? 0 : token->number % 3) {
    case 1:
        return write_batch(token, false, true, body);
    case 2:
        return write_batch(token, true, false, body);
    default:
        return (size_t)sprintf(body, "{\"version\": 0, \"token\": \"t\",");
    }
}

size_t answer_write(const struct answer *answer,
                    const struct remote_server *server, bool is_mark,
                    struct http_head *head, char *body)
{
    *head = (struct http_head){
        .status = 200, .content_type = JSON, .content_size = -1};
    switch (answer->kind) {
    case ANSWER_BATCH:
        return write_batch(answer->token, true, true, body);
    case ANSWER_MARKED:
        return write_marked(answer, server, head, body);
    case ANSWER_REFUSED:
        return write_refused(server->revision == REVISION_MID_2020
                                 ? "UNAUTHORISED"
                                 : "INVALID-API-KEY",
                             server, is_mark, head, body);
    case ANSWER_THROTTLED:
        return write_refused("THROTTLE", server, is_mark, head, body);
    case ANSWER_FORBIDDEN:
        return write_page(403, head, body);
    case ANSWER_PAGE:
        return write_page(200, head, body);
    case ANSWER_GARBLED:
        return write_garbled(answer->token, is_mark, body);
    case ANSWER_ERROR:
        return write_page(500, head, body);
    case ANSWER_BUSY:
        return write_page(answer->retry_after_ms == 0 ? 429 : 503, head, body);
    case ANSWER_REDIRECT:
        head->location = "https://elsewhere.example/";
        return write_page(302, head, body);
    case ANSWER_ABSENT:
        return write_page(404, head, body);
    case ANSWER_ODD:
        return write_page(400, head, body);
    }
    return 0;
}

const char *answer_text(const struct answer *answer, char *text, size_t size)
{
    static const char *const names[] = {
        [ANSWER_REFUSED] = "403",
        [ANSWER_THROTTLED] = "403 THROTTLE",
        [ANSWER_FORBIDDEN] = "403 HTML",
        [ANSWER_PAGE] = "200 HTML",
        [ANSWER_GARBLED] = "200 garbled",
        [ANSWER_ERROR] = "500",
        [ANSWER_BUSY] = "503",
        [ANSWER_REDIRECT] = "302",
        [ANSWER_ABSENT] = "404",
        [ANSWER_ODD] = "400",
    };
    if (answer->kind == ANSWER_MARKED) {
        snprintf(text, size, "%llu marked, %lld unread",
                 (unsigned long long)answer->marked_count,
                 (long long)answer->unread_count);
    } else if (answer->kind != ANSWER_BATCH) {
        snprintf(text, size, "%s", names[answer->kind]);
    } else if (answer->token == NULL) {
        snprintf(text, size, "empty");
    } else {
        snprintf(text, size, "token %u, %u messages", answer->token->number,
                 answer->token->count);
    }
    return text;
}

/* Decodes application/x-www-form-urlencoded. */
static void decode(const char *form, size_t size, char *text, size_t room)
{
    size_t used = 0;
    for (size_t i = 0; i < size && used + 1 < room; i++) {
        if (form[i] == '%' && i + 2 < size) {
            const char digits[3] = {form[i + 1], form[i + 2], '\0'};
            text[used++] = (char)strtoul(digits, NULL, 16);
            i += 2;
        } else {
            text[used++] = form[i] == '+' ? ' ' : form[i];
        }
    }
    text[used] = '\0';
}

uint32_t answer_read_form(const char *form, size_t size)
{
    char text[64];
    unsigned number;
    unsigned count;
    decode(form, size, text, sizeof text);
    return sscanf(text, "token=" TOKEN_FORMAT, &number, &count) == 2 ? number
                                                                     : 0;
}
