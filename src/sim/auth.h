/*
 * auth.h - API keys, and the throttle of failed logins. Pure.
 */
#ifndef SIM_AUTH_H
#define SIM_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/settings.h"

#define SIM_KEY_SIZE 44      /* characters of a key that the server makes */
#define SIM_KEY_TEXT_MAX 200 /* of a key given by script */

enum sim_key_status {
    SIM_KEY_GOOD,
    SIM_KEY_BLOCKED,     /* its user is blocked: UNAUTHORISED */
    SIM_KEY_UNPERMITTED, /* its user is not in the group: 200 HTML */
    SIM_KEY_REVOKED,     /* deleted: INVALID-API-KEY */
};

struct sim_key {
    char text[SIM_KEY_TEXT_MAX + 1]; /* */
    char queue[SIM_NAME_SIZE];       /* valid for its path; "": wide */
    int status;                      /* enum sim_key_status */
    bool stored;                     /* its file is up to date */
};

struct sim_login_failures {
    char address[64]; /* of the client */
    uint64_t count;   /* failures counted */
    int64_t last_ms;  /* the last of them */
};

/* Failed logins for each client address, over all applications of a server. */
struct sim_throttle {
    struct sim_login_failures *list; /* owned */
    size_t count;                    /* */
    size_t capacity;                 /* */
};

enum sim_auth_outcome {
    SIM_AUTH_OK,
    SIM_AUTH_ANONYMOUS, /* no key in the request: never counted */
    SIM_AUTH_INVALID,
    SIM_AUTH_BLOCKED,
    SIM_AUTH_THROTTLED,
};

struct sim_app;

/* Checks an Authorization header (NULL: none) for a request path. *key is set
 * when the outcome is OK. */
enum sim_auth_outcome sim_auth_check(struct sim_app *app, const char *header,
                                     size_t header_size, const char *address,
                                     const char *path, size_t path_size,
                                     int64_t now_ms, struct sim_key **key);

/* Is this address refused now? */
bool sim_throttle_is_on(const struct sim_login_failures *failures,
                        const struct sim_settings *settings, int64_t now_ms);

#endif
