#include "http/place.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <strings.h>

#include "base/alloc.h"
#include "haplopoll.h"

/* localhost is never asked for, as RFC 6761 wants it and libcurl has it: some
 * machines do not know it. */
static bool is_known(const char *host)
{
    struct in_addr address;
    return host[0] == '[' || inet_pton(AF_INET, host, &address) == 1 ||
           strcasecmp(host, "localhost") == 0;
}

int place_read(struct place *place, CURLU *url, unsigned port_default)
{
    char *host = NULL;
    char *port = NULL;
    /* Punycode, as libcurl looks for the pinned name in that form. */
    CURLUcode code = curl_url_get(url, CURLUPART_HOST, &host, CURLU_PUNYCODE);
    if (code != CURLUE_OK) {
        return code == CURLUE_OUT_OF_MEMORY ? HAPLO_ENOMEM : HAPLO_EINVAL;
    }
    code = curl_url_get(url, CURLUPART_PORT, &port, 0);
    if (code != CURLUE_OK && code != CURLUE_NO_PORT) {
        curl_free(host);
        return HAPLO_ENOMEM;
    }
    place->port =
        port != NULL ? (unsigned)strtoul(port, NULL, 10) : port_default;
    place->is_known = is_known(host);
    place->host = alloc_string(host);
    curl_free(host);
    curl_free(port);
    return place->host != NULL ? 0 : HAPLO_ENOMEM;
}

void place_clear(struct place *place)
{
    alloc_free(place->host);
    place->host = NULL;
}

bool place_is_loopback(const struct place *place)
{
    struct in_addr address;
    if (strcasecmp(place->host, "localhost") == 0 ||
        strcasecmp(place->host, "[::1]") == 0) {
        return true;
    }
    return inet_pton(AF_INET, place->host, &address) == 1 &&
           ntohl(address.s_addr) >> 24 == 127;
}
