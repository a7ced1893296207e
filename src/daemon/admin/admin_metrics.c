#include "daemon/admin/admin_metrics.h"

#include <stdlib.h>
#include <string.h>

#include "base/container_of.h"
#include "base/wall_clock.h"
#include "daemon/admin/admin_private.h"
#include "daemon/admin/metrics.h"
#include "daemon/observe/observer_feed.h"

/* A page on its way. */
struct metrics_stream {
    struct admin_stream stream; /* first; see free_stream() */
    struct metrics metrics;     /* writes it */
    char *queues;               /* owned; the parameter, or NULL */
};

static void free_stream(struct admin_stream *stream)
{
    struct metrics_stream *own =
        container_of(stream, struct metrics_stream, stream);
    free(own->queues);
    free(own);
}

static enum admin_more more(struct admin_stream *stream,
                            struct json_writer *out, uint64_t budget_ns)
{
    struct metrics_stream *own =
        container_of(stream, struct metrics_stream, stream);
    if (!admin_is_readable(stream->admin)) {
        out->is_failed = true; /* the response is cut off */
        return ADMIN_MORE_END;
    }
    return metrics_more(&own->metrics, out, budget_ns) ? ADMIN_MORE_NOW
                                                       : ADMIN_MORE_END;
}

/* They are counted where they are, and compared here. */
static void update_lags(struct gather *gather)
{
    struct gather_outlet *outlet;
    size_t cursor = 0;
    while ((outlet = name_table_next(&gather->outlets, &cursor)) != NULL) {
        observer_feed_lag(outlet);
    }
}

static bool is_known(const struct gather *gather, const char *queues)
{
    return queues == NULL || strcmp(queues, "all") == 0 ||
           name_table_find(&gather->servers, queues) != NULL;
}

void admin_get_metrics(struct admin_request *request)
{
    struct gather *gather = request->admin->gather;
    const char *queues = admin_query(request, "queues");
    bool is_open_metrics =
        metrics_wants_open_metrics(admin_header(request, "Accept"));
    if (!is_known(gather, queues)) {
        admin_reply_error(request, 400,
                          "queues=%s: there is no such server: write "
                          "queues=all, or the name of a server",
                          queues);
        return;
    }
    struct metrics_stream *own = calloc(1, sizeof *own);
    if (own != NULL && queues != NULL) {
        own->queues = strdup(queues);
    }
    if (own == NULL || (queues != NULL && own->queues == NULL)) {
        free(own);
        admin_reply_error(request, 500, "out of memory");
        return;
    }
    own->stream.more_cb = more;
    own->stream.free_cb = free_stream;
    update_lags(gather);
    metrics_begin(&own->metrics, gather, is_open_metrics, own->queues,
                  wall_clock_ms());
    admin_reply_stream(request, metrics_type(is_open_metrics), &own->stream);
}
