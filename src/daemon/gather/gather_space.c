#include "daemon/gather/gather_space.h"

#include "daemon/gather/gather_pause.h"
#include "daemon/log/log.h"
#include "daemon/observe/observer_feed.h"

static void tell(struct gather_inbox *inbox, bool is_short, const char *why)
{
    observer_feed_space(inbox, is_short, why);
    log_line(is_short ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "inbox %s: %s: %s",
             inbox->name,
             is_short ? "no more messages are fetched"
                      : "messages are fetched again",
             why);
}

static void on_space(struct inbox *changed, bool is_short, const char *why,
                     void *data)
{
    struct gather_inbox *inbox = data;
    const struct gather *gather = inbox->gather;
    const struct gather_server *server;
    size_t cursor = 0;
    (void)changed;
    if (gather->phase > GATHER_OPEN) {
        return; /* nothing is fetched any more */
    }
    tell(inbox, is_short, why);
    while ((server = name_table_next(&gather->servers, &cursor)) != NULL) {
        struct gather_queue *queue;
        size_t queue_cursor = 0;
        while ((queue = name_table_next(&server->queues, &queue_cursor))) {
            if (queue->stored != NULL && queue->stored->inbox == inbox->inbox) {
                gather_pause_apply(queue);
            }
        }
    }
}

void gather_space_listen(struct gather_inbox *inbox)
{
    const char *why = inbox_short_why(inbox->inbox);
    if (!inbox->gather->options.has_pauses) {
        return;
    }
    inbox_listen_space(inbox->inbox, on_space, inbox);
    if (why != NULL) {
        tell(inbox, true, why);
    }
}
