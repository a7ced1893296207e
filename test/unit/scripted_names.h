/*
 * scripted_names.h - getaddrinfo() as the test wants it: names that end in
 * ".test", and no others, stand for the addresses that the test has set.
 * libuv calls it from its threads.
 */
#ifndef TEST_SCRIPTED_NAMES_H
#define TEST_SCRIPTED_NAMES_H

#include <arpa/inet.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define NAMES_ADDRESSES_MAX 4

struct scripted_address {
    struct addrinfo info;          /* */
    struct sockaddr_storage bound; /* what info points to */
};

static atomic_uint names_asked;                          /* look-ups begun */
static _Atomic(int) names_error;                         /* EAI_*; 0: none */
static const char *names_addresses[NAMES_ADDRESSES_MAX]; /* up to NULL */
static uv_sem_t *_Atomic names_gate; /* not NULL: a look-up waits for it */

#define NAMES_EXPORTED __attribute__((visibility("default")))

NAMES_EXPORTED void freeaddrinfo(struct addrinfo *info)
{
    while (info != NULL) {
        struct addrinfo *next = info->ai_next;
        free(info);
        info = next;
    }
}

NAMES_EXPORTED int getaddrinfo(const char *restrict host,
                               const char *restrict service,
                               const struct addrinfo *restrict hints,
                               struct addrinfo **restrict result)
{
    struct addrinfo **last = result;
    uv_sem_t *gate = atomic_load(&names_gate);
    int error = atomic_load(&names_error);
    (void)service;
    (void)hints;
    *result = NULL;
    atomic_fetch_add(&names_asked, 1);
    if (gate != NULL) {
        uv_sem_wait(gate);
    }
    if (error != 0 || strstr(host, ".test") == NULL) {
        return error != 0 ? error : EAI_NONAME;
    }
    for (unsigned i = 0; names_addresses[i] != NULL; i++) {
        struct scripted_address *address = calloc(1, sizeof *address);
        if (address == NULL) {
            freeaddrinfo(*result);
            return EAI_MEMORY;
        }
        bool is_6 = strchr(names_addresses[i], ':') != NULL;
        if (is_6) {
            uv_ip6_addr(names_addresses[i], 0, (void *)&address->bound);
        } else {
            uv_ip4_addr(names_addresses[i], 0, (void *)&address->bound);
        }
        address->info.ai_family = is_6 ? AF_INET6 : AF_INET;
        address->info.ai_socktype = SOCK_STREAM;
        address->info.ai_addrlen =
            is_6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
        address->info.ai_addr = (struct sockaddr *)(void *)&address->bound;
        *last = &address->info;
        last = &address->info.ai_next;
    }
    return 0;
}

/* What each name stands for from now on. */
static inline void names_set(const char *first, const char *second,
                             const char *third)
{
    atomic_store(&names_asked, 0);
    atomic_store(&names_error, 0);
    atomic_store(&names_gate, NULL);
    names_addresses[0] = first;
    names_addresses[1] = second;
    names_addresses[2] = third;
}

#endif
