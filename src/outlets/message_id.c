#include "outlets/message_id.h"

#include <assert.h>
#include <string.h>

/* An identity is written for each message, some more than once: by hand,
 * which takes a fraction of the time of snprintf(). */

static char *number_write(char *out, uint64_t number)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return mempcpy(out, digits + at, sizeof(digits) - at);
}

static char *hash_write(char *out, uint64_t hash)
{
    for (int shift = 60; shift >= 0; shift -= 4) {
        *out++ = "0123456789abcdef"[hash >> shift & 0xf];
    }
    return out;
}

static size_t id_write(char text[MESSAGE_ID_SIZE_MAX], uint64_t arrival,
                       uint64_t hash, const char *inbox_uuid,
                       uint64_t replay_id)
{
    char *out = stpcpy(text, inbox_uuid);

    assert(out - text < INBOX_UUID_SIZE);
    *out++ = '-';
    out = number_write(out, arrival);
    *out++ = '-';
    out = hash_write(out, hash);
    if (replay_id != 0) {
        out = number_write(stpcpy(out, "-r"), replay_id);
    }
    *out = '\0';
    return (size_t)(out - text);
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
