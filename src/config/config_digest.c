/*
 * config_digest.c - writes the configuration into a hash.
 *
 * Writing the settings and the key of a queue takes much longer than anything
 * else about it, and a million queues share a few. So they are written only
 * where they differ from those of the queue before.
 *
 * Hosts of a fleet compare their digests. They have the same file, though maybe
 * not in the same folder, so paths are written as the file has them.
 */
#include "config/config_digest.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_when.h"
#include "config/option_compare.h"

/* The newest settings and key, which the next queues may share. */
struct shared {
    const char *base; /* borrowed; path of the main file */
    const struct config_queue_settings *settings; /* borrowed; NULL: none */
    char *text;       /* owned; these settings as written, or NULL */
    size_t text_size; /* bytes of text */
    const struct config_key *key; /* borrowed; NULL: none */
    bool has_failed;              /* memory has run out */
};

/* A stream whose bytes go to the hash. */
static ssize_t on_write(void *hash, const char *data, size_t size)
{
    return EVP_DigestUpdate(hash, data, size) == 1 ? (ssize_t)size : 0;
}

static FILE *stream_open(EVP_MD_CTX *hash)
{
    return EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1
               ? fopencookie(hash, "w",
                             (cookie_io_functions_t){.write = on_write})
               : NULL;
}

/* Ends with a NUL, which no text contains, so that "ab", "c" and "a", "bc"
 * differ. */
static void text_write(const char *text, FILE *file)
{
    const char *bytes = text == NULL ? "" : text;
    fwrite(bytes, 1, strlen(bytes) + 1, file);
}

static void inbox_write(const struct config_inbox *inbox, const char *base,
                        FILE *file)
{
    const struct option_table table = {inbox->type->options,
                                       inbox->type->option_count};
    text_write("inbox", file);
    text_write(inbox->name, file);
    text_write(inbox->type->name, file);
    option_table_write(&table, inbox->options, base, file);
}

static void outlet_write(const struct config_outlet *outlet, const char *base,
                         FILE *file)
{
    const struct forwarder_options *forward = &outlet->forward;
    const struct option_table common = {forwarder_option_rows,
                                        forwarder_option_count};
    const struct option_table own = {forward->type->options,
                                     forward->type->option_count};
    text_write("outlet", file);
    text_write(forward->name, file);
    text_write(forward->type->name, file);
    text_write(outlet->inbox->name, file);
    option_table_write(&common, forward, base, file);
    option_table_write(&own, forward->type_options, base, file);
    for (size_t i = 0; i < forward->queue_count; i++) {
        text_write(forward->queues[i], file);
    }
    for (size_t i = 0; forward->when != NULL && i < forward->when->count; i++) {
        text_write("when", file);
        config_when_print(&forward->when->alternatives[i], file);
    }
}

static void settings_format(const struct config_queue_settings *settings,
                            const char *base, FILE *file)
{
    text_write("settings", file);
    text_write(settings->inbox->name, file);
    option_table_write(&config_queue_rows, &settings->options, base, file);
}

/* Other settings may still say the same. */
static void settings_write(const struct config_queue_settings *settings,
                           struct shared *shared, FILE *file)
{
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    if (memory != NULL) {
        settings_format(settings, shared->base, memory);
    }
    if (memory == NULL || fclose(memory) != 0) {
        shared->has_failed = true;
        free(text);
        return;
    }
    if (size != shared->text_size || memcmp(text, shared->text, size) != 0) {
        fwrite(text, 1, size, file);
    }
    free(shared->text);
    shared->text = text;
    shared->text_size = size;
    shared->settings = settings;
}

static bool text_equals(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool key_equals(const struct config_key *a, const struct config_key *b)
{
    return a == b ||
           (a != NULL && b != NULL && a->kind == b->kind &&
            text_equals(a->name, b->name) && text_equals(a->path, b->path));
}

/* Where the service manager keeps its credentials is its own affair. */
static void key_write(const struct config_key *key, const char *base,
                      FILE *file)
{
    text_write("key", file);
    fprintf(file, "%d", (int)key->kind);
    text_write(key->name, file);
    option_path_write(key->kind == CONFIG_KEY_FILE ? key->path : NULL, base,
                      file);
    fputc('\0', file);
}

static void queue_write(const struct config_queue *queue, struct shared *shared,
                        FILE *file)
{
    if (queue->settings != shared->settings) {
        settings_write(queue->settings, shared, file);
    }
    if (!key_equals(queue->key, shared->key)) {
        key_write(queue->key, shared->base, file);
    }
    shared->key = queue->key;
    text_write("queue", file);
    text_write(queue->name, file);
}

static void server_write(const struct config_server *server,
                         struct shared *shared, FILE *file)
{
    text_write("server", file);
    text_write(server->options.name, file);
    option_table_write(&server_own_options, &server->options, shared->base,
                       file);
    option_table_write(&config_server_rows, &server->options, shared->base,
                       file);
    for (size_t i = 0; i < server->queue_count; i++) {
        queue_write(&server->queues[i], shared, file);
    }
}

static void fleet_write(const struct config_fleet *fleet, FILE *file)
{
    if (fleet->inbox == NULL) {
        return;
    }
    text_write("fleet", file);
    text_write(fleet->inbox->name, file);
    fprintf(file, "%" PRIu64 " %" PRIu64, fleet->policy.ttl_ms,
            fleet->policy.renew_ms);
    for (size_t i = 0; i < fleet->weight_count; i++) {
        text_write(fleet->weights[i].host, file);
        fprintf(file, "%" PRIu32, fleet->weights[i].weight);
    }
}

/* The state directory belongs to a single host. */
static void top_write(const struct config *config, FILE *file)
{
    struct config top = *config;
    if (config->fleet.inbox != NULL) {
        top.state_dir = "";
    }
    option_table_write(&config_top_rows, &top, config->path, file);
}

/* Returns 0 or HAPLO_ENOMEM. */
static int config_write(const struct config *config, FILE *file)
{
    struct shared shared = {.base = config->path};
    top_write(config, file);
    option_table_write(&config_admin_rows, &config->admin, config->path, file);
    fleet_write(&config->fleet, file);
    for (size_t i = 0; i < config->inbox_count; i++) {
        inbox_write(&config->inboxes[i], config->path, file);
    }
    for (size_t i = 0; i < config->outlet_count; i++) {
        outlet_write(&config->outlets[i], config->path, file);
    }
    for (size_t i = 0; i < config->server_count; i++) {
        server_write(&config->servers[i], &shared, file);
    }
    free(shared.text);
    return shared.has_failed ? HAPLO_ENOMEM : 0;
}

static void text_make(const unsigned char *bytes, size_t size,
                      char text[CONFIG_DIGEST_SIZE])
{
    for (size_t i = 0; i < size && 2 * i + 2 < CONFIG_DIGEST_SIZE; i++) {
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    }
}

int config_digest(const struct config *config, char text[CONFIG_DIGEST_SIZE])
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    int error = HAPLO_ENOMEM;
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    FILE *file = hash == NULL ? NULL : stream_open(hash);
    text[0] = '\0';
    if (file != NULL) {
        error = config_write(config, file);
    }
    if (file != NULL && fclose(file) == 0 && error == 0 &&
        EVP_DigestFinal_ex(hash, bytes, &size) == 1) {
        text_make(bytes, size, text);
    }
    EVP_MD_CTX_free(hash);
    return text[0] == '\0' ? HAPLO_ENOMEM : 0;
}
