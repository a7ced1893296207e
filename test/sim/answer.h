/*
 * answer.h - the responses of a simulated server, or of a proxy in front of
 * it, and their bytes.
 */
#ifndef TEST_SIM_ANSWER_H
#define TEST_SIM_ANSWER_H

#include <stddef.h>
#include <stdint.h>

#include "base/http_head.h"
#include "message.h"
#include "remote.h"

#define ANSWER_SIZE_MAX 131072 /* bytes of a body */

struct world;

enum answer_kind {
    ANSWER_BATCH,     /* to a fetch: token, or NULL for an empty one */
    ANSWER_MARKED,    /* to a mark: the counts */
    ANSWER_REFUSED,   /* 403 */
    ANSWER_THROTTLED, /* 403 */
    ANSWER_FORBIDDEN, /* 403, HTML, not by the application */
    ANSWER_PAGE,      /* 200, HTML */
    ANSWER_GARBLED,   /* 200, the right type, not the right document */
    ANSWER_ERROR,     /* 500 */
    ANSWER_BUSY,      /* 429 or 503, maybe with Retry-After */
    ANSWER_REDIRECT,  /* 302 */
    ANSWER_ABSENT,    /* 404 */
    ANSWER_ODD        /* 400 */
};

struct answer {
    enum answer_kind kind;
    struct token *token;     /* BATCH, and GARBLED to a fetch */
    uint64_t marked_count;   /* MARKED */
    int64_t unread_count;    /* MARKED; -1: not told */
    uint64_t retry_after_ms; /* BUSY */
};

/* Writes head and body, and returns the size of the body, at most
 * ANSWER_SIZE_MAX. is_mark: the kind of request. */
size_t answer_write(const struct answer *answer,
                    const struct remote_server *server, bool is_mark,
                    struct http_head *head, char *body);

/* For the trace. */
const char *answer_text(const struct answer *answer, char *text, size_t size);

/* Reads the token's number from a form; 0 if it has none. */
uint32_t answer_read_form(const char *form, size_t size);

#endif
