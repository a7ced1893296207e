#include "outlets/webhook/webhook_verdict.h"

#include <string.h>

static enum outlet_verdict verdict_of_error(int error)
{
    switch (error) {
    case HAPLO_ERESOLVE:
    case HAPLO_ECONNECT:
    case HAPLO_EPROXY:
    case HAPLO_ETLS:
        return OUTLET_BROKEN;
    default:
        return OUTLET_RETRY;
    }
}

enum outlet_verdict webhook_verdict(const struct webhook_answer *answer)
{
    long status = answer->status;

    switch (status) {
    case 0:
        return verdict_of_error(answer->error);
    case 400:
    case 413:
    case 415:
    case 422:
        return OUTLET_REFUSED;
    case 401:
    case 403:
    case 404:
    case 405:
    case 410:
        return OUTLET_BROKEN;
    default:
        return status >= 200 && status <= 299   ? OUTLET_DELIVERED
               : status >= 300 && status <= 399 ? OUTLET_BROKEN
                                                : OUTLET_RETRY;
    }
}

/* What to do about a broken destination; "" where the response says it. */
static const char *advice_for(long status)
{
    switch (status) {
    case 401:
    case 403:
        return ": check user, password, token and signing_secret";
    case 404:
    case 410:
        return ": check the path of url";
    case 405:
        return ": check that the path of url accepts POST";
    default:
        return "";
    }
}

/* The size of scheme and host: what follows may contain a secret, as in url. */
static int origin_size(const char *location)
{
    size_t size = strcspn(location, ":/?#");

    if (strncmp(location + size, "://", 3) == 0) {
        size += 3 + strcspn(location + size + 3, "/?#");
    }
    return (int)size;
}

static void redirect_explain(const struct webhook_answer *answer,
                             const char *origin, struct reason *why)
{
    if (answer->location == NULL) {
        (void)reason_set(why, 0,
                         "%s: status %ld without a Location: check url%s",
                         origin, answer->status, answer->quote);
        return;
    }
    (void)reason_set(why, 0,
                     "%s: redirects (%ld) to %.*s/...; redirects are not "
                     "followed: set url to where messages belong",
                     origin, answer->status, origin_size(answer->location),
                     answer->location);
}

void webhook_explain(const struct webhook_answer *answer, const char *origin,
                     struct reason *why)
{
    if (answer->status == 0) {
        (void)reason_set(why, 0, "%s: %s", origin, answer->text);
    } else if (answer->status >= 300 && answer->status <= 399) {
        redirect_explain(answer, origin, why);
    } else {
        (void)reason_set(why, 0, "%s: status %ld%s%s", origin, answer->status,
                         answer->quote, advice_for(answer->status));
    }
}
