#include "daemon/task/release.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/command_hint.h"
#include "base/reason.h"
#include "daemon/observe/observer_feed.h"
#include "daemon/observe/observer_fleet.h"

#define WORD_SIZE_MAX 15
#define LANE_SIZE_MAX (2 * HAPLO_NAME_SIZE_MAX + 1)
#define LINE_FORMAT "%15s %128s %257s%n"
static_assert(HAPLO_NAME_SIZE_MAX == 128 && LANE_SIZE_MAX == 257,
              "LINE_FORMAT");

static const struct {
    const char *word;            /* first word of the line */
    const char *done;            /* what happened to the message */
    enum forwarder_release kind; /* the action */
} kinds[] = {
    {"retry", "trying its first message again", FORWARDER_RETRY},
    {"skip", "skipped its first message", FORWARDER_SKIP},
    {"dead-letter", "its first message is a dead letter now",
     FORWARDER_TO_DEAD_LETTERS},
};

#define KIND_COUNT (sizeof kinds / sizeof kinds[0])

static int take_word(struct release *release, const char *word)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (strcmp(word, kinds[i].word) == 0) {
            release->kind = kinds[i].kind;
            return 0;
        }
    }
    return -1;
}

static int take_lane(struct release *release, const char *lane)
{
    const char *slash = strchr(lane, '/');
    size_t size = slash == NULL ? 0 : (size_t)(slash - lane);
    if (size == 0 || size >= sizeof release->server ||
        strlen(slash + 1) >= sizeof release->queue) {
        return -1;
    }
    snprintf(release->server, sizeof release->server, "%.*s", (int)size, lane);
    snprintf(release->queue, sizeof release->queue, "%s", slash + 1);
    return 0;
}

int release_parse(struct release *release, const char *line, char *why,
                  size_t why_size)
{
    char word[WORD_SIZE_MAX + 1] = "";
    char lane[LANE_SIZE_MAX + 1] = "";
    int size = 0;
    if (sscanf(line, LINE_FORMAT, word, release->outlet, lane, &size) != 3 ||
        line[size] != '\0' || take_word(release, word) != 0 ||
        take_lane(release, lane) != 0) {
        return reason_write(
            why, why_size, -1,
            "outlet takes retry, skip or dead-letter, the name of an "
            "outlet, and SERVER/QUEUE");
    }
    return 0;
}

/* Why there was nothing to release. A lane may be left of a queue that is no
 * longer configured, so this is asked only now. */
static enum exit_code explain(const struct gather_outlet *outlet,
                              const struct release *release, char *text,
                              size_t text_size)
{
    const struct config *config = outlet->gather->config;
    char name[LANE_SIZE_MAX + 1];
    char hint[COMMAND_HINT_SIZE];
    snprintf(name, sizeof name, "%s/%s", release->server, release->queue);
    const struct config_queue *queue = config_queue_find(config, name);
    if (queue == NULL && config_held_find(config, name) == NULL) {
        snprintf(text, text_size,
                 "outlet %s: %s has no queue %s: give SERVER/QUEUE, as `%s` "
                 "lists them",
                 release->outlet, config->path, name,
                 command_hint(hint, "check", NULL));
        return EXIT_CODE_USAGE;
    }
    if (queue != NULL &&
        (strcmp(queue->settings->inbox->name, outlet->inbox->name) != 0 ||
         !forwarder_options_want(&outlet->config->forward, release->server,
                                 release->queue))) {
        snprintf(text, text_size,
                 "outlet %s does not forward %s: see its inbox and "
                 "queues in %s",
                 release->outlet, name, config->path);
        return EXIT_CODE_USAGE;
    }
    if (!forwarder_owns(outlet->forwarder, release->server)) {
        const char *host =
            observer_fleet_owner(&outlet->gather->observer, release->server);
        snprintf(text, text_size,
                 "outlet %s: another host forwards %s: ask haplo-poll on %s",
                 release->outlet, name,
                 host == NULL ? "the host that takes it over" : host);
        return EXIT_CODE_FAILED;
    }
    snprintf(text, text_size, "outlet %s: %s is neither blocked nor waiting",
             release->outlet, name);
    return EXIT_CODE_FAILED;
}

enum exit_code release_do(const struct gather *gather,
                          const struct release *release, char *text,
                          size_t text_size)
{
    struct gather_outlet *outlet = gather_find_outlet(gather, release->outlet);
    if (outlet == NULL || outlet->forwarder == NULL) {
        snprintf(text, text_size,
                 outlet == NULL ? "there is no outlet named %s"
                                : "outlet %s is closing",
                 release->outlet);
        return EXIT_CODE_FAILED;
    }
    int error = forwarder_release_lane(outlet->forwarder, release->server,
                                       release->queue, release->kind);
    if (error == HAPLO_EBUSY) {
        snprintf(text, text_size,
                 "outlet %s: %s/%s: its first message is being delivered: try "
                 "again",
                 release->outlet, release->server, release->queue);
        return EXIT_CODE_FAILED;
    }
    if (error != 0) {
        return explain(outlet, release, text, text_size);
    }
    observer_feed_released(outlet, release->server, release->queue);
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (kinds[i].kind == release->kind) {
            snprintf(text, text_size, "outlet %s: %s/%s: %s", release->outlet,
                     release->server, release->queue, kinds[i].done);
        }
    }
    return EXIT_CODE_FINE;
}
