#include "outlets/webhook/webhook_lines.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define OWN_TEXT_SIZE 128 /* of the lines that are always there */

/* Checking */

/* Set by the webhook or by libcurl; a second one would contradict. */
static bool is_reserved(const char *name, size_t size)
{
    static const char *const names[] = {
        "content-type", "content-length",    "content-encoding",
        "host",         "transfer-encoding", "connection",
        "expect",       "user-agent",        "webhook-id",
        "te",           "webhook-timestamp", "webhook-signature",
        "trailer",      "upgrade",           "keep-alive",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strlen(names[i]) == size &&
            strncasecmp(name, names[i], size) == 0) {
            return true;
        }
    }
    return size >= 6 && strncasecmp(name, "haplo-", 6) == 0;
}

static size_t name_size(const char *line, size_t size)
{
    size_t length = 0;

    while (length < size && (isalnum((unsigned char)line[length]) ||
                             strchr("!#$%&'*+-.^_`|~", line[length]) != NULL)) {
        length++;
    }
    return length;
}

/* Never shows the value, which may be a secret. */
static int line_check(const char *line, size_t size, const char *option,
                      const struct webhook_options *options, struct reason *why)
{
    size_t length = name_size(line, size);

    if (length == 0 || length == size || line[length] != ':') {
        return reason_set(why, HAPLO_EINVAL,
                          "%s: not a header: write \"Name: value\"", option);
    }
    for (size_t i = length; i < size; i++) {
        if ((unsigned char)line[i] < ' ' && line[i] != '\t') {
            return reason_set(why, HAPLO_EINVAL,
                              "%s: %.*s has a control character in its value: "
                              "remove it",
                              option, (int)length, line);
        }
    }
    /* libcurl takes "Name:" for the order to leave out its own header. */
    if (strspn(line + length + 1, " \t") >= size - length - 1) {
        return reason_set(why, HAPLO_EINVAL,
                          "%s: %.*s has no value: write one, or remove it",
                          option, (int)length, line);
    }
    if (is_reserved(line, length)) {
        return reason_set(why, HAPLO_EINVAL,
                          "%s: %.*s is set by the webhook itself: remove it",
                          option, (int)length, line);
    }
    if (length == strlen("authorization") &&
        strncasecmp(line, "authorization", length) == 0 &&
        (options->user != NULL || secret_is_given(&options->token))) {
        return reason_set(why, HAPLO_EINVAL,
                          "%s: Authorization is set by user or token as well: "
                          "keep one of them",
                          option);
    }
    return 0;
}

/* Adding */

/* The text is large enough. */
static int line_add(struct webhook_lines *lines, const char *line, size_t size,
                    const char *option, struct reason *why)
{
    struct curl_slist *node = &lines->lines[lines->count];
    char *text = lines->count > 0
                     ? strchr(lines->lines[lines->count - 1].data, '\0') + 1
                     : lines->text;

    if (lines->count == WEBHOOK_LINE_COUNT_MAX) {
        return reason_set(why, HAPLO_EINVAL,
                          "%s: there are more than %d headers: remove some",
                          option, WEBHOOK_LINE_COUNT_MAX);
    }
    *(char *)mempcpy(text, line, size) = '\0';
    node->data = text;
    if (lines->count > 0) {
        lines->lines[lines->count - 1].next = node;
    }
    lines->count++;
    return 0;
}

static int own_add(struct webhook_lines *lines)
{
    char agent[64];

    (void)strcpy(stpcpy(agent, "User-Agent: haplo-poll/"), haplo_version());
    (void)line_add(lines, agent, strlen(agent), "", NULL);
    /* Without this order to leave it out, libcurl sends "Expect:
     * 100-continue" before a body of 1 MiB or more, and waits. */
    (void)line_add(lines, "Expect:", 7, "", NULL);
    return 0;
}

static int list_add(struct webhook_lines *lines,
                    const struct webhook_options *options, struct reason *why)
{
    int error = 0;

    for (const char *const *line = options->headers;
         error == 0 && line != NULL && *line != NULL; line++) {
        error = line_check(*line, strlen(*line), "headers", options, why);
        if (error == 0) {
            error = line_add(lines, *line, strlen(*line), "headers", why);
        }
    }
    return error;
}

/* One header a line. */
static int secret_add(struct webhook_lines *lines, const char *text,
                      const struct webhook_options *options, struct reason *why)
{
    int error = 0;

    while (error == 0 && text != NULL && *text != '\0') {
        size_t size = strcspn(text, "\r\n");

        if (size > 0) {
            error = line_check(text, size, "secret_headers", options, why);
        }
        if (error == 0 && size > 0) {
            error = line_add(lines, text, size, "secret_headers", why);
        }
        text += size;
        text += strspn(text, "\r\n");
    }
    return error;
}

static int value_check(const char *text, const char *option, struct reason *why)
{
    for (const char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == '\x7f') {
            return reason_set(why, HAPLO_EINVAL,
                              "%s: it has a line break or another control "
                              "character inside: write it in one line",
                              option);
        }
    }
    return 0;
}

static int token_add(struct webhook_lines *lines, const char *token,
                     struct reason *why)
{
    char *line;
    int error = value_check(token, "token", why);

    if (error != 0) {
        return error;
    }
    line = malloc(strlen(token) + 32);
    if (line == NULL) {
        return reason_set(why, HAPLO_ENOMEM, "out of memory");
    }
    (void)strcpy(stpcpy(line, "Authorization: Bearer "), token);
    error = line_add(lines, line, strlen(line), "token", why);
    explicit_bzero(line, strlen(line));
    free(line);
    return error;
}

static int password_add(struct webhook_lines *lines, const char *user,
                        const char *password, struct reason *why)
{
    size_t size = strlen(user) + 1 + strlen(password);
    size_t text_size = 32 + (size + 2) / 3 * 4;
    int error = value_check(password, "password", why);
    char *text;
    char *login;

    if (error != 0) {
        return error;
    }
    text = malloc(text_size + size + 1);
    if (text == NULL) {
        return reason_set(why, HAPLO_ENOMEM, "out of memory");
    }
    login = text + text_size;
    (void)strcpy(stpcpy(stpcpy(login, user), ":"), password);
    (void)EVP_EncodeBlock(
        (unsigned char *)stpcpy(text, "Authorization: Basic "),
        (const unsigned char *)login, (int)size);
    error = line_add(lines, text, strlen(text), "password", why);
    explicit_bzero(text, text_size + size + 1);
    free(text);
    return error;
}

/* Building */

/* Room for all lines: a base64 is at most twice as long as its text. */
static size_t text_size_max(const struct webhook_options *options,
                            const char *secret_headers, const char *password,
                            const char *token)
{
    size_t size = OWN_TEXT_SIZE;

    for (const char *const *line = options->headers;
         line != NULL && *line != NULL; line++) {
        size += strlen(*line) + 1;
    }
    size += secret_headers != NULL ? strlen(secret_headers) + 2 : 0;
    size += token != NULL ? strlen(token) + 32 : 0;
    size += password != NULL
                ? 2 * (strlen(options->user) + strlen(password)) + 64
                : 0;
    return size;
}

static int lines_fill(struct webhook_lines *lines,
                      const struct webhook_options *options,
                      const char *secret_headers, const char *password,
                      const char *token, struct reason *why)
{
    int error = own_add(lines);

    if (error == 0) {
        error = list_add(lines, options, why);
    }
    lines->public_count = lines->count;
    if (error == 0) {
        error = secret_add(lines, secret_headers, options, why);
    }
    if (error == 0 && token != NULL) {
        error = token_add(lines, token, why);
    }
    if (error == 0 && password != NULL) {
        error = password_add(lines, options->user, password, why);
    }
    return error;
}

int webhook_lines_new(const struct webhook_options *options,
                      const char *secret_headers, const char *password,
                      const char *token, struct webhook_lines **out,
                      struct reason *why)
{
    struct webhook_lines *lines = calloc(1, sizeof(*lines));
    int error;

    *out = NULL;
    if (lines == NULL) {
        return reason_set(why, HAPLO_ENOMEM, "out of memory");
    }
    lines->user_count = 1;
    lines->text_size = text_size_max(options, secret_headers, password, token);
    lines->text = calloc(1, lines->text_size);
    error =
        lines->text != NULL
            ? lines_fill(lines, options, secret_headers, password, token, why)
            : reason_set(why, HAPLO_ENOMEM, "out of memory");
    if (error != 0) {
        webhook_lines_leave(lines);
        return error;
    }
    *out = lines;
    return 0;
}

/* That of a line, without the word before credentials, such as Bearer. */
static const char *value_of(const char *line)
{
    const char *value = strchr(line, ':') + 1; /* each has one */
    const char *credentials;

    value += strspn(value, " \t");
    credentials = strchr(value, ' ');
    return credentials != NULL && strncasecmp(line, "authorization:", 14) == 0
               ? credentials + 1
               : value;
}

bool webhook_lines_are_in(const struct webhook_lines *lines, const char *text,
                          size_t size)
{
    for (size_t i = lines->public_count; i < lines->count; i++) {
        const char *value = value_of(lines->lines[i].data);

        if (value[0] != '\0' &&
            memmem(text, size, value, strlen(value)) != NULL) {
            return true;
        }
    }
    return false;
}

void webhook_lines_leave(struct webhook_lines *lines)
{
    if (lines == NULL || --lines->user_count > 0) {
        return;
    }
    if (lines->text != NULL) {
        explicit_bzero(lines->text, lines->text_size);
    }
    free(lines->text);
    free(lines);
}
