#include "io/credentials.h"

#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "haplopoll.h"

#define USER "haplo:"
#define PREFIX "Authorization: Basic "

#define TEXT_OF(x) #x
#define VERSION_OF(major, minor, patch) \
    TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(patch)

/* Ready-made, too: libcurl would print it anew for each request. */
#define USER_AGENT                        \
    "User-Agent: haplo-poll/" VERSION_OF( \
        HAPLO_VERSION_MAJOR, HAPLO_VERSION_MINOR, HAPLO_VERSION_PATCH)

/* Writes 4 characters for each 3 bytes, and NUL. */
static void base64_write(char *to, const char *from, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        unsigned a = (unsigned char)from[i];
        unsigned b = left > 1 ? (unsigned char)from[i + 1] : 0;
        unsigned c = left > 2 ? (unsigned char)from[i + 2] : 0;
        *to++ = digits[a >> 2];
        *to++ = digits[(a & 3) << 4 | b >> 4];
        *to++ = '=';
        *to++ = '=';
        if (left > 1) {
            to[-2] = digits[(b & 15) << 2 | c >> 6];
        }
        if (left > 2) {
            to[-1] = digits[c & 63];
        }
    }
    *to = '\0';
}

static void wipe_free(char *text, size_t size)
{
    if (text != NULL) {
        explicit_bzero(text, size);
        alloc_free(text);
    }
}

/* As curl_slist_append(), but nothing is lost on failure. */
static struct curl_slist *append(struct curl_slist *headers, const char *header)
{
    struct curl_slist *longer = curl_slist_append(headers, header);
    if (longer == NULL) {
        credentials_free(headers);
    }
    return longer;
}

struct curl_slist *credentials_new(const char *api_key)
{
    size_t login_size = strlen(USER) + strlen(api_key);
    size_t header_size = strlen(PREFIX) + (login_size + 2) / 3 * 4 + 1;
    struct curl_slist *headers = NULL;
    char *login = alloc_bytes(login_size + 1);
    char *header = alloc_bytes(header_size);
    if (login != NULL && header != NULL) {
        (void)snprintf(login, login_size + 1, USER "%s", api_key);
        memcpy(header, PREFIX, sizeof PREFIX);
        base64_write(header + strlen(PREFIX), login, login_size);
        headers = append(NULL, header);
        if (headers != NULL) {
            headers = append(headers, USER_AGENT);
        }
    }
    wipe_free(login, login_size + 1);
    wipe_free(header, header_size);
    return headers;
}

void credentials_free(struct curl_slist *headers)
{
    for (struct curl_slist *header = headers; header != NULL;
         header = header->next) {
        explicit_bzero(header->data, strlen(header->data));
    }
    curl_slist_free_all(headers);
}
