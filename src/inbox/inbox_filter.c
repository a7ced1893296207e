#include "inbox/inbox_filter.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "haplopoll.h"

static bool is_any(const char *pattern)
{
    return pattern == NULL || pattern[0] == '\0';
}

bool inbox_filter_takes_outlet(const struct inbox_filter *filter,
                               const char *outlet)
{
    return is_any(filter->outlet) || strcmp(filter->outlet, outlet) == 0;
}

bool inbox_filter_takes_queue(const struct inbox_filter *filter,
                              const char *server, const char *queue)
{
    char name[2 * HAPLO_NAME_SIZE_MAX + 2];
    int size;

    if (is_any(filter->queue)) {
        return true;
    }
    size = snprintf(name, sizeof(name), "%s/%s", server, queue);
    return size > 0 && (size_t)size < sizeof(name) &&
           fnmatch(filter->queue, name, FNM_PATHNAME) == 0;
}

bool inbox_filter_takes_time(const struct inbox_filter *filter, uint64_t at_ms)
{
    return at_ms >= filter->since_ms && at_ms < filter->until_ms;
}
