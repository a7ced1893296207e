#include "daemon/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/reason.h"

#define STATUS_SIZE_MAX 512 /* of one line */

/* Sending */

/* True if it need not be tried again. */
static bool was_sent(const struct notify *notify, const char *text)
{
    ssize_t size;
    do {
        size = sendto(
            notify->socket, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL,
            (const struct sockaddr *)&notify->address, notify->address_size);
    } while (size < 0 && errno == EINTR);
    return size >= 0 ||
           (errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOBUFS);
}

static void drop_first(struct notify *notify, unsigned count)
{
    notify->kept_count -= count;
    memmove(notify->kept[0], notify->kept[count],
            notify->kept_count * sizeof notify->kept[0]);
}

static void send_kept(struct notify *notify)
{
    unsigned count = 0;
    while (count < notify->kept_count &&
           was_sent(notify, notify->kept[count])) {
        count++;
    }
    drop_first(notify, count);
}

static void on_retry(uv_timer_t *timer)
{
    struct notify *notify = timer->data;
    send_kept(notify);
    if (notify->kept_count == 0) {
        uv_timer_stop(timer);
    }
}

static void keep(struct notify *notify, const char *text)
{
    if (notify->kept_count == NOTIFY_KEPT_MAX) {
        drop_first(notify, 1);
    }
    snprintf(notify->kept[notify->kept_count++], NOTIFY_TEXT_SIZE, "%s", text);
    uv_timer_start(&notify->retry, on_retry, NOTIFY_RETRY_MS, NOTIFY_RETRY_MS);
}

/* Sends a change of state, behind those that wait: their order matters. */
static void send_state(struct notify *notify, const char *text)
{
    if (notify->socket >= 0 &&
        (notify->kept_count > 0 || !was_sent(notify, text))) {
        keep(notify, text);
    }
}

/* Where a newer one follows soon, nothing is kept. */
static void send_passing(const struct notify *notify, const char *text)
{
    if (notify->socket >= 0 && notify->kept_count == 0) {
        (void)was_sent(notify, text);
    }
}

/* Messages */

void notify_ready(struct notify *notify, const char *status)
{
    char text[NOTIFY_TEXT_SIZE];
    char line[STATUS_SIZE_MAX];
    snprintf(line, sizeof line, "%s", status);
    reason_clean(line);
    snprintf(text, sizeof text, "READY=1\nSTATUS=%s", line);
    send_state(notify, text);
}

/* systemd compares MONOTONIC_USEC with the moment at which it asked for the
 * reload, so that it does not take an earlier READY=1 for the end of this one.
 */
void notify_reloading(struct notify *notify)
{
    char text[NOTIFY_TEXT_SIZE];
    snprintf(text, sizeof text,
             "RELOADING=1\nMONOTONIC_USEC=%" PRIu64
             "\nSTATUS=reading the configuration again",
             uv_hrtime() / 1000);
    send_state(notify, text);
}

void notify_stopping(struct notify *notify, uint64_t within_ms)
{
    char text[NOTIFY_TEXT_SIZE];
    snprintf(text, sizeof text,
             "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRIu64
             "\nSTATUS=finishing outstanding work",
             within_ms * 1000);
    send_state(notify, text);
}

void notify_status(struct notify *notify, const char *format, ...)
{
    char text[NOTIFY_TEXT_SIZE];
    char line[STATUS_SIZE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    reason_clean(line);
    snprintf(text, sizeof text, "STATUS=%s", line);
    send_passing(notify, text);
}

/* The environment */

/* "@name" is an abstract socket, whose name begins with NUL. False if it is
 * neither that nor a path, or too long. */
static bool set_address(struct notify *notify, const char *name)
{
    size_t size = strlen(name);
    if ((name[0] != '/' && name[0] != '@') || name[1] == '\0' ||
        size >= sizeof notify->address.sun_path) {
        return false;
    }
    notify->address.sun_family = AF_UNIX;
    memcpy(notify->address.sun_path, name, size);
    if (name[0] == '@') {
        notify->address.sun_path[0] = '\0';
    }
    notify->address_size =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size +
                    (name[0] == '/')); /* with the NUL of a path */
    return true;
}

static void open_socket(struct notify *notify)
{
    const char *name = getenv("NOTIFY_SOCKET");
    if (name != NULL && set_address(notify, name)) {
        notify->socket =
            socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    }
}

static bool read_number(const char *name, uint64_t *number)
{
    const char *text = getenv(name);
    char *end;
    if (text == NULL || text[0] < '0' || text[0] > '9') {
        return false;
    }
    errno = 0;
    *number = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0';
}

/* Without WATCHDOG_PID it concerns this process, too: see
 * sd_watchdog_enabled(3).
 */
static uint64_t watchdog_limit_ms(void)
{
    uint64_t limit_us;
    uint64_t pid;
    if (!read_number("WATCHDOG_USEC", &limit_us) ||
        (getenv("WATCHDOG_PID") != NULL &&
         (!read_number("WATCHDOG_PID", &pid) || pid != (uint64_t)getpid()))) {
        return 0;
    }
    return limit_us > 0 && limit_us < 1000 ? 1 : limit_us / 1000;
}

static void on_watchdog(uv_timer_t *timer)
{
    send_passing(timer->data, "WATCHDOG=1");
}

void notify_open(struct notify *notify, uv_loop_t *loop)
{
    *notify = (struct notify){.socket = -1};
    uv_timer_init(loop, &notify->watchdog); /* cannot fail */
    uv_timer_init(loop, &notify->retry);    /* cannot fail */
    uv_unref((uv_handle_t *)&notify->watchdog);
    uv_unref((uv_handle_t *)&notify->retry);
    notify->watchdog.data = notify;
    notify->retry.data = notify;
    open_socket(notify);
    notify->watchdog_ms = notify->socket < 0 ? 0 : watchdog_limit_ms();
    if (notify->watchdog_ms > 0) {
        /* Half of the limit, as sd_watchdog_enabled(3) recommends. */
        uint64_t interval_ms = (notify->watchdog_ms + 1) / 2;
        uv_timer_start(&notify->watchdog, on_watchdog, 0, interval_ms);
    }
}

void notify_close(struct notify *notify)
{
    uv_close((uv_handle_t *)&notify->watchdog, NULL);
    uv_close((uv_handle_t *)&notify->retry, NULL);
    if (notify->socket >= 0) {
        send_kept(notify);
        close(notify->socket);
        notify->socket = -1;
    }
}
