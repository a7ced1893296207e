#include "daemon/admin/admin_route.h"

#include <assert.h>
#include <string.h>

/* Takes a segment of the request as a parameter. False if it cannot be one. */
static bool take_parameter(struct admin_match *match, size_t index,
                           const char *segment, size_t size)
{
    if (size == 0 || size >= ADMIN_PARAMETER_SIZE) {
        return false;
    }
    assert(index < ADMIN_PARAMETER_COUNT_MAX);
    memcpy(match->parameters[index], segment, size);
    match->parameters[index][size] = '\0';
    return true;
}

/* Compares segment by segment. */
static bool path_matches(const char *pattern, const char *path,
                         struct admin_match *match)
{
    size_t index = 0;
    while (*pattern != '\0') {
        size_t size = strcspn(pattern + 1, "/") + 1;
        size_t path_size = *path == '/' ? strcspn(path + 1, "/") + 1 : 0;
        if (path_size == 0) {
            return false;
        }
        if (pattern[1] == '{') {
            if (!take_parameter(match, index++, path + 1, path_size - 1)) {
                return false;
            }
        } else if (size != path_size || memcmp(pattern, path, size) != 0) {
            return false;
        }
        pattern += size;
        path += path_size;
    }
    return *path == '\0';
}

void admin_route_find(const struct admin_route *routes, size_t count,
                      const char *method, const char *path,
                      struct admin_match *match)
{
    const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
    match->route = NULL;
    match->is_path_known = false;
    for (size_t i = 0; i < count; i++) {
        if (!path_matches(routes[i].path, path, match)) {
            continue;
        }
        match->is_path_known = true;
        if (strcmp(routes[i].method, wanted) == 0) {
            match->route = &routes[i];
            return;
        }
    }
}

const char *admin_match_parameter(const struct admin_match *match,
                                  const char *name)
{
    size_t size = strlen(name);
    size_t index = 0;
    const char *at = match->route->path;
    while ((at = strchr(at, '{')) != NULL) {
        at++;
        if (strncmp(at, name, size) == 0 && at[size] == '}') {
            return match->parameters[index];
        }
        index++;
    }
    assert(false);
    return "";
}
