/*
 * auth.h - API keys, and the throttle for failed logins. Pure.
 */
#ifndef SIM_AUTH_H
#define SIM_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/settings.h"

#define SIM_KEY_SIZE 44      /* characters of a generated key */
#define SIM_KEY_TEXT_MAX 200 /* characters of a key from a script */

enum sim_key_status {
    SIM_KEY_GOOD,
    SIM_KEY_BLOCKED,     /* its user is blocked: UNAUTHORISED */
    SIM_KEY_UNPERMITTED, /* its user lacks the group: 200 HTML */
    SIM_KEY_REVOKED,     /* deleted: INVALID-API-KEY */
};

struct sim_key {
    char text[SIM_KEY_TEXT_MAX + 1]; /* the secret itself */
    char queue[SIM_NAME_SIZE];       /* the only one it opens; "": all */
    int status;                      /* enum sim_key_status */
    bool stored;                     /* the key file is up to date */
};

struct sim_login_failures {
    char address[64]; /* of the client */
    uint64_t count;   /* failed logins counted */
    int64_t last_ms;  /* time of the last one */
};

/* Failed logins by client address, for all applications on one port. */
struct sim_throttle {
    struct sim_login_failures *list; /* owned */
    size_t count;
    size_t capacity;
};

enum sim_auth_outcome {
    SIM_AUTH_OK,
    SIM_AUTH_ANONYMOUS, /* no key: never counted as a failure */
    SIM_AUTH_INVALID,
    SIM_AUTH_BLOCKED,
    SIM_AUTH_THROTTLED,
};

struct sim_app;

/* Checks an Authorization header (NULL: none) for a request path. Sets *key if
 * the outcome is OK. */
enum sim_auth_outcome sim_auth_check(struct sim_app *app, const char *header,
                                     size_t header_size, const char *address,
                                     const char *path, size_t path_size,
                                     int64_t now_ms, struct sim_key **key);

/* Is this address throttled now? */
bool sim_throttle_is_on(const struct sim_login_failures *failures,
                        const struct sim_settings *settings, int64_t now_ms);

#endif
