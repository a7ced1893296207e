#include "daemon/text/source_secret.h"

#include <string.h>
#include <strings.h>

#include "base/key_shape.h"
#include "haplopoll.h"

static bool is_of_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* The size of the word that begins here: a name or an API key. */
static size_t word_size(const char *text)
{
    size_t size = 0;
    while (is_of_word(text[size])) {
        size++;
    }
    return size;
}

/* True unless this is within a word. */
static bool is_start(const char *from, const char *at)
{
    return at == from || !is_of_word(at[-1]);
}

static bool ends_in(const char *word, size_t size, const char *end)
{
    size_t end_size = strlen(end);
    return size >= end_size &&
           strncasecmp(word + size - end_size, end, end_size) == 0;
}

static bool contains(const char *word, size_t size, const char *part)
{
    size_t part_size = strlen(part);
    for (size_t i = 0; i + part_size <= size; i++) {
        if (strncasecmp(word + i, part, part_size) == 0) {
            return true;
        }
    }
    return false;
}

/* True for the name of an option whose value may be a secret, or that somebody
 * may have made up for one: "password", but not "password_file". */
static bool is_secret_name(const char *word, size_t size)
{
    static const char *const parts[] = {
        "password", "passwd", "passphrase",    "secret",   "token",  "api_key",
        "apikey",   "bearer", "authorization", "conninfo", "headers"};
    static const char *const places[] = {"_file",    "_env",     "_credential",
                                         "_pointer", "_pattern", "_field",
                                         "_command"};
    bool is_secret = false;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        is_secret = is_secret || contains(word, size, parts[i]);
    }
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        is_secret = is_secret && !ends_in(word, size, places[i]);
    }
    return is_secret;
}

/* The size of the separator behind a name that has a value: of ": " or "=";
 * 0: it has none. */
static size_t separator_size(const char *text)
{
    const char *at = text + strspn(text, "\"' ");
    return *at == ':' || *at == '=' ? (size_t)(at - text) + 1 : 0;
}

static bool is_key_like(const char *word, size_t size)
{
    char copy[HAPLO_KEY_SIZE_MAX + 1];
    if (size >= sizeof copy) {
        return true; /* whatever it is, it is too long for a word */
    }
    memcpy(copy, word, size);
    copy[size] = '\0';
    return api_key_is_like(copy);
}

/* The size of the user and password that begin here, in front of an @ and
 * behind "://", which somebody may have forgotten. */
static size_t user_info_size(const char *from, const char *at)
{
    bool is_behind_scheme = at - from >= 3 && strncmp(at - 3, "://", 3) == 0;
    bool is_first = at == from || strchr(" \t\"'[{,", at[-1]) != NULL;
    size_t size = strcspn(at, "@ \t\"'");
    if (at[size] != '@' || (!is_behind_scheme && !is_first)) {
        return 0;
    }
    const char *scheme = strstr(at, "://");
    return scheme != NULL && scheme < at + size ? 0 : size;
}

/* The size of the query of a URL that begins here, behind its question mark:
 * many services take a token there. */
static size_t query_size(const char *from, const char *at)
{
    if (at == from || at[-1] != '?') {
        return 0;
    }
    for (const char *c = at; c - from >= 3; c--) {
        if (strncmp(c - 3, "://", 3) == 0) {
            return strcspn(at, " \t\"'");
        }
        if (strchr(" \t\"'", c[-1]) != NULL) {
            break;
        }
    }
    return 0;
}

size_t source_secret_size(const char *from, const char *at)
{
    size_t size = user_info_size(from, at);
    size = size > 0 ? size : query_size(from, at);
    if (size > 0 || !is_start(from, at)) {
        return size;
    }
    size = word_size(at);
    return size > 0 && is_key_like(at, size) ? size : 0;
}

const char *source_secret_value(const char *from, const char *at)
{
    size_t size = is_start(from, at) ? word_size(at) : 0;
    size_t separator = size > 0 ? separator_size(at + size) : 0;
    if (separator == 0 || !is_secret_name(at, size)) {
        return NULL;
    }
    const char *value = at + size + separator;
    return value + strspn(value, " \t");
}

bool source_secret_is_in(const char *line)
{
    for (const char *at = line; *at != '\0';) {
        if (source_secret_value(line, at) != NULL) {
            return true;
        }
        size_t size = word_size(at);
        at += size > 0 ? size : 1;
    }
    return false;
}
