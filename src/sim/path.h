/*
 * path.h - the parts of a request path, not percent-decoded: the server
 * compares queue names as sent, so %71 does not match q. An application may
 * have other paths than the documented ones.
 */
#ifndef SIM_PATH_H
#define SIM_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "sim/settings.h"

#define SIM_PATH_PREFIX "/api/haplo-integration-messages/poll/"

enum sim_verb { SIM_VERB_OTHER, SIM_VERB_FETCH, SIM_VERB_MARK };

struct sim_path {
    bool poll;         /* a path of the polling API */
    const char *queue; /* borrowed, not NUL-terminated; NULL: none */
    size_t queue_size;
    enum sim_verb verb; /* fetch, mark or other */
    const char *query;  /* borrowed; after the "?"; NULL: none */
    size_t query_size;
};

struct sim_path sim_path_parse(const struct sim_settings *settings,
                               const char *path, size_t size);

#endif
