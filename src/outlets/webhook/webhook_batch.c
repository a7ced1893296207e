#include "outlets/webhook/webhook_batch.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

size_t webhook_batch_count(const struct inbox_message *messages, size_t count,
                           size_t count_max, size_t bytes_max)
{
    size_t end = 1;
    size_t bytes = messages[0].body.size;

    if (messages[0].format == HAPLO_FORMAT_RAW) {
        return 1;
    }
    count = count < count_max ? count : count_max;
    while (end < count && messages[end].body.size <= bytes_max &&
           bytes + messages[end].body.size <= bytes_max) {
        bytes += messages[end++].body.size;
    }
    return end;
}

size_t webhook_ids_write(char ids[WEBHOOK_IDS_SIZE_MAX],
                         const struct inbox_message *messages, size_t count,
                         const char *inbox_uuid, uint64_t replay_id)
{
    char *out = ids;

    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            *out++ = ',';
        }
        out += message_id_write(out, &messages[i], inbox_uuid, replay_id);
    }
    return (size_t)(out - ids);
}

/* FNV-1a. 64 bits are plenty: they tell apart batches of one inbox with the
 * same first arrival and count, which there are only if the inbox was restored.
 */
static uint64_t hash_ids(const char *ids)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (; *ids != '\0'; ids++) {
        hash = (hash ^ (unsigned char)*ids) * UINT64_C(0x100000001b3);
    }
    return hash;
}

void webhook_id_write(char id[WEBHOOK_ID_SIZE_MAX],
                      const struct inbox_message *messages, size_t count,
                      const char *inbox_uuid, const char *ids)
{
    if (count == 1) {
        strcpy(id, ids);
        return;
    }
    (void)snprintf(id, WEBHOOK_ID_SIZE_MAX, "%s-%" PRIu64 "-%zux-%016" PRIx64,
                   inbox_uuid, messages[0].arrival, count, hash_ids(ids));
}
