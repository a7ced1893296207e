#include "inbox/unconfirmed.h"

/* A count that is too high only costs time when repeats are looked up. One
 * that is too low would turn repeats into new messages. */
void unconfirmed_confirm(struct unconfirmed *unconfirmed,
                         uint64_t message_count)
{
    if (message_count == 0) {
        unconfirmed->count = 0;
    } else if (unconfirmed->count != UNCONFIRMED_UNKNOWN) {
        unconfirmed->count -= (int64_t)message_count;
        if (unconfirmed->count < 0) {
            unconfirmed->count = UNCONFIRMED_UNKNOWN;
        }
    }
    if (unconfirmed->count == 0) {
        unconfirmed->first = 0;
    }
}

void unconfirmed_lose(struct unconfirmed *unconfirmed)
{
    *unconfirmed = (struct unconfirmed){.count = UNCONFIRMED_UNKNOWN};
}

void unconfirmed_store(struct unconfirmed *unconfirmed, int64_t first_arrival,
                       size_t count, size_t mended_count)
{
    if (unconfirmed->count == 0) {
        unconfirmed->first = first_arrival;
    }
    if (unconfirmed->count != UNCONFIRMED_UNKNOWN) {
        unconfirmed->count += (int64_t)(count - mended_count);
    }
}
