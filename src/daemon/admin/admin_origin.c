#include "daemon/admin/admin_origin.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define HOST_SIZE_MAX 256

/* Copies the host without its port, and without brackets. False if it is not
 * one. */
static bool split_host(const char *header, char host[HOST_SIZE_MAX])
{
    size_t size = strcspn(header, ":");
    const char *rest = header + size;
    if (header[0] == '[') {
        header++;
        size = strcspn(header, "]");
        if (header[size] == '\0') {
            return false;
        }
        rest = header + size + 1;
    }
    if (size == 0 || size >= HOST_SIZE_MAX ||
        (rest[0] != '\0' && (rest[0] != ':' || strspn(rest + 1, "0123456789") !=
                                                   strlen(rest + 1)))) {
        return false;
    }
    memcpy(host, header, size);
    host[size] = '\0';
    return true;
}

static bool is_address(const char *host)
{
    unsigned char address[16];
    return inet_pton(AF_INET, host, address) == 1 ||
           inet_pton(AF_INET6, host, address) == 1;
}

bool admin_host_is_known(const char *header, const char *const *hosts)
{
    char host[HOST_SIZE_MAX];
    if (header == NULL || !split_host(header, host)) {
        return false;
    }
    if (is_address(host) || strcasecmp(host, "localhost") == 0) {
        return true;
    }
    for (; hosts != NULL && *hosts != NULL; hosts++) {
        if (strcasecmp(*hosts, host) == 0) {
            return true;
        }
    }
    return false;
}

bool admin_origin_is_foreign(const char *sec_fetch_site, const char *origin,
                             const char *host)
{
    if (sec_fetch_site != NULL && strcmp(sec_fetch_site, "same-origin") != 0 &&
        strcmp(sec_fetch_site, "none") != 0) {
        return true;
    }
    if (origin == NULL) {
        return false;
    }
    const char *authority = strstr(origin, "://");
    return authority == NULL || host == NULL ||
           strcasecmp(authority + 3, host) != 0;
}
