/*
 * notify.h - tells the service manager how the process is doing, as
 * sd_notify(3) of systemd does, without its library.
 *
 *   - notify_open() finds the manager's socket in the environment. Without one,
 *     everything below does nothing.
 *   - notify_ready() once everything has started, and after each reload.
 *   - notify_reloading() when a reload begins. A manager that has been told so
 *     waits for notify_ready(), so that must follow even if the new
 *     configuration was rejected.
 *   - notify_stopping() when the process begins to exit.
 *   - Meanwhile the manager hears that the loop is turning, if it wants to: a
 *     timer of the loop sends WATCHDOG=1, so a loop that is stuck sends
 * nothing, and the manager restarts the service.
 *
 * Nothing here blocks. If the manager is too busy to take a message, it is kept
 * and sent later. Other failures are ignored: there is nothing to be done.
 */
#ifndef DAEMON_NOTIFY_H
#define DAEMON_NOTIFY_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <uv.h>

#define NOTIFY_TEXT_SIZE 640 /* of one message, NUL included */
#define NOTIFY_KEPT_MAX 8    /* messages that wait; the oldest is dropped */
#define NOTIFY_RETRY_MS 100  /* before they are sent again */

/* Between notify_open() and notify_close(). */
struct notify {
    int socket;                 /* -1: there is no manager */
    struct sockaddr_un address; /* the manager's; may be an abstract one */
    socklen_t address_size;     /* of address */
    uint64_t watchdog_ms;       /* the loop must turn that often; 0: no limit */
    uv_timer_t watchdog;        /* sends WATCHDOG=1; unreferenced */
    uv_timer_t retry;           /* runs while messages wait; unreferenced */
    unsigned kept_count;        /* length of kept */
    char kept[NOTIFY_KEPT_MAX][NOTIFY_TEXT_SIZE]; /* messages that wait */
};

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, and starts the timer of
 * the watchdog. notify_close() must follow. */
void notify_open(struct notify *notify, uv_loop_t *loop);

/* The service works. status: one line for people, shown by systemctl(1). */
void notify_ready(struct notify *notify, const char *status);

/* The configuration is being read again; notify_ready() must follow. */
void notify_reloading(struct notify *notify);

/* The service begins to exit, which may take so long. */
void notify_stopping(struct notify *notify, uint64_t within_ms);

/* One line for people, when nothing else has changed. */
void notify_status(struct notify *notify, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Closes the timers and the socket. What waits is tried once more. */
void notify_close(struct notify *notify);

#endif
