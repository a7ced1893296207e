/*
 * responses.h - the responses of a Haplo server, byte for byte: status lines,
 * headers in its order, JSON and pages.
 */
#ifndef SIM_RESPONSES_H
#define SIM_RESPONSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/auth.h"
#include "sim/buffer.h"

#define SIM_COOKIE_SIZE 32 /* characters of a session cookie */

struct sim_response {
    int status; /* HTTP status */
    const char *content_type;
    const char *file_name;            /* Content-Disposition; NULL: none */
    const char *file_suffix;          /* appended to file_name */
    bool cache_control;               /* send Cache-Control */
    bool frame_options;               /* send X-Frame-Options */
    char cookie[SIM_COOKIE_SIZE + 1]; /* "": none */
    bool cookie_secure;               /* with the Secure attribute */
    char location[1024];              /* "": none */
    const char *retry_after;          /* NULL: none */
    int64_t length_off_by;            /* added to Content-Length */
    bool no_body;                     /* headers only, for HEAD */
    struct sim_buffer body;           /* owned */
};

struct sim_response_how {
    bool gzip;              /* enabled, and the client accepts it */
    uint64_t chunked_bytes; /* bodies of this size and more are chunked */
    bool close;             /* send Connection: close */
};

void sim_response_free(struct sim_response *response);

/* Each of these fills an empty response. */
void sim_response_simple(struct sim_response *response, int status,
                         const char *content_type);
void sim_response_error_page(struct sim_response *response, const char *text);
void sim_response_no_application(struct sim_response *response, bool known);
void sim_response_not_found(struct sim_response *response);
void sim_response_method(struct sim_response *response, const char *method);
void sim_response_bad_path(struct sim_response *response);
void sim_response_exception(struct sim_response *response);
void sim_response_internal(struct sim_response *response);
void sim_response_redirect(struct sim_response *response, const char *base,
                           const char *path, size_t path_size);

/* For a refused GET: JSON, or a page before 2020-05. */
void sim_response_refused(struct sim_response *response,
                          enum sim_auth_outcome outcome, bool json);

/* For a refused POST: always a page, which also starts a session. */
void sim_response_refused_post(struct sim_response *response,
                               const char *cookie, bool secure);

/* Appends the status line, headers and body. */
void sim_response_write(const struct sim_response *response,
                        const struct sim_response_how *how,
                        struct sim_buffer *to);

#endif
