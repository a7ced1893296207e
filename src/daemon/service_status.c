#include "daemon/service_status.h"

#include <string.h>

#include "base/wall_clock.h"
#include "daemon/gather/gather_summary.h"
#include "daemon/notify.h"

static const char *write_line(const struct service_status *status,
                              char text[SUMMARY_TEXT_SIZE])
{
    struct summary summary;
    gather_summary(&status->session->gather, wall_clock_ms(), &summary);
    return summary_now_text(&summary, text);
}

/* While it ends, the line says so. */
static void on_timer(uv_timer_t *timer)
{
    struct service_status *status = timer->data;
    char text[SUMMARY_TEXT_SIZE];
    if (!status->session->is_ending &&
        strcmp(write_line(status, text), status->told) != 0) {
        memcpy(status->told, text, sizeof status->told);
        notify_status(&status->session->notify, "%s", text);
    }
}

void service_status_open(struct service_status *status, struct session *session)
{
    *status = (struct service_status){.session = session};
    (void)uv_timer_init(&session->loop, &status->timer); /* cannot fail */
    uv_unref((uv_handle_t *)&status->timer);
    status->timer.data = status;
    if (session->notify.socket >= 0) {
        (void)uv_timer_start(&status->timer, on_timer, SERVICE_STATUS_MS,
                             SERVICE_STATUS_MS); /* cannot fail */
    }
}

void service_status_ready(struct service_status *status)
{
    notify_ready(&status->session->notify, write_line(status, status->told));
}

void service_status_close(struct service_status *status)
{
    uv_close((uv_handle_t *)&status->timer, NULL);
}
