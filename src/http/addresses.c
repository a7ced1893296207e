#include "http/addresses.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "base/alloc.h"
#include "haplopoll.h"

#define ADDRESSES_MAX 16 /* of one name */
#define PIN_SIZE_MAX (HAPLO_URL_SIZE_MAX + 16 + ADDRESSES_MAX * 50)

struct addresses *addresses_hold(struct addresses *addresses)
{
    addresses->reference_count++;
    return addresses;
}

void addresses_release(struct addresses *addresses)
{
    if (addresses == NULL || --addresses->reference_count != 0) {
        return;
    }
    curl_slist_free_all(addresses->pin);
    alloc_free(addresses);
}

/* Appends "ADDRESS," as libcurl wants it; false if it does not fit. */
static bool pin_append(char *pin, size_t *size, const struct addrinfo *info)
{
    char name[INET6_ADDRSTRLEN] = "";
    bool is_6 = info->ai_family == AF_INET6;
    int error =
        is_6 ? uv_ip6_name((const void *)info->ai_addr, name, sizeof name)
             : uv_ip4_name((const void *)info->ai_addr, name, sizeof name);
    if (error != 0) {
        return false;
    }
    int written = snprintf(pin + *size, PIN_SIZE_MAX - *size,
                           is_6 ? "[%s]," : "%s,", name);
    if (written < 0 || (size_t)written >= PIN_SIZE_MAX - *size) {
        return false;
    }
    *size += (size_t)written;
    return true;
}

/* Writes "HOST:PORT:ADDRESS,ADDRESS"; returns how many addresses. */
static unsigned pin_print(char *pin, const char *name,
                          const struct addrinfo *info)
{
    unsigned count = 0;
    int written = snprintf(pin, PIN_SIZE_MAX, "%s:", name);
    if (written < 0 || written >= PIN_SIZE_MAX) {
        return 0;
    }
    size_t size = (size_t)written;
    for (; info != NULL && count < ADDRESSES_MAX; info = info->ai_next) {
        if (info->ai_family != AF_INET && info->ai_family != AF_INET6) {
            continue;
        }
        if (!pin_append(pin, &size, info)) {
            break;
        }
        count++;
    }
    pin[size - 1] = '\0'; /* the last comma, or colon */
    return count;
}

int addresses_read(struct addresses **result, const char *name,
                   const struct addrinfo *info)
{
    char pin[PIN_SIZE_MAX];
    unsigned count = pin_print(pin, name, info);
    if (count == 0) {
        return UV_EAI_NODATA;
    }
    struct addresses *addresses = alloc_zeroed(1, sizeof *addresses);
    if (addresses == NULL) {
        return UV_ENOMEM;
    }
    addresses->reference_count = 1;
    addresses->count = count;
    addresses->pin = curl_slist_append(NULL, pin);
    if (addresses->pin == NULL) {
        alloc_free(addresses);
        return UV_ENOMEM;
    }
    addresses->list = addresses->pin->data + strlen(name) + 1;
    *result = addresses;
    return 0;
}

bool addresses_have(const struct addresses *addresses, const char *address)
{
    const char *at = addresses->list;
    size_t size = strlen(address);
    while (*at != '\0') {
        size_t own_size = strcspn(at, ",");
        size_t bracket = *at == '[';
        if (own_size - 2 * bracket == size &&
            memcmp(at + bracket, address, size) == 0) {
            return true;
        }
        at += own_size + (at[own_size] == ',');
    }
    return false;
}

bool addresses_are_same(const struct addresses *a, const struct addresses *b)
{
    return strcmp(a->list, b->list) == 0;
}
