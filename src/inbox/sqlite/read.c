/*
 * read.c - reads a block of messages for an outlet.
 *
 * Bodies and names are appended to one growing block of memory. It may move
 * while it grows, so messages contain offsets instead of pointers until the
 * end. What the messages of a batch have in common is looked up only when the
 * batch changes.
 */
#include <stdlib.h>
#include <string.h>

#include "core/identity.h"
#include "inbox/inbox_replay.h"
#include "inbox/sqlite/db_error.h"
#include "inbox/sqlite/db_value.h"
#include "inbox/sqlite/reader.h"

#define BLOCK_SIZE_MIN 4096
#define MESSAGES_MIN 16

struct block {
    struct reader *reader;   /* source of the messages */
    struct inbox_read *read; /* receives the result */
    char *bytes;             /* owned: bodies and names */
    size_t size;             /* bytes in use */
    size_t capacity;         /* bytes allocated */
    size_t message_capacity; /* entries of read->messages */
    size_t body_bytes;       /* bytes of bodies so far */
};

/* Appends data and a NUL; false if memory runs out. */
static bool block_append(struct block *block, const void *data, size_t size,
                         size_t *offset)
{
    size_t needed = block->size + size + 1;
    size_t capacity = block->capacity > 0 ? block->capacity : BLOCK_SIZE_MIN;
    char *bytes;

    while (capacity < needed) {
        capacity *= 2;
    }
    if (capacity > block->capacity) {
        bytes = realloc(block->bytes, capacity);
        if (bytes == NULL) {
            return false;
        }
        block->bytes = bytes;
        block->capacity = capacity;
    }
    if (size > 0) {
        memcpy(block->bytes + block->size, data, size);
    }
    block->bytes[block->size + size] = '\0';
    *offset = block->size;
    block->size = needed;
    return true;
}

static struct inbox_message *block_add_message(struct block *block)
{
    struct inbox_read *read = block->read;
    size_t capacity = block->message_capacity > 0 ? 2 * block->message_capacity
                                                  : MESSAGES_MIN;
    struct inbox_message *messages;

    if (read->count == block->message_capacity) {
        messages = realloc(read->messages, capacity * sizeof(*messages));
        if (messages == NULL) {
            return NULL;
        }
        read->messages = messages;
        block->message_capacity = capacity;
    }
    return &read->messages[read->count++];
}

static const char *offset_store(size_t offset)
{
    return (const char *)offset; /* NOLINT(performance-no-int-to-ptr) */
}

/* Returns SQLITE_ROW, SQLITE_DONE or an error. */
static int find_by(sqlite3_stmt *select, int64_t key)
{
    int code = sqlite3_bind_int64(select, 1, key);

    return code == SQLITE_OK ? sqlite3_step(select) : code;
}

static int append_text(struct block *block, sqlite3_stmt *select, int column,
                       size_t *offset)
{
    const void *text = sqlite3_column_text(select, column);
    size_t size = (size_t)sqlite3_column_bytes(select, column);

    return text != NULL && block_append(block, text, size, offset)
               ? SQLITE_OK
               : SQLITE_NOMEM;
}

/* If somebody removed the row of the queue, there are no names. */
static int names_find(struct block *block, struct inbox_message *message)
{
    sqlite3_stmt *select = block->reader->statements[READER_QUEUE];
    int code = find_by(select, (int64_t)message->queue_id);
    size_t server = 0;
    size_t queue = 0;

    if (code == SQLITE_ROW) {
        code = append_text(block, select, 0, &server);
        if (code == SQLITE_OK) {
            code = append_text(block, select, 1, &queue);
        }
    } else if (code == SQLITE_DONE) {
        code = block_append(block, "?", 1, &server) ? SQLITE_OK : SQLITE_NOMEM;
        queue = server;
    }
    (void)sqlite3_reset(select); /* repeats the error above */
    message->server = offset_store(server);
    message->queue = offset_store(queue);
    return code;
}

static int batch_find(struct block *block, struct inbox_message *message)
{
    sqlite3_stmt *select = block->reader->statements[READER_BATCH];
    int code = find_by(select, (int64_t)message->batch_first);

    message->batch_count = 1;
    message->format = HAPLO_FORMAT_JSON;
    message->received_at_ms = 0;
    if (code == SQLITE_ROW) {
        message->batch_count = (uint32_t)sqlite3_column_int64(select, 0);
        message->format = (enum haplo_format)sqlite3_column_int(select, 1);
        message->received_at_ms = (uint64_t)sqlite3_column_int64(select, 2);
    }
    (void)sqlite3_reset(select); /* repeats the error above */
    return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

/* Fills what it has in common with the rest of its batch. */
static int batch_fill(struct block *block, struct inbox_message *message,
                      const struct inbox_message *before)
{
    int code;

    if (before != NULL && before->queue_id == message->queue_id) {
        message->server = before->server;
        message->queue = before->queue;
        if (before->batch_first == message->batch_first) {
            message->batch_count = before->batch_count;
            message->format = before->format;
            message->received_at_ms = before->received_at_ms;
            return SQLITE_OK;
        }
        return batch_find(block, message);
    }
    code = names_find(block, message);
    return code == SQLITE_OK ? batch_find(block, message) : code;
}

/* Adds the message of the current row. */
static int message_add(struct block *block, sqlite3_stmt *select)
{
    struct inbox_message *message = block_add_message(block);
    size_t position = (size_t)sqlite3_column_int64(select, 2);
    struct haplo_slice body;
    size_t offset;

    if (message == NULL || db_column_bytes(select, 3, &body) != SQLITE_OK ||
        !block_append(block, body.data, body.size, &offset)) {
        return SQLITE_NOMEM;
    }
    message->arrival = (uint64_t)sqlite3_column_int64(select, 0);
    message->queue_id = (uint64_t)sqlite3_column_int64(select, 1);
    message->batch_first = message->arrival - position;
    message->body = (struct haplo_slice){offset_store(offset), body.size};
    message->hash =
        identity_hash((struct haplo_slice){block->bytes + offset, body.size});
    block->body_bytes += body.size;
    return batch_fill(block, message,
                      block->read->count > 1 ? message - 1 : NULL);
}

/* Turns offsets into pointers, once the block no longer moves. */
static void block_settle(struct block *block)
{
    struct inbox_read *read = block->read;

    for (size_t i = 0; i < read->count; i++) {
        struct inbox_message *message = &read->messages[i];

        message->body.data = block->bytes + (size_t)message->body.data;
        message->server = block->bytes + (size_t)message->server;
        message->queue = block->bytes + (size_t)message->queue;
    }
}

static enum reader_statement statement_of(const struct inbox_read *read)
{
    if (read->replay != NULL) {
        return read->replay->is_of_letters ? READER_REPLAY_LETTERS
                                           : READER_REPLAY;
    }
    return read->queue_id == 0 ? READER_AFTER : READER_DEFERRED;
}

/* Its parameters after the third, which is the outlet. */
static int bind_replay(sqlite3_stmt *select, const struct inbox_replay *replay)
{
    const uint64_t values[] = {replay->last, replay->since_ms,
                               replay->until_ms};
    int count = replay->is_of_letters ? 3 : 1;
    int code = SQLITE_OK;

    for (int i = 0; code == SQLITE_OK && i < count; i++) {
        code = sqlite3_bind_int64(select, 4 + i, (sqlite3_int64)values[i]);
    }
    return code;
}

static int bind_read(sqlite3_stmt *select, const struct inbox_read *read)
{
    size_t limit = read->count_max > 0 ? read->count_max : 1;
    int code = sqlite3_bind_int64(select, 1, (sqlite3_int64)read->after);

    if (code == SQLITE_OK) { /* and one, to see if there are more */
        code = sqlite3_bind_int64(select, 2, (sqlite3_int64)limit + 1);
    }
    if (code == SQLITE_OK && (read->replay != NULL || read->queue_id != 0)) {
        code = sqlite3_bind_int64(select, 3, (sqlite3_int64)read->outlet->id);
    }
    if (code == SQLITE_OK && read->replay != NULL) {
        return bind_replay(select, read->replay);
    }
    if (code == SQLITE_OK && read->queue_id != 0) {
        code = sqlite3_bind_int64(select, 4, (sqlite3_int64)read->queue_id);
    }
    return code;
}

static bool block_is_full(const struct block *block, sqlite3_stmt *select)
{
    const struct inbox_read *read = block->read;

    return read->count > 0 &&
           (read->count >= read->count_max ||
            block->body_bytes + (size_t)sqlite3_column_bytes(select, 3) >
                read->bytes_max);
}

static int block_fill(struct block *block, sqlite3_stmt *select)
{
    int code;

    while ((code = sqlite3_step(select)) == SQLITE_ROW) {
        if (block_is_full(block, select)) {
            block->read->has_more = true;
            return SQLITE_DONE;
        }
        code = message_add(block, select);
        if (code != SQLITE_OK) {
            return code;
        }
    }
    return code;
}

int reader_read(struct reader *reader, struct inbox_read *read,
                struct reason *why)
{
    struct block block = {.reader = reader, .read = read};
    sqlite3_stmt *select = reader->statements[statement_of(read)];
    int code = bind_read(select, read);
    int error = 0;

    if (code == SQLITE_OK) {
        code = block_fill(&block, select);
    }
    if (code != SQLITE_DONE) {
        reader->is_suspect |= db_is_damage(code);
        error = db_explain(reader->db, reader->path, code, why);
    }
    (void)sqlite3_reset(select); /* repeats the error above */
    read->memory = block.bytes;
    if (error != 0) {
        reader_free(read); /* the last message may be incomplete */
    } else {
        block_settle(&block);
    }
    return error;
}

void reader_free(struct inbox_read *read)
{
    free(read->messages);
    free(read->memory);
    read->messages = NULL;
    read->memory = NULL;
    read->count = 0;
    read->has_more = false;
}

int reader_names(struct inbox *inbox, struct inbox_read *read)
{
    const struct inbox_queue *queue = NULL;
    const char *server = NULL;

    for (size_t i = 0; i < read->count; i++) {
        struct inbox_message *message = &read->messages[i];

        if (queue == NULL || message->server != server) {
            server = message->server;
            queue = inbox_store_queue(inbox, message->queue_id, message->server,
                                      message->queue,
                                      (struct haplo_slice){NULL, 0});
            if (queue == NULL) {
                return HAPLO_ENOMEM;
            }
        }
        message->server = queue->server;
        message->queue = queue->name;
    }
    return 0;
}
