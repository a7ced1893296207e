#include "outlets/name_template.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/reason.h"

#define VALUE_SIZE_MAX (3 * HAPLO_NAME_SIZE_MAX + 1) /* all mapped */
#define VALUE_LENGTH_MIN 64 /* a template must leave each value this much */
#define HASH_LENGTH 18      /* "_-" and 16 digits */

const struct name_carrier name_kafka_topic = {
    .noun = "topic",
    .characters = "._-",
    .length_max = 249,
};

/* A subject has no limit of its own; longer ones are hardly meant. '$' begins
 * the subjects of the server itself. */
const struct name_carrier name_nats_subject = {
    .noun = "subject",
    .characters = "._-!%&'()+,/:;=@^~",
    .length_max = NAME_TEMPLATE_SIZE_MAX - 1,
};

static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9');
}

/* Templates */

enum placeholder { PLACEHOLDER_NONE, PLACEHOLDER_SERVER, PLACEHOLDER_QUEUE };

/* If text begins with a placeholder, sets its length. */
static enum placeholder placeholder_at(const char *text, size_t *length)
{
    static const char *const names[] = {
        [PLACEHOLDER_SERVER] = "{server}",
        [PLACEHOLDER_QUEUE] = "{queue}",
    };

    for (size_t i = PLACEHOLDER_SERVER; i <= PLACEHOLDER_QUEUE; i++) {
        *length = strlen(names[i]);
        if (strncmp(text, names[i], *length) == 0) {
            return (enum placeholder)i;
        }
    }
    *length = 1;
    return PLACEHOLDER_NONE;
}

/* What a template consists of. */
struct template_parts {
    size_t literal_length;    /* characters outside placeholders */
    size_t placeholder_count; /* placeholders */
    bool is_joined;           /* no "." between two of them */
    bool has_empty_token;     /* "." at an end, or next to another */
    char bad;                 /* a character that is not allowed; NUL: none */
};

static void template_scan(const char *text, const struct name_carrier *carrier,
                          struct template_parts *parts)
{
    bool is_after_dot = true;
    bool is_after_value = false; /* a placeholder, and no "." since */
    size_t length;

    *parts = (struct template_parts){.bad = '\0'};
    for (; *text != '\0'; text += length) {
        bool is_value = placeholder_at(text, &length) != PLACEHOLDER_NONE;
        bool is_dot = *text == '.';

        parts->is_joined |= is_value && is_after_value;
        parts->has_empty_token |= is_dot && is_after_dot;
        parts->placeholder_count += is_value ? 1 : 0;
        parts->literal_length += is_value ? 0 : 1;
        if (!is_value && parts->bad == '\0' && !is_letter_or_digit(*text) &&
            strchr(carrier->characters, *text) == NULL) {
            parts->bad = *text;
        }
        is_after_value = is_value || (is_after_value && !is_dot);
        is_after_dot = is_dot;
    }
    parts->has_empty_token |= is_after_dot;
}

/* The length that each value may have. */
static size_t share_of(const struct template_parts *parts,
                       const struct name_carrier *carrier)
{
    size_t count = parts->placeholder_count;

    return parts->literal_length >= carrier->length_max || count == 0
               ? 0
               : (carrier->length_max - parts->literal_length) / count;
}

int name_template_check(const char *text, const struct name_carrier *carrier,
                        char *why, size_t why_size)
{
    struct template_parts parts;

    template_scan(text, carrier, &parts);
    if (parts.bad == '{' || parts.bad == '}') {
        return reason_write(why, why_size, HAPLO_EINVAL,
                            "unknown placeholder: there are {server} and "
                            "{queue}");
    }
    if (parts.bad != '\0') {
        return reason_write(why, why_size, HAPLO_EINVAL,
                            "a %s cannot have the character 0x%02x: use "
                            "letters, digits and %s",
                            carrier->noun, (unsigned char)parts.bad,
                            carrier->characters);
    }
    if (parts.has_empty_token) {
        return reason_write(why, why_size, HAPLO_EINVAL,
                            "a part of the %s is empty: put something before "
                            "and after each \".\"",
                            carrier->noun);
    }
    if (parts.is_joined) {
        return reason_write(why, why_size, HAPLO_EINVAL,
                            "no \".\" between two placeholders, so that two "
                            "queues could have the same %s: write "
                            "{server}.{queue}",
                            carrier->noun);
    }
    if (parts.placeholder_count == 0
            ? parts.literal_length > carrier->length_max
            : share_of(&parts, carrier) < VALUE_LENGTH_MIN) {
        return reason_write(why, why_size, HAPLO_EINVAL,
                            "too long for a %s, which has at most %zu "
                            "characters: shorten it",
                            carrier->noun, carrier->length_max);
    }
    return 0;
}

/* Names */

/* FNV-1a: it need only tell apart the long names of one configuration. */
static uint64_t hash_of(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (; *text != '\0'; text++) {
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    }
    return hash;
}

/* Maps a value; returns the end. */
static char *value_map(char *out, const char *value)
{
    for (; *value != '\0'; value++) {
        if (is_letter_or_digit(*value) || *value == '-') {
            *out++ = *value;
        } else if (*value == '_') {
            out = stpcpy(out, "__");
        } else {
            out += sprintf(out, "_%02x", (unsigned)(unsigned char)*value);
        }
    }
    return out;
}

static char *value_put(char *out, const char *value, size_t share)
{
    char mapped[VALUE_SIZE_MAX];
    size_t length;

    assert(strlen(value) <= HAPLO_NAME_SIZE_MAX);
    length = (size_t)(value_map(mapped, value) - mapped);
    if (length > share) {
        length = share - HASH_LENGTH;
        (void)snprintf(mapped + length, HASH_LENGTH + 1, "_-%016" PRIx64,
                       hash_of(value));
        length = share;
    }
    memcpy(out, mapped, length);
    return out + length;
}

size_t name_template_write(char name[NAME_TEMPLATE_SIZE_MAX], const char *text,
                           const struct name_carrier *carrier,
                           const char *server, const char *queue)
{
    struct template_parts parts;
    size_t share;
    size_t length;
    char *out = name;

    template_scan(text, carrier, &parts);
    share = share_of(&parts, carrier);
    for (; *text != '\0'; text += length) {
        switch (placeholder_at(text, &length)) {
        case PLACEHOLDER_NONE:
            *out++ = *text;
            break;
        case PLACEHOLDER_SERVER:
            out = value_put(out, server, share);
            break;
        case PLACEHOLDER_QUEUE:
            out = value_put(out, queue, share);
            break;
        }
    }
    *out = '\0';
    assert((size_t)(out - name) <= carrier->length_max);
    return (size_t)(out - name);
}
