#include "http/host.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "haplopoll.h"

/* localhost, and any name that ends in .localhost. */
static bool is_localhost(const char *name)
{
    static const char suffix[] = ".localhost";
    size_t size = strlen(name);
    return strcasecmp(name, suffix + 1) == 0 ||
           (size >= sizeof suffix &&
            strcasecmp(name + size - (sizeof suffix - 1), suffix) == 0);
}

static bool is_address(const char *name)
{
    struct in_addr address;
    return name[0] == '[' || inet_pton(AF_INET, name, &address) == 1;
}

int host_read(struct host *host, CURLU *url, unsigned port_default)
{
    char *name = NULL;
    char *port = NULL;
    /* Punycode, because libcurl looks for the pinned name in that form. */
    CURLUcode code = curl_url_get(url, CURLUPART_HOST, &name, CURLU_PUNYCODE);
    if (code != CURLUE_OK) {
        return code == CURLUE_OUT_OF_MEMORY ? HAPLO_ENOMEM : HAPLO_EINVAL;
    }
    code = curl_url_get(url, CURLUPART_PORT, &port, 0);
    if (code != CURLUE_OK && code != CURLUE_NO_PORT) {
        curl_free(name);
        return HAPLO_ENOMEM;
    }
    host->port =
        port != NULL ? (unsigned)strtoul(port, NULL, 10) : port_default;
    /* localhost is never looked up, as RFC 6761 recommends and libcurl does:
     * some machines have no entry for it. */
    host->is_known = is_address(name) || is_localhost(name);
    host->name = alloc_string(name);
    curl_free(name);
    curl_free(port);
    return host->name != NULL ? 0 : HAPLO_ENOMEM;
}

void host_clear(struct host *host)
{
    alloc_free(host->name);
    host->name = NULL;
}

const char *host_known_addresses(const struct host *host)
{
    return !host->is_known          ? NULL
           : is_address(host->name) ? host->name
                                    : "127.0.0.1,[::1]";
}

bool host_is_loopback(const struct host *host)
{
    struct in_addr address;
    if (is_localhost(host->name) || strcasecmp(host->name, "[::1]") == 0) {
        return true;
    }
    return inet_pton(AF_INET, host->name, &address) == 1 &&
           ntohl(address.s_addr) >> 24 == 127;
}
