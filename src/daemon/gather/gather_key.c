#include "daemon/gather/gather_key.h"

#include <string.h>
#include <sys/stat.h>

#include "daemon/gather/key_commands.h"
#include "daemon/log/log.h"

#define KEY_STAMP_MASK 0x3fffffffU

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15U;
    return hash ^ hash >> 29;
}

/* Identifies the file and its last change in the 30 bits that a queue has for
 * this. Includes changes of the mode, which can make a key usable. One change
 * in a billion goes unnoticed until the key is tried again anyway. 0: there
 * is no file. */
static uint32_t stamp_of_file(const struct config_key *key)
{
    struct stat status;
    if (key->path == NULL || stat(key->path, &status) != 0) {
        return 0;
    }
    uint64_t hash = mix((uint64_t)status.st_dev, (uint64_t)status.st_ino);
    hash = mix(hash, (uint64_t)status.st_size);
    hash = mix(hash, (uint64_t)status.st_ctim.tv_sec);
    hash = mix(hash, (uint64_t)status.st_ctim.tv_nsec);
    return (uint32_t)(hash >> 34) | 1;
}

static struct key_commands *commands_of(const struct gather_queue *queue)
{
    return queue->server->gather->options.key_commands;
}

/* 0: there is no key now. */
static uint32_t stamp_of(const struct gather_queue *queue)
{
    const struct config_key *key = queue->config->key;
    return key->kind == CONFIG_KEY_COMMAND
               ? key_commands_look(commands_of(queue), key)
               : stamp_of_file(key);
}

static int read_key(const struct gather_queue *queue, struct api_key *text,
                    char *why, size_t why_size)
{
    const struct config_key *key = queue->config->key;
    return key->kind == CONFIG_KEY_COMMAND
               ? key_commands_read(commands_of(queue), key, text, why, why_size)
               : api_key_read(key, text, why, why_size);
}

/* Computes the stamp before reading a file, so that a change in between is
 * noticed later. */
int gather_key_read(struct gather_key_reader *reader,
                    struct gather_queue *queue, char *why, size_t why_size)
{
    const struct config_key *from = queue->config->key;
    int error = 0;
    if (reader->from != from) {
        reader->stamp = stamp_of(queue);
        error = read_key(queue, &reader->key, why, why_size);
        reader->from = error == 0 ? from : NULL;
    }
    queue->key_stamp = reader->stamp & KEY_STAMP_MASK;
    return error;
}

void gather_key_reader_wipe(struct gather_key_reader *reader)
{
    explicit_bzero(reader, sizeof *reader);
}

bool gather_key_has_changed(const struct gather_queue *queue)
{
    struct gather_key_look look = {.key = NULL};
    return gather_key_look(&look, queue);
}

bool gather_key_look(struct gather_key_look *look,
                     const struct gather_queue *queue)
{
    if (look->key != queue->config->key) {
        look->key = queue->config->key;
        look->stamp = stamp_of(queue);
    }
    return look->stamp != 0 && look->stamp != queue->key_stamp;
}

bool gather_key_was_printed(const struct gather_queue *queue)
{
    const struct config_key *key = queue->config->key;
    if (key->kind != CONFIG_KEY_COMMAND) {
        return false;
    }
    uint32_t stamp = key_commands_printed(commands_of(queue), key);
    return stamp != 0 && stamp != queue->key_stamp;
}

int gather_key_replace(struct gather_queue *queue, char *why, size_t why_size)
{
    struct gather_key_reader reader = {.from = NULL};
    int error = gather_key_read(&reader, queue, why, why_size);
    if (error == 0) {
        error = haplo_queue_set_key(queue->queue, reader.key.revealed);
    }
    gather_key_reader_wipe(&reader);
    return error;
}

void gather_key_reread(struct gather_queue *queue)
{
    char why[HAPLO_TEXT_SIZE_MAX] = "out of memory";
    char name[GATHER_NAME_SIZE];
    gather_queue_name(queue, name);
    if (queue->queue == NULL) {
        return; /* held: gather_holds_retry() */
    }
    if (gather_key_replace(queue, why, sizeof why) != 0) {
        log_line(LOG_LEVEL_WARNING, "%s: its API key has changed: %s", name,
                 why);
    } else {
        log_line(LOG_LEVEL_INFO, "%s: its API key has changed: trying it",
                 name);
    }
}
