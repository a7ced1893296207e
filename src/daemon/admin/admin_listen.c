#include "daemon/admin/admin_listen.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/errno_reason.h"
#include "base/reason.h"
#include "daemon/admin/admin.h"

#define BACKLOG 128

char *admin_socket_path(const struct config *config)
{
    if (config->admin.socket != NULL) {
        return strdup(config->admin.socket);
    }
    size_t size = strlen(config->state_dir) + sizeof "/" ADMIN_SOCKET_FILE;
    char *path = malloc(size);
    if (path != NULL) {
        snprintf(path, size, "%s/" ADMIN_SOCKET_FILE, config->state_dir);
    }
    return path;
}

static int fail(int error, char *why, size_t why_size)
{
    return reason_write(why, why_size, HAPLO_EINVAL, "%s", strerror(error));
}

static int open_socket(int family, int *descriptor)
{
    *descriptor = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return *descriptor < 0 ? errno : 0;
}

/* Removes the socket of a dead process. */
static int clear_path(const char *path)
{
    struct stat status;
    if (lstat(path, &status) != 0) {
        return errno == ENOENT ? 0 : errno;
    }
    if (!S_ISSOCK(status.st_mode)) {
        return EEXIST;
    }
    return unlink(path) == 0 ? 0 : errno;
}

/* Sets the mode before the file exists, so that nobody can connect in
 * between. */
static int bind_unix(int descriptor, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        return ENAMETOOLONG;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (fchmod(descriptor, 0600) != 0 ||
        bind(descriptor, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(descriptor, BACKLOG) != 0) {
        return errno;
    }
    return 0;
}

int admin_listen_unix(const char *path, int *descriptor, char *why,
                      size_t why_size)
{
    int error = clear_path(path);
    *descriptor = -1;
    if (error == 0) {
        error = open_socket(AF_UNIX, descriptor);
    }
    if (error == 0) {
        error = bind_unix(*descriptor, path);
    }
    if (error != 0 && *descriptor >= 0) {
        close(*descriptor);
        *descriptor = -1;
    }
    return error == 0 ? 0 : fail(error, why, why_size);
}

static int bind_tcp(int descriptor, const struct sockaddr_storage *address)
{
    const int yes = 1;
    socklen_t size = address->ss_family == AF_INET
                         ? sizeof(struct sockaddr_in)
                         : sizeof(struct sockaddr_in6);
    if (setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) !=
            0 ||
        bind(descriptor, (const struct sockaddr *)address, size) != 0 ||
        listen(descriptor, BACKLOG) != 0) {
        return errno;
    }
    return 0;
}

int admin_listen_tcp(const char *listen_on, int *descriptor, char *why,
                     size_t why_size)
{
    struct sockaddr_storage address;
    *descriptor = -1;
    if (!config_admin_address(listen_on, &address)) {
        return fail(EINVAL, why, why_size);
    }
    int error = open_socket(address.ss_family, descriptor);
    if (error == 0) {
        error = bind_tcp(*descriptor, &address);
    }
    if (error != 0 && *descriptor >= 0) {
        close(*descriptor);
        *descriptor = -1;
    }
    return error == 0 ? 0 : fail(error, why, why_size);
}

void admin_listen_note(const char *path, dev_t *device, ino_t *inode)
{
    struct stat status;
    if (stat(path, &status) == 0) {
        *device = status.st_dev;
        *inode = status.st_ino;
    }
}

void admin_listen_remove(const char *path, dev_t device, ino_t inode)
{
    struct stat status;
    if (stat(path, &status) == 0 && status.st_dev == device &&
        status.st_ino == inode) {
        unlink(path);
    }
}
