#include "sim/path.h"

#include <string.h>

/* If the text at *at begins like this, skips it. */
static bool skip(const char **at, const char *end, const char *text,
                 size_t size)
{
    if ((size_t)(end - *at) < size || memcmp(*at, text, size) != 0) {
        return false;
    }
    *at += size;
    return true;
}

/* The end of the name of a queue. */
static const char *name_end(const char *at, const char *end)
{
    const char *slash = memchr(at, '/', (size_t)(end - at));
    return slash != NULL ? slash : end;
}

/* Reads the name of the queue, where the template has {queue}. */
static bool template_fits(struct sim_path *parts, const char *template,
                          const char *at, const char *end)
{
    static const char queue[] = "{queue}";
    const char *middle = strstr(template, queue);
    if (middle == NULL ||
        !skip(&at, end, template, (size_t)(middle - template))) {
        return false;
    }
    const char *tail = middle + sizeof queue - 1;
    size_t tail_size = strlen(tail);
    size_t rest = (size_t)(end - at);
    if (rest < tail_size || memcmp(end - tail_size, tail, tail_size) != 0 ||
        memchr(at, '/', rest - tail_size) != NULL) {
        return false;
    }
    parts->queue = at;
    parts->queue_size = rest - tail_size;
    return true;
}

struct sim_path sim_path_parse(const struct sim_settings *settings,
                               const char *path, size_t size)
{
    struct sim_path parts = {0};
    const char *end = path + size;
    const char *question = size == 0 ? NULL : memchr(path, '?', size);
    if (question != NULL) {
        parts.query = question + 1;
        parts.query_size = (size_t)(end - parts.query);
        end = question;
    }
    if (!skip(&path, end, settings->path, strlen(settings->path))) {
        return parts;
    }
    if (template_fits(&parts, settings->fetch_path, path, end)) {
        parts.verb = SIM_VERB_FETCH;
    } else if (template_fits(&parts, settings->mark_path, path, end)) {
        parts.verb = SIM_VERB_MARK;
    } else if (skip(&path, end, SIM_PATH_PREFIX, sizeof SIM_PATH_PREFIX - 1)) {
        parts.queue = path;
        parts.queue_size = (size_t)(name_end(path, end) - path);
    }
    parts.poll = parts.queue != NULL;
    return parts;
}
