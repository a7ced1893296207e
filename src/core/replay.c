#include "core/replay.h"

#include <assert.h>
#include <xxhash.h>

/* Never 0. If two tokens had the same hash, a batch would only come later. */
static uint32_t token_hash(const struct batch *batch)
{
    uint32_t hash = (uint32_t)XXH3_64bits(batch->form, batch->form_size);
    return hash != 0 ? hash : 1;
}

void replay_note(struct replay *replay, const struct batch *batch,
                 bool marked_already)
{
    assert(batch->form_size > 0);
    replay->token = marked_already ? token_hash(batch) : 0;
}

bool replay_is_held_back(struct replay *replay, const struct batch *batch,
                         uint64_t since_ms, uint64_t hold_ms)
{
    if (replay->token != 0 && since_ms < hold_ms && batch->message_count > 0 &&
        token_hash(batch) == replay->token) {
        return true;
    }
    replay->token = 0;
    return false;
}
