#include "daemon/gather/gather_unrouted.h"

#include "daemon/log/log.h"

#define LOG_INTERVAL_MS 3600000

/* Writes a log line at first, and then at most once an hour. */
void gather_unrouted_count(struct gather_inbox *inbox, const char *server,
                           const char *queue, size_t message_count)
{
    struct gather_unrouted *unrouted = &inbox->unrouted;
    uint64_t now_ms = uv_now(inbox->gather->loop);
    unrouted->count += message_count;
    if (unrouted->logged_count > 0 &&
        now_ms - unrouted->logged_ms < LOG_INTERVAL_MS) {
        return;
    }
    log_line(LOG_LEVEL_INFO,
             "inbox %s: unrouted messages, which no outlet forwards: %llu so "
             "far, the last one of %s/%s",
             inbox->name, (unsigned long long)unrouted->count, server, queue);
    unrouted->logged_count = unrouted->count;
    unrouted->logged_ms = now_ms;
}

void gather_unrouted_declined(struct forwarder *forwarder,
                              const struct inbox_message *message, void *data)
{
    const struct gather_outlet *declining = data;
    struct gather_inbox *inbox = declining->inbox;
    const struct gather_outlet *outlet;
    bool is_first = true;
    size_t cursor = 0;
    while ((outlet = name_table_next(&inbox->gather->outlets, &cursor))) {
        if (outlet->inbox != inbox || outlet->forwarder == NULL ||
            !forwarder_wants(outlet->forwarder, message->server,
                             message->queue)) {
            continue;
        }
        if (is_first && outlet->forwarder != forwarder) {
            return; /* that one asks the others */
        }
        if (!is_first && forwarder_accepts(outlet->forwarder, message) != 0) {
            return;
        }
        is_first = false;
    }
    gather_unrouted_count(inbox, message->server, message->queue, 1);
}
