#include "sim/path.h"

#include <string.h>

static enum sim_verb verb_parse(const char *text, size_t size)
{
    if (size == 5 && memcmp(text, "fetch", 5) == 0) {
        return SIM_VERB_FETCH;
    }
    if (size == 4 && memcmp(text, "mark", 4) == 0) {
        return SIM_VERB_MARK;
    }
    return SIM_VERB_OTHER;
}

struct sim_path sim_path_parse(const char *path, size_t size)
{
    static const char prefix[] = "/api/haplo-integration-messages/poll/";
    struct sim_path parts = {0};
    const char *end = path + size;
    const char *question = size == 0 ? NULL : memchr(path, '?', size);
    if (question != NULL) {
        parts.query = question + 1;
        parts.query_size = (size_t)(end - parts.query);
        end = question;
    }
    if ((size_t)(end - path) < sizeof prefix - 1 ||
        memcmp(path, prefix, sizeof prefix - 1) != 0) {
        return parts;
    }
    parts.poll = true;
    parts.queue = path + sizeof prefix - 1;
    const char *slash = memchr(parts.queue, '/', (size_t)(end - parts.queue));
    slash = slash == NULL ? end : slash;
    parts.queue_size = (size_t)(slash - parts.queue);
    if (slash < end) {
        parts.verb = verb_parse(slash + 1, (size_t)(end - slash - 1));
    }
    return parts;
}
