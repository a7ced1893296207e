#include "config/config_digest.h"

#include <openssl/evp.h>
#include <stdio.h>

#include "config/config_when.h"
#include "config/option_compare.h"

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
    fprintf(file, "%s%c", text == NULL ? "" : text, '\0');
}

static void inbox_write(const struct config_inbox *inbox, FILE *file)
{
    const struct option_table table = {inbox->type->options,
                                       inbox->type->option_count};
    text_write("inbox", file);
    text_write(inbox->name, file);
    text_write(inbox->type->name, file);
    option_table_write(&table, inbox->options, file);
}

static void outlet_write(const struct config_outlet *outlet, FILE *file)
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
    option_table_write(&common, forward, file);
    option_table_write(&own, forward->type_options, file);
    for (size_t i = 0; i < forward->queue_count; i++) {
        text_write(forward->queues[i], file);
    }
    for (size_t i = 0; forward->when != NULL && i < forward->when->count; i++) {
        text_write("when", file);
        config_when_print(&forward->when->alternatives[i], file);
    }
}

static void queue_write(const struct config_queue *queue, FILE *file)
{
    text_write("queue", file);
    text_write(queue->name, file);
    text_write(queue->settings->inbox->name, file);
    fprintf(file, "%d", (int)queue->key->kind);
    text_write(queue->key->name, file);
    text_write(queue->key->path, file);
    option_table_write(&config_queue_rows, &queue->settings->options, file);
}

static void server_write(const struct config_server *server, FILE *file)
{
    text_write("server", file);
    text_write(server->options.name, file);
    option_table_write(&server_own_options, &server->options, file);
    option_table_write(&config_server_rows, &server->options, file);
    for (size_t i = 0; i < server->queue_count; i++) {
        queue_write(&server->queues[i], file);
    }
}

static void config_write(const struct config *config, FILE *file)
{
    option_table_write(&config_top_rows, config, file);
    option_table_write(&config_admin_rows, &config->admin, file);
    for (size_t i = 0; i < config->inbox_count; i++) {
        inbox_write(&config->inboxes[i], file);
    }
    for (size_t i = 0; i < config->outlet_count; i++) {
        outlet_write(&config->outlets[i], file);
    }
    for (size_t i = 0; i < config->server_count; i++) {
        server_write(&config->servers[i], file);
    }
}

static void text_make(const unsigned char *bytes, unsigned size,
                      char text[CONFIG_DIGEST_SIZE])
{
    for (unsigned i = 0; i < size && 2 * i + 2 < CONFIG_DIGEST_SIZE; i++) {
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    }
}

int config_digest(const struct config *config, char text[CONFIG_DIGEST_SIZE])
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    FILE *file = hash == NULL ? NULL : stream_open(hash);
    text[0] = '\0';
    if (file != NULL) {
        config_write(config, file);
    }
    if (file != NULL && fclose(file) == 0 &&
        EVP_DigestFinal_ex(hash, bytes, &size) == 1) {
        text_make(bytes, size, text);
    }
    EVP_MD_CTX_free(hash);
    return text[0] == '\0' ? HAPLO_ENOMEM : 0;
}
