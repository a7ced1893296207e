/*
 * instance.c - like the environment (state_environment.c), it is a link that
 * leads nowhere: made in one step, and never half of it.
 */
#include "daemon/fleet/instance.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <uv.h>

#include "base/durable.h"
#include "base/errno_reason.h"
#include "haplopoll.h"

#define PATH_SIZE_MAX 4096
#define UUID_LENGTH (INBOX_FLEET_INSTANCE_SIZE - 1)

/* A UUID of version 4: all of it is random. Returns 0 or errno. */
static int uuid_make(char uuid[INBOX_FLEET_INSTANCE_SIZE])
{
    unsigned char bytes[16];
    size_t size = 0;
    int error = uv_random(NULL, NULL, bytes, sizeof bytes, 0, NULL);
    if (error != 0) {
        return -error; /* libuv's errors are those of the system */
    }
    bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bool has_dash = i == 4 || i == 6 || i == 8 || i == 10;
        size += (size_t)snprintf(uuid + size, INBOX_FLEET_INSTANCE_SIZE - size,
                                 "%s%02x", has_dash ? "-" : "", bytes[i]);
    }
    return 0;
}

static bool is_uuid(const char *text)
{
    for (size_t i = 0; i < UUID_LENGTH; i++) {
        bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
        const char *allowed = is_dash ? "-" : "0123456789abcdef";
        if (text[i] == '\0' || strchr(allowed, text[i]) == NULL) {
            return false;
        }
    }
    return text[UUID_LENGTH] == '\0';
}

/* Returns 0 or errno. */
static int uuid_read(const char *path, char uuid[INBOX_FLEET_INSTANCE_SIZE + 1])
{
    ssize_t size = readlink(path, uuid, INBOX_FLEET_INSTANCE_SIZE);
    int number = size < 0 ? errno : 0;
    uuid[size > 0 ? size : 0] = '\0';
    return number;
}

int instance_load(const char *state_dir, char uuid[INBOX_FLEET_INSTANCE_SIZE],
                  struct reason *why)
{
    char path[PATH_SIZE_MAX];
    char found[INBOX_FLEET_INSTANCE_SIZE + 1];
    int size = snprintf(path, sizeof path, "%s/fleet.instance", state_dir);
    int number =
        size < (int)sizeof path ? uuid_read(path, found) : ENAMETOOLONG;
    if (number == ENOENT) {
        number = uuid_make(found);
        if (number == 0 && symlink(found, path) != 0) {
            number = errno;
        }
        number = number == 0 ? durable_folder_path(state_dir) : number;
    }
    if (number != 0) {
        return errno_reason_classify(why, path, "cannot be read or made",
                                     number);
    }
    if (!is_uuid(found)) {
        return reason_set(why, HAPLO_EINVAL,
                          "%s does not lead to a UUID: remove it", path);
    }
    memcpy(uuid, found, INBOX_FLEET_INSTANCE_SIZE);
    return 0;
}
