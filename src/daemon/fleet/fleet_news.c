#include "daemon/fleet/fleet_news.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/gather/gather.h"
#include "daemon/log/log.h"

struct fleet_news_item {
    STAILQ_ENTRY(fleet_news_item) link;
    struct inbox_change change; /* its strings are in texts */
    char texts[];
};

static void drop_first(struct fleet_news *news)
{
    struct fleet_news_item *item = STAILQ_FIRST(&news->items);
    STAILQ_REMOVE_HEAD(&news->items, link);
    news->count--;
    free(item);
}

/* Failures are logged once, until it works again. */
static void note(struct fleet_news *news, int error, const char *why)
{
    if (error != 0 && !news->has_failed) {
        log_line(LOG_LEVEL_WARNING,
                 "other hosts do not know of failed logins and pauses here: "
                 "%s: tried again",
                 why);
    }
    news->has_failed = error != 0;
}

static void on_written(struct inbox_shared_write *write, int error,
                       const char *why)
{
    struct fleet_news *news = write->data;
    news->is_writing = false;
    news->edits++;
    note(news, error, why);
    if (error == 0) {
        for (size_t i = 0; i < write->change_count; i++) {
            drop_first(news);
        }
        fleet_news_send(news);
    }
}

void fleet_news_send(struct fleet_news *news)
{
    const struct fleet_news_item *item;
    struct inbox *inbox = gather_find_inbox(
        news->gather, news->gather->config->fleet.inbox->name);
    size_t count = 0;
    if (news->is_writing || inbox == NULL || STAILQ_EMPTY(&news->items)) {
        return;
    }
    STAILQ_FOREACH (item, &news->items, link) {
        if (count == INBOX_CHANGE_COUNT_MAX) {
            break;
        }
        news->changes[count++] = item->change;
    }
    news->write = (struct inbox_shared_write){
        .changes = news->changes,
        .change_count = count,
        .written_cb = on_written,
        .data = news,
    };
    int error = inbox_shared_write(inbox, &news->write);
    news->is_writing = error == 0;
    if (error != 0 && error != HAPLO_ESTOPPED) {
        note(news, error, haplo_error_text(error));
    }
}

/* Adding */

static const char **text_at(struct inbox_change *change, size_t index)
{
    const char **texts[] = {&change->logins.site,  &change->logins.same_as,
                            &change->pause.server, &change->pause.queue,
                            &change->pause.by,     &change->pause.reason};
    return index < sizeof texts / sizeof texts[0] ? texts[index] : NULL;
}

/* NULL: out of memory. */
static struct fleet_news_item *item_new(const struct inbox_change *change)
{
    struct inbox_change copy = *change;
    const char **text;
    size_t size = 0;
    for (size_t i = 0; (text = text_at(&copy, i)) != NULL; i++) {
        size += *text == NULL ? 0 : strlen(*text) + 1;
    }
    struct fleet_news_item *item = malloc(sizeof *item + size);
    if (item == NULL) {
        return NULL;
    }
    char *to = item->texts;
    for (size_t i = 0; (text = text_at(&copy, i)) != NULL; i++) {
        if (*text != NULL) {
            size = strlen(*text) + 1;
            *text = memcpy(to, *text, size);
            to += size;
        }
    }
    item->change = copy;
    return item;
}

void fleet_news_add(struct fleet_news *news, const struct inbox_change *change)
{
    struct fleet_news_item *item =
        news->count < FLEET_NEWS_COUNT_MAX ? item_new(change) : NULL;
    if (item == NULL) {
        note(news, HAPLO_ENOMEM, haplo_error_text(HAPLO_ENOMEM));
        return;
    }
    STAILQ_INSERT_TAIL(&news->items, item, link);
    news->count++;
    news->edits++;
    fleet_news_send(news);
}

/* All of it */

void fleet_news_init(struct fleet_news *news, struct gather *gather)
{
    *news = (struct fleet_news){.gather = gather};
    STAILQ_INIT(&news->items);
}

void fleet_news_free(struct fleet_news *news)
{
    while (news->count > 0) {
        drop_first(news);
    }
}
