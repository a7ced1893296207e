#include "outlets/message_id.h"

#include <inttypes.h>
#include <stdio.h>

static size_t id_write(char text[MESSAGE_ID_SIZE_MAX], uint64_t arrival,
                       uint64_t hash, const char *inbox_uuid,
                       uint64_t replay_id)
{
    int length =
        snprintf(text, MESSAGE_ID_SIZE_MAX, "%s-%" PRIu64 "-%016" PRIx64,
                 inbox_uuid, arrival, hash);

    if (replay_id != 0) {
        length += snprintf(text + length, MESSAGE_ID_SIZE_MAX - (size_t)length,
                           "-r%" PRIu64, replay_id);
    }
    return (size_t)length;
}

size_t message_id_write(char text[MESSAGE_ID_SIZE_MAX],
                        const struct inbox_message *message,
                        const char *inbox_uuid, uint64_t replay_id)
{
    return id_write(text, message->arrival, message->hash, inbox_uuid,
                    replay_id);
}

/* From SplitMix64: every output bit depends on every input bit. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* The UUID is part of it because an inbox that was replaced or restored may
 * use an arrival again for another message. */
uint64_t message_id_hash(const struct inbox_message *messages, size_t count,
                         const char *inbox_uuid)
{
    uint64_t hash = count;

    for (const char *c = inbox_uuid; *c != '\0'; c++) {
        hash = mix(hash + (unsigned char)*c);
    }
    for (size_t i = 0; i < count; i++) {
        hash = mix(hash ^ messages[i].hash);
    }
    return hash;
}

size_t message_id_write_batch(char text[MESSAGE_ID_SIZE_MAX],
                              const struct inbox_message *messages,
                              size_t count, const char *inbox_uuid,
                              uint64_t replay_id)
{
    return id_write(text, messages[0].arrival,
                    message_id_hash(messages, count, inbox_uuid), inbox_uuid,
                    replay_id);
}
