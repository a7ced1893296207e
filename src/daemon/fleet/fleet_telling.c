#include "daemon/fleet/fleet_telling.h"

#include <stdio.h>
#include <string.h>

#include "daemon/gather/gather.h"
#include "daemon/gather/gather_pause.h"
#include "daemon/gather/pauses.h"
#include "daemon/log/log.h"

/* Own changes */

static void add_change(void *data, const struct inbox_change *change)
{
    struct fleet_telling *telling = data;
    fleet_news_add(&telling->news, change);
}

static void on_logins(void *data)
{
    struct fleet_telling *telling = data;
    if (!telling->is_taking) {
        telling->logins.poller = telling->gather->poller;
        fleet_logins_compare(&telling->logins, add_change, telling);
    }
}

static void on_key(void *data, const struct gather_queue *queue)
{
    const struct inbox_change change = {
        .kind = queue->key_refused ? INBOX_KEY_REFUSED : INBOX_KEY_WORKED,
        .pause = {.server = queue->server->name, .queue = queue->config->name},
    };
    add_change(data, &change);
}

/* Divides the name of a queue, "server/queue", in place. */
static void name_split(char *name, struct inbox_shared_pause *to)
{
    char *slash = strchr(name, '/');
    *slash = '\0';
    to->server = name;
    to->queue = slash + 1;
}

static void on_pause(void *data, const struct pause *pause)
{
    struct inbox_change change = {
        .kind = INBOX_QUEUE_PAUSED,
        .pause = {.by = pause->by,
                  .reason = pause->reason,
                  .at_ms = pause->at_ms},
    };
    char name[PAUSE_NAME_SIZE];
    memcpy(name, pause->name, sizeof name);
    name_split(name, &change.pause);
    add_change(data, &change);
}

static void on_resume(void *data, const char *paused)
{
    struct inbox_change change = {.kind = INBOX_QUEUE_RESUMED};
    char name[PAUSE_NAME_SIZE];
    snprintf(name, sizeof name, "%s", paused);
    name_split(name, &change.pause);
    add_change(data, &change);
}

/* Changes of others */

static void take_keys(struct failed_logins *failed,
                      const struct inbox_shared *shared)
{
    failed_logins_forget_keys(failed);
    for (size_t i = 0; i < shared->key_count; i++) {
        failed_logins_recall_key(failed, shared->keys[i].server,
                                 shared->keys[i].queue);
    }
}

static void apply(const struct gather *gather, const char *server,
                  const char *name)
{
    struct gather_queue *queue = gather_find_queue(gather, server, name);
    if (queue != NULL) {
        gather_pause_apply(queue);
    }
}

static void on_ended(void *data, const char *ended)
{
    const struct fleet_telling *telling = data;
    struct inbox_shared_pause names;
    char name[PAUSE_NAME_SIZE];
    snprintf(name, sizeof name, "%s", ended);
    name_split(name, &names);
    apply(telling->gather, names.server, names.queue);
}

static void take_pauses(struct fleet_telling *telling,
                        const struct inbox_shared *shared)
{
    pauses_begin(telling->pauses);
    for (size_t i = 0; i < shared->pause_count; i++) {
        const struct inbox_shared_pause *row = &shared->pauses[i];
        struct pause pause = {.at_ms = row->at_ms};
        snprintf(pause.name, sizeof pause.name, "%s/%s", row->server,
                 row->queue);
        snprintf(pause.by, sizeof pause.by, "%s", row->by);
        snprintf(pause.reason, sizeof pause.reason, "%s", row->reason);
        if (pauses_take(telling->pauses, &pause)) {
            apply(telling->gather, row->server, row->queue);
        }
    }
    pauses_end(telling->pauses, on_ended, telling);
}

static void take(struct fleet_telling *telling,
                 const struct inbox_fleet_request *request)
{
    telling->is_taking = true;
    telling->logins.poller = telling->gather->poller;
    if (fleet_logins_take(&telling->logins, request->shared) != 0) {
        log_line(LOG_LEVEL_WARNING,
                 "failed logins of other hosts are not counted: %s",
                 haplo_error_text(HAPLO_ENOMEM));
    }
    failed_logins_recalled(&telling->gather->failed_logins);
    take_keys(&telling->gather->failed_logins, request->shared);
    take_pauses(telling, request->shared);
    telling->is_taking = false;
    telling->version = request->found_version;
}

/* Public functions */

void fleet_telling_ask(struct fleet_telling *telling,
                       struct inbox_fleet_request *request)
{
    request->shared_version = telling->version;
    telling->asked_edits = telling->news.edits;
}

void fleet_telling_take(struct fleet_telling *telling,
                        const struct inbox_fleet_request *request)
{
    on_logins(telling); /* what has expired, for which there was no event */
    if (request->shared != NULL && telling->news.count == 0 &&
        telling->news.edits == telling->asked_edits) {
        take(telling, request);
    }
    fleet_news_send(&telling->news);
}

void fleet_telling_init(struct fleet_telling *telling, struct gather *gather,
                        struct pauses *pauses)
{
    *telling = (struct fleet_telling){
        .gather = gather,
        .pauses = pauses,
        .calls = {.logins_cb = on_logins,
                  .key_cb = on_key,
                  .pause_cb = on_pause,
                  .resume_cb = on_resume,
                  .data = telling},
    };
    fleet_news_init(&telling->news, gather);
    fleet_logins_init(&telling->logins);
}

void fleet_telling_free(struct fleet_telling *telling)
{
    fleet_news_free(&telling->news);
    fleet_logins_free(&telling->logins);
}
