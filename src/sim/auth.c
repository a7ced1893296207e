/*
 * What happens to a request's key, in the server's order:
 *   - a header that is not exactly "Basic " + base64("haplo:" + key) is no key
 *     at all: the request is the anonymous user's.
 *   - a throttled address is refused before its key is looked at; this adds
 *     nothing to its count, so the 300 s run from the last counted failure.
 *   - an unknown key counts as a failure, unless it is shorter than 16: those
 *     are refused before the throttle.
 *   - a known one clears the count, even if it is another queue's key, which
 *     is then refused with the same words.
 *   - last, its user may be blocked.
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

/* Decodes the key of a header into *key; false when it is not in that form. */
static bool header_decode(const char *header, size_t size,
                          struct sim_buffer *key)
{
    static const char scheme[] = "Basic ";
    static const char user[] = "haplo:";
    if (header == NULL || size < sizeof scheme - 1 ||
        memcmp(header, scheme, sizeof scheme - 1) != 0) {
        return false;
    }
    if (!sim_base64_decode(key, header + sizeof scheme - 1,
                           size - (sizeof scheme - 1)) ||
        key->size < sizeof user - 1 ||
        memcmp(key->bytes, user, sizeof user - 1) != 0) {
        return false;
    }
    sim_buffer_consume(key, sizeof user - 1);
    return true;
}

static bool key_fits_path(const struct sim_key *key, const char *path,
                          size_t path_size)
{
    if (key->queue[0] == '\0') {
        return true;
    }
    struct sim_path parts = sim_path_parse(path, path_size);
    return parts.queue != NULL && parts.queue_size == strlen(key->queue) &&
           memcmp(parts.queue, key->queue, parts.queue_size) == 0;
}

static struct sim_key *key_look_up(struct sim_app *app, const char *text,
                                   size_t size)
{
    struct sim_key *key = sim_table_find(&app->key_table, text, size);
    return key != NULL && key->status != SIM_KEY_REVOKED ? key : NULL;
}

/* Looks the key up with the server's throttle around it. */
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
    if (!header_decode(header, header_size, &text)) {
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
    if (!key_fits_path(*key, path, path_size)) {
        return SIM_AUTH_INVALID;
    }
    return (*key)->status == SIM_KEY_BLOCKED ? SIM_AUTH_BLOCKED : SIM_AUTH_OK;
}
