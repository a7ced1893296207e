/* Preloaded, it makes each name look-up wait for a name server that never
 * answers. */
#include <netdb.h>
#include <unistd.h>

#define HOOK __attribute__((visibility("default")))

HOOK int getaddrinfo(const char *restrict name, const char *restrict service,
                     const struct addrinfo *restrict hints,
                     struct addrinfo **restrict result)
{
    (void)name;
    (void)service;
    (void)hints;
    (void)result;
    for (;;) {
        (void)pause();
    }
}
