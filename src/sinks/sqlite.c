#include "sinks/sqlite.h"

#include "sinks/inbox_kind.h"
#include "sinks/record_sink.h"

int sqlite_sink_open(uv_loop_t *loop, const char *name, const char *path,
                     struct sink **out, char *why, size_t why_size)
{
    const struct record_sink_options options = {
        .type_name = "sqlite",
        .name = name,
        .kind = &inbox_kind,
        .path = path,
    };

    return record_sink_open(loop, &options, out, why, why_size);
}
