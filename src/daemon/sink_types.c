#include "daemon/sink_types.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "sinks/files.h"
#include "sinks/sqlite.h"

static int sqlite_open(uv_loop_t *loop, const struct config *config,
                       const struct config_sink *sink, struct sink **out,
                       char *why, size_t why_size)
{
    (void)config;
    return sqlite_sink_open(loop, sink->name, sink->path, out, why, why_size);
}

/* Its ledger is called by its name, which no other sink has. */
static int files_open(uv_loop_t *loop, const struct config *config,
                      const struct config_sink *sink, struct sink **out,
                      char *why, size_t why_size)
{
    char ledger[PATH_MAX];
    int size = snprintf(ledger, sizeof ledger, "%s/%s.ledger",
                        config->state_dir, sink->name);
    if (size < 0 || (size_t)size >= sizeof ledger) {
        snprintf(why, why_size, "the path of state_dir is too long");
        *out = NULL;
        return HAPLO_EINVAL;
    }
    return files_sink_open(loop, sink->name, sink->path, ledger, out, why,
                           why_size);
}

static const struct {
    const char *name; /* as in the configuration */
    int (*open)(uv_loop_t *loop, const struct config *config,
                const struct config_sink *sink, struct sink **out, char *why,
                size_t why_size);
} types[] = {
    {"sqlite", sqlite_open},
    {"files", files_open},
};

#define TYPE_COUNT (sizeof types / sizeof types[0])

/* TYPE_COUNT if there is no such type. */
static size_t type_find(const char *name)
{
    size_t i = 0;
    while (i < TYPE_COUNT && strcmp(types[i].name, name) != 0) {
        i++;
    }
    return i;
}

bool sink_type_is_known(const char *type)
{
    return type_find(type) < TYPE_COUNT;
}

int sink_open(uv_loop_t *loop, const struct config *config,
              const struct config_sink *sink, struct sink **out, char *why,
              size_t why_size)
{
    return types[type_find(sink->type)].open(loop, config, sink, out, why,
                                             why_size);
}
