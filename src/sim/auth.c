/*
 * Checks the API key of a request, in the order in which the real server does:
 *   - An Authorization header other than "Basic " + base64(user + ":" + key)
 *     counts as no key: the request runs as the anonymous user.
 *   - A key shorter than 16 characters is invalid and never counted.
 *   - A throttled address is refused before its key is looked up. This does
 *     not count as another failure, so the 300 s run from the last counted
 *     one.
 *   - An unknown key is invalid and counts as a failure.
 *   - A known key clears the count, even if it belongs to another queue; it is
 *     then refused as invalid all the same.
 *   - Finally, the user of the key may be blocked.
 */
#include "sim/auth.h"

#include <string.h>

#include "sim/app.h"
#include "sim/encoding.h"
#include "sim/memory.h"
#include "sim/path.h"

#define KEY_SIZE_MIN 16 /* shorter keys are never looked up */

static struct sim_login_failures *throttle_find(struct sim_throttle *throttle,
                                                const char *address)
{
    for (size_t i = 0; i < throttle->count; i++) {
        if (strcmp(throttle->list[i].address, address) == 0) {
            return &throttle->list[i];
        }
    }
    return NULL;
}

static void throttle_count(struct sim_throttle *throttle, const char *address,
                           int64_t now_ms)
{
    struct sim_login_failures *failures = throttle_find(throttle, address);
    if (failures == NULL) {
        sim_reserve((void **)&throttle->list, &throttle->capacity,
                    throttle->count + 1, sizeof *throttle->list);
        failures = &throttle->list[throttle->count++];
        *failures = (struct sim_login_failures){0};
        strncpy(failures->address, address, sizeof failures->address - 1);
    }
    failures->count++;
    failures->last_ms = now_ms;
}

bool sim_throttle_is_on(const struct sim_login_failures *failures,
                        const struct sim_settings *settings, int64_t now_ms)
{
    return failures->count >= settings->throttle_after &&
           now_ms - failures->last_ms <= settings->throttle_ms;
}

/* Decodes the key into *key; false if the header does not have that form. */
static bool header_decode(const struct sim_app *app, const char *header,
                          size_t size, struct sim_buffer *key)
{
    static const char scheme[] = "Basic ";
    const char *user = app->settings.user;
    size_t user_size = strlen(user);
    if (header == NULL || size < sizeof scheme - 1 ||
        memcmp(header, scheme, sizeof scheme - 1) != 0) {
        return false;
    }
    if (!sim_base64_decode(key, header + sizeof scheme - 1,
                           size - (sizeof scheme - 1)) ||
        key->size <= user_size || memcmp(key->bytes, user, user_size) != 0 ||
        key->bytes[user_size] != ':') {
        return false;
    }
    sim_buffer_consume(key, user_size + 1);
    return true;
}

static bool key_fits_path(const struct sim_app *app, const struct sim_key *key,
                          const char *path, size_t path_size)
{
    if (key->queue[0] == '\0') {
        return true;
    }
    struct sim_path parts = sim_path_parse(&app->settings, path, path_size);
    return parts.queue != NULL && parts.queue_size == strlen(key->queue) &&
           memcmp(parts.queue, key->queue, parts.queue_size) == 0;
}

static struct sim_key *key_look_up(struct sim_app *app, const char *text,
                                   size_t size)
{
    struct sim_key *key = sim_table_find(&app->key_table, text, size);
    return key != NULL && key->status != SIM_KEY_REVOKED ? key : NULL;
}

/* Looks up the key, subject to the throttle of the server. */
static enum sim_auth_outcome auth_throttled(struct sim_app *app,
                                            const char *text, size_t size,
                                            const char *address, int64_t now_ms,
                                            struct sim_key **key)
{
    struct sim_throttle *throttle = &app->server->throttle;
    struct sim_login_failures *failures = throttle_find(throttle, address);
    const struct sim_settings *settings = &app->server->settings;
    if (failures != NULL) {
        if (sim_throttle_is_on(failures, settings, now_ms)) {
            app->throttled_count++;
            return SIM_AUTH_THROTTLED;
        }
        if (now_ms - failures->last_ms > settings->throttle_ms) {
            failures->count = 0;
        }
    }
    *key = key_look_up(app, text, size);
    if (*key == NULL) {
        app->login_failed_count++;
        throttle_count(throttle, address, now_ms);
        return SIM_AUTH_INVALID;
    }
    if (failures != NULL) {
        failures->count = 0;
    }
    return SIM_AUTH_OK;
}

enum sim_auth_outcome sim_auth_check(struct sim_app *app, const char *header,
                                     size_t header_size, const char *address,
                                     const char *path, size_t path_size,
                                     int64_t now_ms, struct sim_key **key)
{
    struct sim_buffer text = {0};
    enum sim_auth_outcome outcome = SIM_AUTH_INVALID;
    if (!header_decode(app, header, header_size, &text)) {
        sim_buffer_free(&text);
        return SIM_AUTH_ANONYMOUS;
    }
    if (text.size >= KEY_SIZE_MIN) {
        outcome =
            auth_throttled(app, text.bytes, text.size, address, now_ms, key);
    }
    sim_buffer_free(&text);
    if (outcome != SIM_AUTH_OK) {
        return outcome;
    }
    if (!key_fits_path(app, *key, path, path_size)) {
        return SIM_AUTH_INVALID;
    }
    return (*key)->status == SIM_KEY_BLOCKED ? SIM_AUTH_BLOCKED : SIM_AUTH_OK;
}
