#include "outlets/webhook/webhook_request.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/wall_clock.h"
#include "outlets/webhook/webhook_body.h"

#define PREFIX_SIZE_MAX (WEBHOOK_ID_SIZE_MAX + 24)

/* The body */

static bool buffer_reserve(struct webhook_request *request, size_t size)
{
    char *buffer;

    if (size <= request->capacity) {
        return true;
    }
    buffer = malloc(size); /* nothing in the old one is needed */
    if (buffer == NULL) {
        return false;
    }
    free(request->buffer);
    request->buffer = buffer;
    request->capacity = size;
    return true;
}

/* What is signed is in one piece: "ID.TIMESTAMP.BODY". Returns its size; 0: no
 * memory. */
static size_t content_write(struct webhook_request *request,
                            const struct webhook_content *content)
{
    char *out;

    request->body_size =
        webhook_body_size(content->messages, content->count, content->is_bare);
    if (!buffer_reserve(request, PREFIX_SIZE_MAX + request->body_size)) {
        return 0;
    }
    out = request->buffer + sprintf(request->buffer, "%s.%" PRIu64 ".",
                                    request->id, content->timestamp_s);
    request->body = out;
    out = webhook_body_write(content->messages, content->count,
                             content->is_bare, out);
    return (size_t)(out - request->buffer);
}

/* The headers */

/* Adds "NAME: VALUE". There is room for all of them. */
static void header_add(struct webhook_request *request, const char *name,
                       const char *value)
{
    struct curl_slist *node = &request->headers[request->header_count++];

    node->data = request->text_end;
    node->next = NULL;
    request->text_end =
        stpcpy(stpcpy(stpcpy(request->text_end, name), ": "), value) + 1;
    if (node != request->headers) {
        node[-1].next = node;
    }
}

static void number_add(struct webhook_request *request, const char *name,
                       uint64_t number)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%" PRIu64, number);
    header_add(request, name, text);
}

/* Those of the first message, except the identities: a batch is of one queue
 * and was fetched at one time. */
static void metadata_add(struct webhook_request *request,
                         const struct webhook_content *content)
{
    const struct inbox_message *message = content->messages;
    char date[WALL_CLOCK_TEXT_SIZE];

    header_add(request, "haplo-server", message->server);
    header_add(request, "haplo-queue", message->queue);
    number_add(request, "haplo-arrival", message->arrival);
    header_add(request, "haplo-id", request->ids);
    header_add(request, "haplo-received-at",
               wall_clock_text(message->received_at_ms, date));
    if (content->parcel->replay_id != 0) {
        number_add(request, "haplo-replay", content->parcel->replay_id);
    }
}

bool webhook_request_build(struct webhook_request *request,
                           const struct webhook_content *content)
{
    const struct outlet_parcel *parcel = content->parcel;
    char signature[WEBHOOK_SIGNATURE_SIZE_MAX];
    size_t size;

    (void)webhook_ids_write(request->ids, content->messages, content->count,
                            content->inbox_uuid,
                            parcel->has_new_ids ? parcel->replay_id : 0);
    webhook_id_write(request->id, content->messages, content->count,
                     content->inbox_uuid, request->ids);
    size = content_write(request, content);
    if (size == 0 ||
        !webhook_sign(content->keys, request->buffer, size, signature)) {
        return false;
    }
    request->header_count = 0;
    request->text_end = request->text;
    header_add(request, "Content-Type", webhook_body_type(content->messages));
    header_add(request, "webhook-id", request->id);
    number_add(request, "webhook-timestamp", content->timestamp_s);
    if (content->keys->count > 0) {
        header_add(request, "webhook-signature", signature);
    }
    metadata_add(request, content);
    request->headers[request->header_count - 1].next = content->lines;
    return true;
}

void webhook_request_trim(struct webhook_request *request)
{
    if (request->capacity > WEBHOOK_KEEP_SIZE_MAX) {
        webhook_request_free(request);
    }
}

void webhook_request_free(struct webhook_request *request)
{
    free(request->buffer);
    request->buffer = NULL;
    request->capacity = 0;
}
