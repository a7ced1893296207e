#include "daemon/control_ask.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define ASK_TIMEOUT_S 10 /* for the next line: see PULSE_MS in control.c */

char *control_path(const char *state_dir)
{
    size_t size = strlen(state_dir) + sizeof "/" CONTROL_FILE;
    char *path = malloc(size);
    if (path != NULL) {
        snprintf(path, size, "%s/" CONTROL_FILE, state_dir);
    }
    return path;
}

int control_address(struct sockaddr_un *address, const char *path)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address->sun_path) {
        return ENAMETOOLONG;
    }
    memcpy(address->sun_path, path, strlen(path) + 1);
    return 0;
}

/* Returns a descriptor; -1: nobody listens. */
static int connect_to(const char *path)
{
    const struct timeval timeout = {.tv_sec = ASK_TIMEOUT_S};
    struct sockaddr_un address;
    if (control_address(&address, path) != 0) {
        return -1;
    }
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) {
        return -1;
    }
    /* Without the second, connect() waits for a process that is stopped. */
    if (setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout,
                   sizeof timeout) != 0 ||
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout,
                   sizeof timeout) != 0 ||
        connect(descriptor, (struct sockaddr *)&address, sizeof address) != 0) {
        close(descriptor);
        return -1;
    }
    return descriptor;
}

/* True if a complete line was received that is not blank. */
static bool receive_line(int descriptor, char line[CONTROL_LINE_SIZE_MAX])
{
    size_t size = 0;
    while (size < CONTROL_LINE_SIZE_MAX - 1) {
        ssize_t got =
            recv(descriptor, line + size, CONTROL_LINE_SIZE_MAX - 1 - size, 0);
        if (got <= 0) {
            break;
        }
        size += (size_t)got;
        while (size > 0 && line[0] == '\n') {
            memmove(line, line + 1, --size);
        }
        if (size == 0) {
            continue;
        }
        if (line[size - 1] == '\n') {
            line[size - 1] = '\0';
            return true;
        }
    }
    return false;
}

static bool exchange(int descriptor, const char *request,
                     char line[CONTROL_LINE_SIZE_MAX])
{
    int size = snprintf(line, CONTROL_LINE_SIZE_MAX, "%s\n", request);
    return size > 0 && size < CONTROL_LINE_SIZE_MAX &&
           send(descriptor, line, (size_t)size, MSG_NOSIGNAL) == size &&
           receive_line(descriptor, line) && line[0] != '\0' && line[1] == ' ';
}

bool control_ask(const char *state_dir, const char *request,
                 enum exit_code *code, char *answer, size_t answer_size)
{
    char line[CONTROL_LINE_SIZE_MAX];
    char *path = control_path(state_dir);
    int descriptor = path == NULL ? -1 : connect_to(path);
    free(path);
    if (descriptor < 0) {
        return false;
    }
    if (exchange(descriptor, request, line)) {
        *code = (enum exit_code)(line[0] - '0');
        snprintf(answer, answer_size, "%s", line + 2);
    } else {
        *code = EXIT_CODE_FAILED;
        snprintf(answer, answer_size,
                 "the process that uses state_dir %s does not respond",
                 state_dir);
    }
    close(descriptor);
    return true;
}
