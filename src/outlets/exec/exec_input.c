#include "outlets/exec/exec_input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "outlets/envelope.h"

/* Returns 0 or a negative errno. */
static int bytes_write(int file, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t part = write(file, bytes, size);

        if (part < 0 && errno == EINTR) {
            continue;
        }
        if (part <= 0) {
            return part < 0 ? -errno : -EIO;
        }
        bytes += part;
        size -= (size_t)part;
    }
    return 0;
}

static int lines_write(int file, const struct outlet_parcel *parcel,
                       size_t count, const char *inbox_uuid)
{
    const struct inbox_message *messages =
        parcel->messages + parcel->delivered_count;
    size_t size_max = 1;
    int error = 0;
    char *line;

    for (size_t i = 0; i < count; i++) {
        size_t size = envelope_size_max(&messages[i], inbox_uuid);

        size_max = size > size_max ? size : size_max;
    }
    line = malloc(size_max);
    if (line == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < count && error == 0; i++) {
        size_t size =
            envelope_write(&messages[i], inbox_uuid, parcel->replay_id,
                           parcel->has_new_ids, line);

        error = bytes_write(file, line, size);
    }
    free(line);
    return error;
}

/* The command cannot change what it has been given. */
static int seal(int file)
{
    const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

    if (lseek(file, 0, SEEK_SET) != 0 || fcntl(file, F_ADD_SEALS, seals) != 0) {
        return -errno;
    }
    return 0;
}

int exec_input_open(const struct outlet_parcel *parcel, size_t count,
                    bool is_lines, const char *inbox_uuid)
{
    struct haplo_slice body = parcel->messages[parcel->delivered_count].body;
    int file = memfd_create("messages", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int error;

    if (file < 0) {
        return -errno;
    }
    error = is_lines ? lines_write(file, parcel, count, inbox_uuid)
                     : bytes_write(file, body.data, body.size);
    if (error == 0) {
        error = seal(file);
    }
    if (error != 0) {
        (void)close(file); /* of no use, whatever it reports */
        return error;
    }
    return file;
}
