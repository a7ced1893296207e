/*
 * webhook_request.h - one request of a webhook in memory: its body and the
 * headers that belong to it. It does not send anything.
 */
#ifndef OUTLETS_WEBHOOK_REQUEST_H
#define OUTLETS_WEBHOOK_REQUEST_H

#include "http/transfer.h"
#include "outlets/outlet.h"
#include "outlets/webhook/webhook_batch.h"
#include "outlets/webhook/webhook_sign.h"

#define WEBHOOK_HEADER_COUNT_MAX 10

/* Their text: the identities, two names, and short values. */
#define WEBHOOK_HEADERS_SIZE                                                   \
    (WEBHOOK_IDS_SIZE_MAX + WEBHOOK_ID_SIZE_MAX + WEBHOOK_SIGNATURE_SIZE_MAX + \
     2 * HAPLO_NAME_SIZE_MAX + 1024)

/* A larger buffer is freed after use. */
#define WEBHOOK_KEEP_SIZE_MAX 1048576

struct webhook_request {
    struct curl_slist headers[WEBHOOK_HEADER_COUNT_MAX]; /* linked */
    size_t header_count;                                 /* of headers */
    char text[WEBHOOK_HEADERS_SIZE]; /* what they point to */
    char *text_end;                  /* the unused part of it */
    char ids[WEBHOOK_IDS_SIZE_MAX];  /* of the messages */
    char id[WEBHOOK_ID_SIZE_MAX];    /* the webhook-id */
    char *buffer;                    /* owned: "ID.TIMESTAMP.BODY" */
    size_t capacity;                 /* allocated for it */
    const char *body;                /* in the buffer */
    size_t body_size;                /* in bytes */
};

/* What a request is made from. */
struct webhook_content {
    const struct outlet_parcel *parcel;   /* where the messages are from */
    const struct inbox_message *messages; /* the first one */
    size_t count;                         /* of messages */
    bool is_bare;                         /* see webhook_body.h */
    const char *inbox_uuid;               /* of their inbox */
    uint64_t timestamp_s;                 /* wall clock, Unix seconds */
    const struct webhook_keys *keys;      /* to sign with */
    struct curl_slist *lines;             /* to append to the headers */
};

/* Builds it; false if memory runs out. The buffer is used again. */
bool webhook_request_build(struct webhook_request *request,
                           const struct webhook_content *content);

/* Frees the buffer if it is large, or in any case. */
void webhook_request_trim(struct webhook_request *request);
void webhook_request_free(struct webhook_request *request);

#endif
