#include "poller/dialect.h"

#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"
#include "poller/options.h"
#include "poller/url_path.h"

#define UNRESERVED               \
    "abcdefghijklmnopqrstuvwxyz" \
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ" \
    "0123456789-._~"

static bool is_given(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static const char *or_default(const char *text, const char *fallback)
{
    return is_given(text) ? text : fallback;
}

void dialect_defaults(struct haplo_server_options *options)
{
    options->fetch_path = or_default(options->fetch_path, DIALECT_FETCH_PATH);
    options->mark_path = or_default(options->mark_path, DIALECT_MARK_PATH);
    options->user = or_default(options->user, DIALECT_USER);
    options->token_field =
        or_default(options->token_field, DIALECT_TOKEN_FIELD);
}

/* Checks */

static int path_check(const char *path, struct reason *why)
{
    return is_given(path) ? url_template_check(path, why)
                          : reason_set(why, HAPLO_EINVAL,
                                       "it is empty: write it like "
                                       "/poll/{queue}/fetch");
}

/* RFC 7617, 2: the colon ends the user. */
static int user_check(const char *user, struct reason *why)
{
    size_t size = user != NULL ? strlen(user) : 0;
    if (size == 0 || size > HAPLO_USER_SIZE_MAX) {
        return reason_set(why, HAPLO_EINVAL,
                          "a user has 1 to %d characters: write it as the "
                          "server expects it",
                          HAPLO_USER_SIZE_MAX);
    }
    for (size_t i = 0; i < size; i++) {
        if (user[i] <= ' ' || user[i] >= 0x7f || user[i] == ':') {
            return reason_set(why, HAPLO_EINVAL,
                              "it has a colon, a space or another character "
                              "that a user cannot have: give the user alone, "
                              "without a password");
        }
    }
    return 0;
}

/* Nothing in it needs encoding. */
static int field_check(const char *field, struct reason *why)
{
    size_t size = field != NULL ? strlen(field) : 0;
    if (size > 0 && size <= HAPLO_FIELD_SIZE_MAX &&
        strspn(field, UNRESERVED) == size) {
        return 0;
    }
    return reason_set(why, HAPLO_EINVAL,
                      "a field has 1 to %d letters, digits and characters of "
                      "-._~: write the name without \"=\"",
                      HAPLO_FIELD_SIZE_MAX);
}

int dialect_check(const struct haplo_server_options *options,
                  struct reason *why)
{
    const struct {
        const char *option;
        const char *value;
        int (*check)(const char *, struct reason *);
    } texts[] = {
        {"fetch_path", options->fetch_path, path_check},
        {"mark_path", options->mark_path, path_check},
        {"user", options->user, user_check},
        {"token_field", options->token_field, field_check},
    };
    struct reason reason;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (texts[i].check(texts[i].value, &reason) != 0) {
            return reason_set(why, HAPLO_EINVAL, "%s: %s", texts[i].option,
                              reason.text);
        }
    }
    return 0;
}

static int public_check(int (*check)(const char *, struct reason *),
                        const char *text, char *why, size_t why_size)
{
    struct reason reason;
    return options_explain(check(text, &reason), why, why_size, &reason);
}

int haplo_path_check(const char *path, char *why, size_t why_size)
{
    return public_check(path_check, path, why, why_size);
}

int haplo_user_check(const char *user, char *why, size_t why_size)
{
    return public_check(user_check, user, why, why_size);
}

int haplo_field_check(const char *field, char *why, size_t why_size)
{
    return public_check(field_check, field, why, why_size);
}

/* Copies */

static size_t origin_size(const char *url)
{
    const char *host = strstr(url, "://") + 3;
    return (size_t)(host - url) + strcspn(host, "/");
}

/* Appends bytes and a NUL. Returns where they are. */
static const char *text_add(char **end, const char *text, size_t size)
{
    char *start = *end;
    memcpy(start, text, size);
    start[size] = '\0';
    *end = start + size + 1;
    return start;
}

static void path_add(char **end, struct dialect_path *path, const char *prefix,
                     const char *template)
{
    size_t prefix_size = strlen(prefix);
    const char *queue = strstr(template, URL_PATH_QUEUE);
    const char *tail = queue + strlen(URL_PATH_QUEUE);
    /* The template begins with a slash, so that at the end is one too many. */
    prefix_size -= prefix_size > 0 && prefix[prefix_size - 1] == '/';
    path->head = *end;
    memcpy(*end, prefix, prefix_size);
    *end += prefix_size;
    text_add(end, template, (size_t)(queue - template));
    path->tail = text_add(end, tail, strlen(tail));
}

int dialect_init(struct dialect *dialect,
                 const struct haplo_server_options *options)
{
    size_t url_size = strlen(options->url);
    size_t size = 3 * url_size + strlen(options->fetch_path) +
                  strlen(options->mark_path) + strlen(options->user) +
                  strlen(options->token_field) + 8;
    char *end = alloc_bytes(size);
    if (end == NULL) {
        return HAPLO_ENOMEM;
    }
    const char *prefix = options->url + origin_size(options->url);
    dialect->origin = end;
    text_add(&end, options->url, (size_t)(prefix - options->url));
    path_add(&end, &dialect->fetch, prefix, options->fetch_path);
    path_add(&end, &dialect->mark, prefix, options->mark_path);
    dialect->user = text_add(&end, options->user, strlen(options->user));
    dialect->token_field =
        text_add(&end, options->token_field, strlen(options->token_field));
    return 0;
}

void dialect_free(struct dialect *dialect)
{
    alloc_free(dialect->origin);
    dialect->origin = NULL;
}

void dialect_path_write(char *to, const struct dialect_path *path,
                        const char *name)
{
    strcpy(stpcpy(stpcpy(to, path->head), name), path->tail);
}
