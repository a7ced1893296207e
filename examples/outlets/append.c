/*
 * append.c - an example of an outlet: appends each message to one file, as a
 * line of JSON. It makes blocking calls, so blocking.h runs it on a thread.
 *
 * To add it to haplo-poll, put it into src/outlets/ and &append_outlet_type
 * into the registry, src/outlets/outlet_types.c. Configuration, help and manual
 * page know its options by the rows below.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/durable.h"
#include "base/errno_reason.h"
#include "outlets/blocking.h"
#include "outlets/envelope.h"

struct append_options {
    const char *path;         /* of the file */
    size_t message_bytes_max; /* larger messages are refused */
};

struct append {
    const struct append_options *options; /* borrowed */
    const char *inbox_uuid;               /* borrowed */
    int file;                             /* descriptor */
};

static int append_open(const struct outlet_setting *setting,
                       struct blocking_memory *memory, void **state,
                       struct reason *why)
{
    const struct append_options *options = setting->options;
    struct append *append = calloc(1, sizeof(*append));

    (void)memory; /* a new file is as good as the first one */
    if (append == NULL) {
        return reason_set(why, HAPLO_ENOMEM, "out of memory");
    }
    append->options = options;
    append->inbox_uuid = setting->inbox_uuid;
    append->file =
        open(options->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (append->file < 0) {
        (void)errno_reason_set(why, 0, options->path, "cannot be opened",
                               errno);
        free(append);
        return HAPLO_EINVAL;
    }
    *state = append;
    return 0;
}

static void append_close(void *state)
{
    struct append *append = state;

    (void)close(append->file); /* delivered lines are synced already */
    free(append);
}

/* Writes the first count messages, all or none. Returns 0 or errno. */
static int lines_write(const struct append *append,
                       const struct outlet_parcel *parcel, size_t count)
{
    const struct inbox_message *messages = parcel->messages;
    off_t end = lseek(append->file, 0, SEEK_END);
    size_t size = 0;
    char *text;
    int error = 0;

    for (size_t i = 0; i < count; i++) {
        size += envelope_size_max(&messages[i], append->inbox_uuid);
    }
    text = malloc(size + 1);
    if (text == NULL) {
        return ENOMEM;
    }
    size = 0;
    for (size_t i = 0; i < count; i++) {
        size +=
            envelope_write(&messages[i], append->inbox_uuid, parcel->replay_id,
                           parcel->has_new_ids, text + size);
    }
    errno = ENOSPC; /* if a write is short */
    if (write(append->file, text, size) != (ssize_t)size) {
        error = errno;
        if (ftruncate(append->file, end) != 0) { /* removes a partial line */
            error = EIO; /* which is left, and precedes the repeat */
        }
    }
    free(text);
    return error == 0 ? durable_file(append->file) : error;
}

static void append_deliver(void *state, struct outlet_parcel *parcel,
                           const atomic_bool *is_ending)
{
    const struct append *append = state;
    size_t count = 0;

    (void)is_ending; /* a disk responds soon */
    while (count < parcel->count && parcel->messages[count].body.size <=
                                        append->options->message_bytes_max) {
        count++;
    }
    int error = lines_write(append, parcel, count);
    if (error != 0) {
        parcel->verdict = OUTLET_BROKEN; /* no queue could be delivered */
        (void)errno_reason_set(&parcel->why, 0, append->options->path,
                               "cannot be written", error);
        return;
    }
    parcel->delivered_count = count;
    parcel->verdict = OUTLET_DELIVERED;
    if (count < parcel->count) {
        parcel->verdict = OUTLET_REFUSED; /* the next message, permanently */
        (void)reason_set(&parcel->why, 0, "the message exceeds message_max");
    }
}

static int append_start(const struct outlet_setting *setting,
                        struct outlet **out, struct reason *why)
{
    static const struct blocking_ops ops = {append_open, append_deliver,
                                            append_close};

    return blocking_open(setting, &ops, out, why);
}

static const struct option_row rows[] = {
    {.name = "path",
     .value = OPTION_PATH,
     .offset = offsetof(struct append_options, path),
     .help = "The file that messages are appended to."},
    {.name = "message_max",
     .value = OPTION_SIZE,
     .min = 1,
     .max = SIZE_MAX,
     .fallback = "16M",
     .offset = offsetof(struct append_options, message_bytes_max),
     .help = "Larger messages are refused."},
};

const struct outlet_type append_outlet_type = {
    .name = "append",
    .help = "Each message becomes a line of JSON at the end of a file.",
    .options = rows,
    .option_count = sizeof(rows) / sizeof(rows[0]),
    .options_size = sizeof(struct append_options),
    .open = append_start,
    .deliver = blocking_deliver,
    .close = blocking_close,
};
