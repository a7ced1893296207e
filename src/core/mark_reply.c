/*
 * If anything else passed for a confirmation, messages would count as marked
 * that are not. So the three known forms are matched exactly, apart from JSON
 * white space and trailing white space.
 */
#include "core/mark_reply.h"

#include <stdbool.h>
#include <string.h>

#include "core/page.h"

void mark_reply_begin(struct mark_reply *reply, struct reason *why)
{
    reply->why = why;
    reply_head_init(&reply->head);
    reply->error = 0;
    reply->dropped_size = 0;
    reply->body_size = 0;
    reply->marked_count = 0;
    reply->unread_count = -1;
}

void mark_reply_head(struct mark_reply *reply, const struct http_head *head)
{
    reply_head_set(&reply->head, head);
}

static bool is_json(const struct mark_reply *reply)
{
    return reply_head_is_type(&reply->head, "application/json");
}

static bool is_text(const struct mark_reply *reply)
{
    return reply_head_is_type(&reply->head, "text/plain");
}

static int verdict(struct mark_reply *reply);

/* To be called for size bytes that do not fit. */
static int too_long(struct mark_reply *reply, size_t size)
{
    if (reply->head.status == 200 && (is_json(reply) || is_text(reply))) {
        return reason_set(reply->why, HAPLO_EDOCUMENT,
                          "the response to the mark has more than %d bytes",
                          MARK_REPLY_BODY_SIZE_MAX);
    }
    reply->dropped_size += size;
    return reply->dropped_size > REPLY_PAGE_SIZE_MAX ? verdict(reply) : 0;
}

int mark_reply_data(struct mark_reply *reply, const char *data, size_t size)
{
    size_t room = sizeof reply->body - reply->body_size;
    if (reply->error != 0 || size == 0) {
        return reply->error;
    }
    size_t kept = size < room ? size : room;
    memcpy(reply->body + reply->body_size, data, kept);
    reply->body_size += kept;
    if (kept < size) {
        reply->error = too_long(reply, size - kept);
    }
    return reply->error;
}

/* The part of the body that has not been read yet. */
struct mark_scan {
    const char *at;  /* next byte */
    const char *end; /* after the last byte */
};

static bool scan_word(struct mark_scan *scan, const char *word)
{
    size_t size = strlen(word);
    if ((size_t)(scan->end - scan->at) < size ||
        memcmp(scan->at, word, size) != 0) {
        return false;
    }
    scan->at += size;
    return true;
}

static void scan_space(struct mark_scan *scan)
{
    while (scan->at < scan->end && (*scan->at == ' ' || *scan->at == '\t' ||
                                    *scan->at == '\n' || *scan->at == '\r')) {
        scan->at++;
    }
}

static bool scan_end(struct mark_scan *scan)
{
    scan_space(scan);
    return scan->at == scan->end;
}

/* Digits without a sign or leading zeros, at most INT64_MAX. */
static bool scan_count(struct mark_scan *scan, int64_t *count)
{
    const char *start = scan->at;
    *count = 0;
    while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9') {
        int digit = *scan->at - '0';
        if (*count > (INT64_MAX - digit) / 10) {
            return false;
        }
        *count = *count * 10 + digit;
        scan->at++;
    }
    return scan->at > start && (*start != '0' || scan->at == start + 1);
}

static bool read_text(struct mark_scan *scan, int64_t *marked, int64_t *unread)
{
    if (!scan_word(scan, "Marked: ") || !scan_count(scan, marked)) {
        return false;
    }
    *unread = -1;
    if (scan_word(scan, ", Unread: ") && !scan_count(scan, unread)) {
        return false;
    }
    return scan_end(scan);
}

static bool scan_json_word(struct mark_scan *scan, const char *word)
{
    scan_space(scan);
    return scan_word(scan, word);
}

/* One of the two members; false if it occurs twice. */
static bool scan_member(struct mark_scan *scan, int64_t *marked,
                        int64_t *unread)
{
    int64_t *count;
    scan_space(scan);
    if (scan_word(scan, "\"markedCount\"")) {
        count = marked;
    } else if (scan_word(scan, "\"unreadCount\"")) {
        count = unread;
    } else {
        return false;
    }
    if (*count != -1 || !scan_json_word(scan, ":")) {
        return false;
    }
    scan_space(scan);
    return scan_count(scan, count);
}

static bool read_json(struct mark_scan *scan, int64_t *marked, int64_t *unread)
{
    *marked = -1;
    *unread = -1;
    return scan_json_word(scan, "{") && scan_member(scan, marked, unread) &&
           scan_json_word(scan, ",") && scan_member(scan, marked, unread) &&
           scan_json_word(scan, "}") && scan_end(scan);
}

static int counts_read(struct mark_reply *reply)
{
    struct mark_scan scan = {reply->body, reply->body + reply->body_size};
    int64_t marked;
    int64_t unread;
    if (!(is_json(reply) ? read_json(&scan, &marked, &unread)
                         : read_text(&scan, &marked, &unread))) {
        struct page_quote quote;
        page_quote(&quote, reply->body, reply->body_size);
        return reason_set(reply->why, HAPLO_EDOCUMENT,
                          "the response to the mark does not say how many "
                          "messages are marked%s",
                          quote.text);
    }
    reply->marked_count = (uint64_t)marked;
    reply->unread_count = unread;
    return 0;
}

static int verdict(struct mark_reply *reply)
{
    if (reply->head.status == 403) {
        struct page_quote quote;
        page_quote(&quote, reply->body, reply->body_size);
        return reason_set(reply->why, HAPLO_EREFUSED,
                          "403 without a reason, as always for a mark; the "
                          "next fetch will show it%s",
                          quote.text);
    }
    if (reply->head.status != 200) {
        return reply_head_status_error(&reply->head, reply->body,
                                       reply->body_size, reply->why);
    }
    if (!is_json(reply) && !is_text(reply)) {
        return reply_head_content_error(
            &reply->head, "application/json or text/plain", reply->body,
            reply->body_size, reply->why);
    }
    return counts_read(reply);
}

int mark_reply_end(struct mark_reply *reply)
{
    return reply->error != 0 ? reply->error : verdict(reply);
}
