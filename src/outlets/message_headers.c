#include "outlets/message_headers.h"

#include <inttypes.h>
#include <stdio.h>

static void header_add(struct message_headers *headers, const char *name,
                       const char *value)
{
    headers->list[headers->count++] = (struct message_header){name, value};
}

static const char *received_at(struct message_headers *headers,
                               const struct inbox_message *message)
{
    if (headers->received_at_ms != message->received_at_ms ||
        headers->received_at[0] == '\0') {
        headers->received_at_ms = message->received_at_ms;
        (void)wall_clock_text(message->received_at_ms, headers->received_at);
    }
    return headers->received_at;
}

void message_headers_set(struct message_headers *headers,
                         const struct outlet_parcel *parcel, size_t index,
                         const char *inbox_uuid)
{
    const struct inbox_message *message = &parcel->messages[index];

    headers->count = 0;
    (void)message_id_write(headers->id, message, inbox_uuid,
                           parcel->has_new_ids ? parcel->replay_id : 0);
    (void)snprintf(headers->arrival, sizeof(headers->arrival), "%" PRIu64,
                   message->arrival);
    header_add(headers, "haplo-server", message->server);
    header_add(headers, "haplo-queue", message->queue);
    header_add(headers, "haplo-arrival", headers->arrival);
    header_add(headers, "haplo-id", headers->id);
    header_add(headers, "haplo-received-at", received_at(headers, message));
    if (parcel->replay_id != 0) {
        (void)snprintf(headers->replay, sizeof(headers->replay), "%" PRIu64,
                       parcel->replay_id);
        header_add(headers, "haplo-replay", headers->replay);
    }
}
