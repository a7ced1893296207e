#include "poller/credentials.h"

#include <string.h>

#define TEXT_OF(x) #x
#define VERSION_OF(major, minor, patch) \
    TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(patch)

/* Prepared once: libcurl would format it again for each request. */
static char user_agent[] = "User-Agent: haplo-poll/" VERSION_OF(
    HAPLO_VERSION_MAJOR, HAPLO_VERSION_MINOR, HAPLO_VERSION_PATCH);

static char cache_control[] = "Cache-Control: no-cache";

static char content_type[] = "Content-Type: application/x-www-form-urlencoded";

/* Writes 4 characters for every 3 bytes, and a NUL. */
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
        *to++ = left > 1 ? digits[(b & 15) << 2 | c >> 6] : '=';
        *to++ = left > 2 ? digits[c & 63] : '=';
    }
    *to = '\0';
}

void credentials_set(struct credentials *credentials, const char *user,
                     const char *api_key)
{
    char login[CREDENTIALS_LOGIN_SIZE_MAX + 1];
    char *authorization = credentials->authorization;
    size_t size =
        (size_t)(stpcpy(stpcpy(stpcpy(login, user), ":"), api_key) - login);
    base64_write(stpcpy(authorization, CREDENTIALS_PREFIX), login, size);
    explicit_bzero(login, size);
    credentials->headers[0].data = authorization;
    credentials->headers[0].next = &credentials->headers[1];
    credentials->headers[1].data = user_agent;
    credentials->headers[1].next = NULL;
    credentials->fetch.data = cache_control;
    credentials->fetch.next = &credentials->headers[0];
    credentials->form.data = content_type;
    credentials->form.next = &credentials->headers[0];
}

void credentials_wipe(struct credentials *credentials)
{
    explicit_bzero(credentials->authorization,
                   strlen(credentials->authorization));
}
