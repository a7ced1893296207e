#include "outlets/message_id.h"

#include <inttypes.h>
#include <stdio.h>

size_t message_id_write(char text[MESSAGE_ID_SIZE_MAX],
                        const struct inbox_message *message,
                        const char *inbox_uuid, uint64_t replay_id)
{
    int length =
        snprintf(text, MESSAGE_ID_SIZE_MAX, "%s-%" PRIu64 "-%016" PRIx64,
                 inbox_uuid, message->arrival, message->hash);

    if (replay_id != 0) {
        length += snprintf(text + length, MESSAGE_ID_SIZE_MAX - (size_t)length,
                           "-r%" PRIu64, replay_id);
    }
    return (size_t)length;
}
