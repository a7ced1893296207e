#include "outlets/preview.h"

#include <stdlib.h>

#include "core/route.h"

struct preview {
    const struct forwarder_options *options; /* borrowed */
    struct route *route;                     /* owned; NULL: wants all */
};

struct preview *preview_new(const struct forwarder_options *options)
{
    struct preview *preview = calloc(1, sizeof(*preview));

    if (preview == NULL) {
        return NULL;
    }
    preview->options = options;
    if (options->when != NULL &&
        route_new(&preview->route, options->when, NULL) != 0) {
        preview_free(preview);
        return NULL;
    }
    return preview;
}

void preview_free(struct preview *preview)
{
    route_free(preview->route);
    free(preview);
}

int preview_accepts(struct preview *preview,
                    const struct inbox_message *message)
{
    if (!forwarder_options_want(preview->options, message->server,
                                message->queue)) {
        return 0;
    }
    if (preview->route == NULL) {
        return 1;
    }
    if (message->format != HAPLO_FORMAT_JSON) {
        return 0;
    }
    return route_accepts(preview->route, message->body.data,
                         message->body.size);
}
