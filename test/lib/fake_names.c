#include "fake_names.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESSES_MAX 4

struct fake_address {
    struct addrinfo info;          /* what the caller gets */
    struct sockaddr_storage bound; /* what info points to */
};

atomic_uint names_asked;
_Atomic(int) names_error;
uv_sem_t *_Atomic names_gate;

static const char *addresses[ADDRESSES_MAX]; /* up to NULL */

/* libuv finds these before libc's. */
#define EXPORTED __attribute__((visibility("default")))

EXPORTED void freeaddrinfo(struct addrinfo *info)
{
    while (info != NULL) {
        struct addrinfo *next = info->ai_next;
        free(info);
        info = next;
    }
}

static struct addrinfo *address_make(const char *text)
{
    struct fake_address *address = calloc(1, sizeof *address);
    if (address == NULL) {
        return NULL;
    }
    bool is_6 = strchr(text, ':') != NULL;
    if (is_6) {
        uv_ip6_addr(text, 0, (void *)&address->bound);
    } else {
        uv_ip4_addr(text, 0, (void *)&address->bound);
    }
    address->info.ai_family = is_6 ? AF_INET6 : AF_INET;
    address->info.ai_socktype = SOCK_STREAM;
    address->info.ai_addrlen =
        is_6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    address->info.ai_addr = (struct sockaddr *)(void *)&address->bound;
    return &address->info;
}

EXPORTED int getaddrinfo(const char *restrict host,
                         const char *restrict service,
                         const struct addrinfo *restrict hints,
                         struct addrinfo **restrict result)
{
    struct addrinfo **last = result;
    uv_sem_t *gate = atomic_load(&names_gate);
    int error = atomic_load(&names_error);
    (void)hints;
    *result = NULL;
    atomic_fetch_add(&names_asked, 1);
    if (gate != NULL) {
        uv_sem_wait(gate);
    }
    if (error == 0 && service != NULL && strcmp(host, "localhost") == 0) {
        *result = address_make("127.0.0.1");
        if (*result != NULL) {
            ((struct sockaddr_in *)(void *)(*result)->ai_addr)->sin_port =
                htons((uint16_t)atoi(service));
        }
        return *result != NULL ? 0 : EAI_MEMORY;
    }
    if (error != 0 || strstr(host, ".test") == NULL) {
        return error != 0 ? error : EAI_NONAME;
    }
    for (unsigned i = 0; addresses[i] != NULL; i++) {
        *last = address_make(addresses[i]);
        if (*last == NULL) {
            freeaddrinfo(*result);
            return EAI_MEMORY;
        }
        last = &(*last)->ai_next;
    }
    return 0;
}

void names_set(const char *first, const char *second, const char *third)
{
    atomic_store(&names_asked, 0);
    atomic_store(&names_error, 0);
    atomic_store(&names_gate, NULL);
    addresses[0] = first;
    addresses[1] = second;
    addresses[2] = third;
}
