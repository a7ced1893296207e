/*
 * forwarder_route.c - which messages the outlet wants, of those that could be
 * one parcel.
 *
 * A parcel has all messages of a batch, or of a part of it at fixed positions,
 * that match `when`. So it has the same messages whenever it is cut, as long as
 * the rules are the same.
 *
 * Its span is the range of arrivals from the first of these messages to the
 * last. Messages between them that are not wanted are done together with the
 * one before them. If the lane is deferred, so are they, as part of the range,
 * and are judged again when it is read back.
 */
#include <assert.h>

#include "base/container_of.h"
#include "core/route.h"
#include "outlets/forwarder/forwarder_private.h"

/* Without the patterns of the queues. */
static int route_wants(const struct forwarder *forwarder,
                       const struct inbox_message *message)
{
    if (forwarder->route == NULL) {
        return 1;
    }
    if (message->format != HAPLO_FORMAT_JSON) {
        return 0;
    }
    return route_accepts(forwarder->route, message->body.data,
                         message->body.size);
}

int forwarder_accepts(const struct forwarder *forwarder,
                      const struct inbox_message *message)
{
    return forwarder_wants(forwarder, message->server, message->queue)
               ? route_wants(forwarder, message)
               : 0;
}

void forwarder_on_declined(struct forwarder *forwarder,
                           forwarder_declined_cb declined_cb)
{
    forwarder->declined_cb = declined_cb;
}

int forwarder_choose(struct forwarder *forwarder,
                     const struct inbox_message *messages, size_t count,
                     struct choice *choice)
{
    assert(count <= FORWARDER_PARCEL_COUNT_MAX);
    choice->first = count;
    choice->end = count;
    choice->count = 0;
    for (size_t i = 0; i < count; i++) {
        int result = route_wants(forwarder, &messages[i]);

        if (result < 0) {
            return result;
        }
        choice->is_wanted[i] = result == 1;
        if (choice->is_wanted[i]) {
            choice->first = choice->count == 0 ? i : choice->first;
            choice->end = i + 1;
            choice->count++;
        }
    }
    for (size_t i = 0; i < count && forwarder->declined_cb != NULL; i++) {
        if (!choice->is_wanted[i]) {
            forwarder->declined_cb(forwarder, &messages[i], forwarder->data);
        }
    }
    return 0;
}

size_t forwarder_parcel_next(const struct parcel *parcel)
{
    size_t index = 0;

    while (parcel->messages[index].arrival < parcel->span.first) {
        index++; /* ends: the last arrival of a span is that of a message */
    }
    return index;
}

uint32_t forwarder_unwanted(void *data, const struct span *span)
{
    struct forwarder *forwarder = data;
    const struct parcel *parcel =
        container_of((struct span *)span, struct parcel, span);
    uint64_t next = parcel->messages[forwarder_parcel_next(parcel)].arrival;
    uint32_t unwanted = (uint32_t)(next - span->first);

    forwarder->filtered_count += unwanted;
    return unwanted;
}
