#include "outlets/nats/nats_setup.h"

#include <string.h>

#include "outlets/nats/nats_url.h"

#define CONNECT_MS 5000
#define WRITE_MS 5000
#define PING_MS 10000
#define PINGS_OUT_MAX 2 /* a dead connection is noticed after 30 s */

/* Errors */

/* What libnats has said last on this thread says more than the status. It
 * begins with the place in its source: "(conn.c:733): ". */
static const char *detail_of(natsStatus status)
{
    const char *detail = nats_GetLastError(NULL);
    const char *end =
        detail != NULL && detail[0] == '(' ? strstr(detail, "): ") : NULL;

    if (detail == NULL || detail[0] == '\0') {
        return natsStatus_GetText(status);
    }
    return end != NULL ? end + 3 : detail;
}

int nats_fail(struct reason *why, const char *what, const char *on,
              natsStatus status)
{
    const char *detail = detail_of(status);

    return reason_set(why,
                      status == NATS_NO_MEMORY ? HAPLO_ENOMEM : HAPLO_ECONNECT,
                      "%s: %s: %s", on, what, detail);
}

/* Options */

static natsStatus login_set(natsOptions *to, const struct nats_options *options,
                            const char *password, const char *token)
{
    if (options->credentials_file != NULL) {
        return natsOptions_SetUserCredentialsFromFiles(
            to, options->credentials_file, NULL);
    }
    if (options->nkey != NULL) {
        return natsOptions_SetNKeyFromSeed(to, options->nkey,
                                           options->nkey_seed_file);
    }
    if (token != NULL) {
        return natsOptions_SetToken(to, token);
    }
    return options->user != NULL
               ? natsOptions_SetUserInfo(to, options->user, password)
               : NATS_OK;
}

/* Secrets are read for each connection, so that new ones are used. */
static int secrets_set(natsOptions *to, const struct nats_options *options,
                       struct reason *why)
{
    struct secret password;
    struct secret token;
    natsStatus status;
    int result;

    secret_init(&password, &options->password, "password");
    secret_init(&token, &options->token, "token");
    result = secret_read(&password, why);
    if (result == 0) {
        result = secret_read(&token, why);
    }
    if (result == 0) {
        status = login_set(to, options, password.revealed, token.revealed);
        result = status == NATS_OK ? 0
                                   : nats_fail(why, "the login cannot be used",
                                               "NATS", status);
    }
    secret_free(&password);
    secret_free(&token);
    return result;
}

static natsStatus tls_set(natsOptions *to, const struct nats_options *options,
                          const struct nats_url *url)
{
    /* Also where the server asks for TLS by itself. */
    natsStatus status = natsOptions_SetExpectedHostname(to, url->host);

    if (status == NATS_OK && options->tls_ca_file != NULL) {
        status =
            natsOptions_LoadCATrustedCertificates(to, options->tls_ca_file);
    }
    if (status == NATS_OK && options->tls_certificate != NULL) {
        status = natsOptions_LoadCertificatesChain(to, options->tls_certificate,
                                                   options->tls_key);
    }
    if (status == NATS_OK && (url->is_tls || options->has_tls)) {
        status = natsOptions_SetSecure(to, true);
    }
    return status;
}

static natsStatus basics_set(natsOptions *to, const char *url)
{
    natsStatus status = natsOptions_SetURL(to, url);

#define SET(call) status = status == NATS_OK ? (call) : status
    SET(natsOptions_SetName(to, "haplo-poll"));
    SET(natsOptions_SetAllowReconnect(to, false));
    SET(natsOptions_SetIgnoreDiscoveredServers(to, true));
    SET(natsOptions_SetTimeout(to, CONNECT_MS));
    SET(natsOptions_SetWriteDeadline(to, WRITE_MS));
    SET(natsOptions_SetPingInterval(to, PING_MS));
    SET(natsOptions_SetMaxPingsOut(to, PINGS_OUT_MAX));
#undef SET
    return status;
}

/* All but the URL, which is set already. */
static int server_set(natsOptions *to, const struct nats_options *options,
                      const char *text, struct reason *why)
{
    struct nats_url url;
    natsStatus status;

    if (nats_url_read(&url, text, why) != 0 ||
        secrets_set(to, options, why) != 0) {
        return HAPLO_EINVAL;
    }
    status = tls_set(to, options, &url);
    return status == NATS_OK
               ? 0
               : nats_fail(why, "the TLS files cannot be used", text, status);
}

int nats_setup_new(natsOptions **out, const struct nats_options *options,
                   const char *url, struct reason *why)
{
    natsStatus status = natsOptions_Create(out);

    if (status != NATS_OK) {
        *out = NULL;
        return nats_fail(why, "the library cannot be used", "NATS", status);
    }
    status = basics_set(*out, url);
    return status == NATS_OK
               ? server_set(*out, options, url, why)
               : nats_fail(why, "the URL cannot be used", url, status);
}
