#include "outlets/webhook/webhook_secrets.h"

#include <string.h>

/* The order in which they are read. */
#define SECRET_COUNT 4

static void secrets_list(struct webhook_secrets *secrets,
                         struct secret *list[SECRET_COUNT])
{
    list[0] = &secrets->signing_secret;
    list[1] = &secrets->secret_headers;
    list[2] = &secrets->password;
    list[3] = &secrets->token;
}

/* Keeps the old keys if the new ones cannot be used. */
static int keys_make(struct webhook_secrets *secrets, struct reason *why)
{
    struct webhook_keys keys;
    int error;

    if (secrets->signing_secret.revealed == NULL) {
        return 0;
    }
    error = webhook_keys_read(&keys, secrets->signing_secret.revealed, why);
    if (error == 0) {
        secrets->keys = keys;
    }
    webhook_keys_wipe(&keys);
    return error;
}

/* The same for the lines. */
static int lines_make(struct webhook_secrets *secrets, struct reason *why)
{
    struct webhook_lines *lines;
    int error = webhook_lines_new(
        secrets->options, secrets->secret_headers.revealed,
        secrets->password.revealed, secrets->token.revealed, &lines, why);

    if (error == 0) {
        webhook_lines_leave(secrets->lines);
        secrets->lines = lines;
    }
    return error;
}

/* Makes both of what was read. */
static int secrets_use(struct webhook_secrets *secrets, struct reason *why)
{
    int error = keys_make(secrets, why);

    return error == 0 ? lines_make(secrets, why) : error;
}

int webhook_secrets_open(struct webhook_secrets *secrets,
                         const struct webhook_options *options,
                         struct reason *why)
{
    struct secret *list[SECRET_COUNT];
    int error = 0;

    *secrets = (struct webhook_secrets){.options = options};
    secret_init(&secrets->signing_secret, &options->signing_secret,
                "signing_secret");
    secret_init(&secrets->secret_headers, &options->secret_headers,
                "secret_headers");
    secret_init(&secrets->password, &options->password, "password");
    secret_init(&secrets->token, &options->token, "token");
    secrets_list(secrets, list);
    for (size_t i = 0; error == 0 && i < SECRET_COUNT; i++) {
        error = secret_read(list[i], why);
    }
    return error == 0 ? secrets_use(secrets, why) : error;
}

void webhook_secrets_refresh(struct webhook_secrets *secrets, uint64_t now_ms)
{
    struct secret *list[SECRET_COUNT];
    struct reason trouble = {""};

    secrets_list(secrets, list);
    for (size_t i = 0; i < SECRET_COUNT; i++) {
        struct reason why;

        secrets->has_new |= secret_refresh(list[i], now_ms, &why);
        trouble = why.text[0] != '\0' ? why : trouble;
    }
    /* All are looked at in the same calls, so it has the trouble of each. */
    if (secrets->has_new) {
        secrets->has_new = secrets_use(secrets, &trouble) == HAPLO_ENOMEM;
        secrets->trouble = trouble;
    } else if (trouble.text[0] != '\0') {
        secrets->trouble = trouble;
    }
}

bool webhook_secrets_are_in(const struct webhook_secrets *secrets,
                            const char *text, size_t size)
{
    const struct secret *whole[] = {&secrets->signing_secret,
                                    &secrets->password, &secrets->token};

    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
        if (whole[i]->revealed != NULL &&
            memmem(text, size, whole[i]->revealed, whole[i]->size) != NULL) {
            return true;
        }
    }
    return false;
}

void webhook_secrets_close(struct webhook_secrets *secrets)
{
    struct secret *list[SECRET_COUNT];

    secrets_list(secrets, list);
    for (size_t i = 0; i < SECRET_COUNT; i++) {
        secret_free(list[i]);
    }
    webhook_keys_wipe(&secrets->keys);
    webhook_lines_leave(secrets->lines);
    secrets->lines = NULL;
}
