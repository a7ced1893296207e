/*
 * path.h - the parts of a request path, undecoded: the server compares queue
 * names as they are sent, so %71 is not q.
 */
#ifndef SIM_PATH_H
#define SIM_PATH_H

#include <stdbool.h>
#include <stddef.h>

enum sim_verb { SIM_VERB_OTHER, SIM_VERB_FETCH, SIM_VERB_MARK };

struct sim_path {
    bool poll;          /* it is under the polling API */
    const char *queue;  /* borrowed, not NUL-terminated; NULL: none */
    size_t queue_size;  /* */
    enum sim_verb verb; /* OTHER when it is neither fetch nor mark */
    const char *query;  /* borrowed; past the question mark */
    size_t query_size;  /* */
};

struct sim_path sim_path_parse(const char *path, size_t size);

#endif
