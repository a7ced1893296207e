/*
 * admin_queues.c - lists queues.
 *
 *   - The parameters become a filter, an order and a page (queues_read).
 *   - All queues are offered to the page, some hundreds in a turn of the loop
 *     (scan). Only those on the page are remembered, by name.
 *   - Then they are looked up and written, again some in a turn (print).
 *
 * If the configuration is reloaded meanwhile, the scan starts again. A queue
 * that has been removed since is left out.
 */
#include "daemon/admin/admin_queues.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container_of.h"
#include "daemon/admin/admin_object.h"
#include "daemon/admin/admin_page.h"
#include "daemon/admin/admin_private.h"
#include "daemon/admin/admin_walk.h"

#define CLOCK_EVERY 32   /* queues between two looks at the clock */
#define WORD_SIZE_MAX 32 /* of a name in a list */

enum sort {
    SORT_NAME,
    SORT_HEALTH,
    SORT_SINCE,
    SORT_UNREAD,
    SORT_FAILURES,
    SORT_MESSAGES,
    SORT_SUCCESS,
    SORT_COUNT
};

static const char *const sort_names[SORT_COUNT] = {
    [SORT_NAME] = "name",
    [SORT_HEALTH] = "health",
    [SORT_SINCE] = "since",
    [SORT_UNREAD] = "unread",
    [SORT_FAILURES] = "failures",
    [SORT_MESSAGES] = "messages",
    [SORT_SUCCESS] = "last_success_at",
};

/* The worst first. */
static const uint64_t health_ranks[ADMIN_HEALTH_COUNT] = {
    [ADMIN_HEALTH_BLOCKED] = 0,   [ADMIN_HEALTH_REFUSED] = 1,
    [ADMIN_HEALTH_HELD] = 2,      [ADMIN_HEALTH_FAILING] = 3,
    [ADMIN_HEALTH_NOT_TRIED] = 4, [ADMIN_HEALTH_PAUSED] = 5,
    [ADMIN_HEALTH_OK] = 6,        [ADMIN_HEALTH_ELSEWHERE] = 7,
};

enum step { STEP_SCAN, STEP_HEAD, STEP_PRINT, STEP_TAIL };

struct queues {
    struct admin_stream stream;  /* first; see free_queues() */
    const struct gather *gather; /* borrowed */
    char *server;                /* owned; only this one; or NULL */
    char *match;                 /* owned; see matches_name(); or NULL */
    char *inbox;                 /* owned; only this one; or NULL */
    uint32_t healths;            /* set of enum admin_health */
    uint32_t states;             /* set of enum haplo_queue_state */
    enum sort sort;              /* the order */
    bool is_reverse;             /* the other way round */
    struct admin_page page;      /* what was found */
    struct admin_walk walk;      /* where the scan is */
    uint64_t matched_count;      /* queues that the filter selects */
    size_t printed_count;        /* of the entries of the page */
    enum step step;              /* what comes next */
};

static void free_queues(struct admin_stream *stream)
{
    struct queues *queues = container_of(stream, struct queues, stream);
    admin_page_free(&queues->page);
    free(queues->server);
    free(queues->match);
    free(queues->inbox);
    free(queues);
}

/* The filter */

static bool matches_name(const struct queues *queues, const char *name)
{
    if (queues->match == NULL) {
        return true;
    }
    return strpbrk(queues->match, "*?") != NULL
               ? fnmatch(queues->match, name, FNM_NOESCAPE) == 0
               : strcasestr(name, queues->match) != NULL;
}

static bool is_equal(const char *wanted, const char *text)
{
    return wanted == NULL || strcmp(wanted, text) == 0;
}

static bool is_in(uint32_t set, unsigned bit)
{
    return (set >> bit & 1) != 0;
}

static uint64_t key_of(const struct queues *queues,
                       const struct gather_queue *queue,
                       const struct haplo_queue_stats *stats)
{
    uint64_t key = 0;
    switch (queues->sort) {
    case SORT_HEALTH:
        key = health_ranks[admin_health_of_queue(queue)];
        break;
    case SORT_SINCE:
        key = queue->seen.since_ms;
        break;
    case SORT_UNREAD:
        key = stats->unread_count < 0 ? 0 : (uint64_t)stats->unread_count;
        break;
    case SORT_FAILURES:
        key = stats->failures;
        break;
    case SORT_MESSAGES:
        key = stats->message_count;
        break;
    case SORT_SUCCESS:
        key = queue->seen.success_ms;
        break;
    default:
        return 0;
    }
    return queues->is_reverse ? UINT64_MAX - key : key;
}

static void offer_queue(struct queues *queues, const struct gather_queue *queue)
{
    char name[GATHER_NAME_SIZE];
    struct haplo_queue_stats stats = {.struct_size = sizeof stats,
                                      .state = HAPLO_QUEUE_BLOCKED};
    if (!is_in(queues->healths, admin_health_of_queue(queue)) ||
        !is_equal(queues->server, queue->server->config->options.name) ||
        !is_equal(queues->inbox, queue->config->settings->inbox->name)) {
        return;
    }
    gather_queue_name(queue, name);
    if (queue->queue != NULL) {
        haplo_queue_get_stats(queue->queue, &stats);
    }
    if (is_in(queues->states, stats.state) && matches_name(queues, name)) {
        queues->matched_count++;
        admin_page_offer(&queues->page, key_of(queues, queue, &stats), name);
    }
}

/* One that is not valid in the configuration. */
static void offer_held(struct queues *queues, const struct config_held *held)
{
    char name[GATHER_NAME_SIZE];
    snprintf(name, sizeof name, "%s/%s", held->server, held->queue);
    if (is_in(queues->healths, ADMIN_HEALTH_HELD) &&
        is_in(queues->states, HAPLO_QUEUE_BLOCKED) &&
        is_equal(queues->server, held->server) && queues->inbox == NULL &&
        matches_name(queues, name)) {
        uint64_t key =
            queues->sort == SORT_HEALTH ? health_ranks[ADMIN_HEALTH_HELD] : 0;
        queues->matched_count++;
        admin_page_offer(&queues->page,
                         queues->is_reverse && queues->sort != SORT_NAME
                             ? UINT64_MAX - key
                             : key,
                         name);
    }
}

/* The work, step by step */

/* False if there is nothing left to offer. */
static bool offer_next(struct queues *queues)
{
    const struct gather_queue *queue = admin_walk_queue(&queues->walk);
    if (queue != NULL) {
        offer_queue(queues, queue);
        return true;
    }
    const struct config_held *held = admin_walk_held(&queues->walk);
    if (held != NULL) {
        offer_held(queues, held);
    }
    return held != NULL;
}

static void scan(struct queues *queues, uint64_t end_ns)
{
    if (!admin_walk_is_valid(&queues->walk)) {
        admin_walk_begin(&queues->walk, queues->gather);
        admin_page_restart(&queues->page);
        queues->matched_count = 0;
    }
    for (unsigned i = 0; offer_next(queues); i++) {
        if (i % CLOCK_EVERY == 0 && uv_hrtime() >= end_ns) {
            return;
        }
    }
    admin_page_sort(&queues->page);
    queues->step = STEP_HEAD;
}

static void print_entry(const struct queues *queues, struct json_writer *out,
                        const char *name)
{
    char server[ADMIN_PARAMETER_SIZE];
    const char *slash = strchr(name, '/');
    const struct config_held *held =
        queues->gather->config->held_count == 0
            ? NULL
            : config_held_find(queues->gather->config, name);
    if (held != NULL) {
        admin_write_held(out, NULL, queues->gather, held);
        return;
    }
    snprintf(server, sizeof server, "%.*s", (int)(slash - name), name);
    const struct gather_queue *queue =
        gather_find_queue(queues->gather, server, slash + 1);
    if (queue != NULL) {
        admin_write_queue(out, NULL, queue);
    }
}

static void print(struct queues *queues, struct json_writer *out,
                  uint64_t end_ns)
{
    while (queues->printed_count < queues->page.count) {
        print_entry(queues, out,
                    queues->page.entries[queues->printed_count++].name);
        if (uv_hrtime() >= end_ns) {
            return;
        }
    }
    queues->step = STEP_TAIL;
}

static void print_tail(const struct queues *queues, struct json_writer *out)
{
    char next[ADMIN_PAGE_CURSOR_SIZE];
    json_array_end(out);
    json_count(out, "matched", queues->matched_count);
    json_text(out, "next", admin_page_next(&queues->page, next));
    json_object_end(out);
    json_end_line(out);
}

static enum admin_more more(struct admin_stream *stream,
                            struct json_writer *out, uint64_t budget_ns)
{
    struct queues *queues = container_of(stream, struct queues, stream);
    uint64_t end_ns = uv_hrtime() + budget_ns;
    if (!admin_is_readable(stream->admin) || queues->page.is_failed) {
        out->is_failed = true; /* the response is cut off */
        return ADMIN_MORE_END;
    }
    if (queues->step == STEP_SCAN) {
        scan(queues, end_ns);
    }
    if (queues->step == STEP_HEAD) {
        json_object(out, NULL);
        json_array(out, "queues");
        queues->step = STEP_PRINT;
    }
    if (queues->step == STEP_PRINT) {
        print(queues, out, end_ns);
    }
    if (queues->step == STEP_TAIL) {
        print_tail(queues, out);
        return ADMIN_MORE_END;
    }
    return ADMIN_MORE_NOW;
}

/* The parameters */

typedef const char *(*word_cb)(int index);

static const char *health_word(int index)
{
    return index < ADMIN_HEALTH_COUNT
               ? admin_health_name((enum admin_health)index)
               : NULL;
}

static const char *state_word(int index)
{
    return index <= HAPLO_QUEUE_LAST_MARK_WAIT
               ? haplo_queue_state_name((enum haplo_queue_state)index)
               : NULL;
}

/* Reads words with commas in between as a set; absent: all. */
static int read_set(const char *text, word_cb word, uint32_t *set)
{
    *set = UINT32_MAX;
    if (text == NULL) {
        return 0;
    }
    *set = 0;
    while (*text != '\0') {
        size_t size = strcspn(text, ",");
        int index = 0;
        while (word(index) != NULL && (strncmp(word(index), text, size) != 0 ||
                                       word(index)[size] != '\0')) {
            index++;
        }
        if (word(index) == NULL) {
            return -1;
        }
        *set |= UINT32_C(1) << index;
        text += size + (text[size] == ',');
    }
    return 0;
}

static int read_sort(struct queues *queues, const char *text)
{
    if (text == NULL) {
        return 0;
    }
    queues->is_reverse = text[0] == '-';
    for (int i = 0; i < SORT_COUNT; i++) {
        if (strcmp(text + queues->is_reverse, sort_names[i]) == 0) {
            queues->sort = (enum sort)i;
            return 0;
        }
    }
    return -1;
}

/* False if memory runs out. */
static bool copy_text(char **to, const char *text)
{
    *to = text == NULL ? NULL : strdup(text);
    return text == NULL || *to != NULL;
}

/* Returns 0; HAPLO_EINVAL with why set; or HAPLO_ENOMEM. */
static int queues_read(struct queues *queues,
                       const struct admin_request *request, char *why,
                       size_t why_size)
{
    if (read_set(admin_query(request, "health"), health_word,
                 &queues->healths) != 0 ||
        read_set(admin_query(request, "state"), state_word, &queues->states) !=
            0 ||
        read_sort(queues, admin_query(request, "sort")) != 0) {
        snprintf(why, why_size,
                 "health, state or sort has an unknown value: see "
                 "docs/openapi.yaml");
        return HAPLO_EINVAL;
    }
    if (!copy_text(&queues->server, admin_query(request, "server")) ||
        !copy_text(&queues->match, admin_query(request, "match")) ||
        !copy_text(&queues->inbox, admin_query(request, "inbox"))) {
        return HAPLO_ENOMEM;
    }
    int error = admin_page_init(&queues->page, admin_query(request, "limit"),
                                admin_query(request, "after"), why, why_size);
    queues->page.is_descending =
        queues->sort == SORT_NAME && queues->is_reverse;
    return error;
}

void admin_get_queues(struct admin_request *request)
{
    char why[HAPLO_TEXT_SIZE_MAX] = "out of memory";
    struct queues *queues = calloc(1, sizeof *queues);
    int error = HAPLO_ENOMEM;
    if (queues != NULL) {
        queues->gather = request->admin->gather;
        queues->stream.more_cb = more;
        queues->stream.free_cb = free_queues;
        error = queues_read(queues, request, why, sizeof why);
    }
    if (error == 0) {
        admin_walk_begin(&queues->walk, queues->gather);
        admin_reply_stream(request, "application/json", &queues->stream);
        return;
    }
    if (queues != NULL) {
        free_queues(&queues->stream);
    }
    admin_reply_error(request, error == HAPLO_EINVAL ? 400 : 500, "%s", why);
}
