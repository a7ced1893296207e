#include "daemon/doctor/tcp_probe.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/reason.h"

struct target {
    char host[256]; /* without brackets */
    char port[16];  /* a number */
};

/* The port of a scheme that has none of its own. */
static const char *scheme_port(const char *address)
{
    static const struct {
        const char *scheme;
        const char *port;
    } rows[] = {{"https:", "443"},    {"http:", "80"},   {"socks5h:", "1080"},
                {"socks4a:", "1080"}, {"nats:", "4222"}, {"tls:", "4222"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strncasecmp(address, rows[i].scheme, strlen(rows[i].scheme)) == 0) {
            return rows[i].port;
        }
    }
    return "443";
}

/* Takes host and port out of "scheme://user@host:port/path". */
static void target_read(struct target *target, const char *address,
                        const char *default_port)
{
    const char *at = strstr(address, "://");
    at = at != NULL ? at + 3 : address;
    size_t size = strcspn(at, "/?#");
    const char *user_end = memrchr(at, '@', size);
    if (user_end != NULL) {
        size -= (size_t)(user_end + 1 - at);
        at = user_end + 1;
    }
    bool is_bracketed = at[0] == '[';
    size_t host_size = is_bracketed ? strcspn(at, "]") : strcspn(at, ":/?#");
    const char *host = at + is_bracketed;
    const char *after = at + host_size + is_bracketed;
    snprintf(target->host, sizeof target->host, "%.*s",
             (int)(host_size - is_bracketed), host);
    if (after < at + size && *after == ':') {
        snprintf(target->port, sizeof target->port, "%.*s",
                 (int)(at + size - after - 1), after + 1);
    } else {
        snprintf(target->port, sizeof target->port, "%s",
                 default_port != NULL ? default_port : scheme_port(address));
    }
}

/* 0 or errno. */
static int connect_within(int fd, const struct addrinfo *info)
{
    int error = 0;
    socklen_t size = sizeof error;
    struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
    if (connect(fd, info->ai_addr, info->ai_addrlen) == 0) {
        return 0;
    }
    if (errno != EINPROGRESS) {
        return errno;
    }
    if (poll(&poll_fd, 1, TCP_PROBE_MS) != 1) {
        return ETIMEDOUT;
    }
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error
                                                                    : errno;
}

/* 0 or errno. */
static int try_connection(const struct addrinfo *info)
{
    int fd =
        socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return errno;
    }
    int error = connect_within(fd, info);
    (void)close(fd);
    return error;
}

/* Names under localhost are this machine, as for libcurl, whatever the
 * resolver knows (RFC 6761). */
static const char *name_to_resolve(const char *host)
{
    static const char local[] = ".localhost";
    size_t size = strlen(host);
    bool is_local = size >= sizeof local &&
                    strcasecmp(host + size - (sizeof local - 1), local) == 0;
    return is_local ? local + 1 : host;
}

int tcp_probe(const char *address, const char *default_port,
              char name[TCP_PROBE_NAME_SIZE], char *why, size_t why_size)
{
    struct target target;
    struct addrinfo *infos = NULL;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    int error = ECONNREFUSED;
    target_read(&target, address, default_port);
    snprintf(name, TCP_PROBE_NAME_SIZE, "%s port %s", target.host, target.port);
    int failed =
        getaddrinfo(name_to_resolve(target.host), target.port, &hints, &infos);
    if (failed != 0) {
        return reason_write(why, why_size, -1, "resolve %s: %s", target.host,
                            gai_strerror(failed));
    }
    for (const struct addrinfo *info = infos; info != NULL && error != 0;
         info = info->ai_next) {
        error = try_connection(info);
    }
    freeaddrinfo(infos);
    return error == 0 ? 0
                      : reason_write(why, why_size, -1, "connect to %s: %s",
                                     name, strerror(error));
}
