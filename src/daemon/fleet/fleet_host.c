#include "daemon/fleet/fleet_host.h"

#include <stdlib.h>
#include <string.h>

#include "base/boot_clock.h"
#include "base/container_of.h"
#include "base/handle.h"
#include "base/wall_clock.h"
#include "daemon/observe/observer_fleet.h"

/* A request that is not answered within this part of the lease has failed, so
 * that several fit into it. */
#define LIMIT_PARTS 4

/* The timer */

static void go_on(struct fleet_host *host);

static void on_timer(uv_timer_t *timer)
{
    go_on(container_of(timer, struct fleet_host, timer));
}

static void arm(struct fleet_host *host, uint64_t wait_ms)
{
    if (host->is_started && !uv_is_closing((uv_handle_t *)&host->timer)) {
        uv_timer_start(&host->timer, on_timer, wait_ms, 0);
    }
}

/* The loop's time may be older than the clock by which things are due. */
static uint64_t wait_until(uint64_t due_ms)
{
    uint64_t now_ms = boot_clock_ms();
    return due_ms > now_ms ? due_ms - now_ms : 0;
}

/* From the fleet */

static void on_replied(struct inbox_fleet_request *ask, int error,
                       const char *why);

/* The fleet must not be called from here, so a request that could not be sent
 * fails later. */
static void on_ask(void *data, const struct fleet_request *request)
{
    struct fleet_host *host = data;
    struct inbox *inbox = gather_find_inbox(
        host->gather, host->gather->config->fleet.inbox->name);
    host->ask.host = host->self;
    host->ask.policy = &host->policy;
    host->ask.ask = *request;
    host->ask.limit_ms = host->policy.ttl_ms / LIMIT_PARTS;
    host->ask.replied_cb = on_replied;
    host->ask.data = host;
    fleet_telling_ask(&host->telling, &host->ask);
    int error =
        inbox == NULL ? HAPLO_EBUSY : inbox_fleet_ask(inbox, &host->ask);
    if (error != 0) {
        host->is_unsent = true;
        (void)reason_set(&host->why, error, "%s",
                         inbox == NULL ? "the inbox is not open"
                                       : haplo_error_text(error));
    }
}

static void on_gain(void *data, unsigned slot)
{
    gather_slots_gain(((struct fleet_host *)data)->gather, slot);
}

static void on_drain(void *data, unsigned slot)
{
    gather_slots_drain(((struct fleet_host *)data)->gather, slot);
}

static void on_lose(void *data, unsigned slot)
{
    gather_slots_lose(((struct fleet_host *)data)->gather, slot);
}

static const struct fleet_calls fleet_calls = {
    .ask_cb = on_ask,
    .gain_cb = on_gain,
    .drain_cb = on_drain,
    .lose_cb = on_lose,
};

/* From the gather */

static bool on_may_begin(void *data)
{
    const struct fleet_host *host = data;
    return fleet_may_begin(&host->fleet, boot_clock_ms());
}

static void on_drained(void *data, unsigned slot)
{
    struct fleet_host *host = data;
    fleet_drained(&host->fleet, boot_clock_ms(), slot);
}

static void on_stirred(void *data)
{
    arm(data, 0);
}

/* The poller */

/* Nothing begins while slots are being lost: one queue of a slot would begin
 * what another one has just given up. */
static void hold_back(struct fleet_host *host)
{
    haplo_poller_set_deadline(host->gather->poller, 0);
}

static void let_go(struct fleet_host *host)
{
    haplo_poller_set_deadline(host->gather->poller, host->fleet.deadline_ms);
}

/* Replies */

static void tell(struct fleet_host *host)
{
    const struct observer_fleet_note note = {
        .now_ms = wall_clock_ms(),
        .clock_ms = boot_clock_ms(),
        .details = host->details,
        .detail_count =
            host->details == NULL ? 0 : host->ask.reply.member_count,
        .why = host->failing_since_ms != 0 ? host->why.text : NULL,
    };
    observer_fleet_note(&host->gather->observer, &note);
}

/* Without memory, what is shown of members is not known until the next one. */
static void keep_details(struct fleet_host *host)
{
    size_t count = host->ask.reply.member_count;
    free(host->details);
    host->details = calloc(count + 1, sizeof *host->details);
    if (host->details != NULL && count > 0) {
        memcpy(host->details, host->ask.details, count * sizeof *host->details);
    }
}

static void fail(struct fleet_host *host)
{
    uint64_t now_ms = boot_clock_ms();
    if (host->failing_since_ms == 0) {
        host->failing_since_ms = now_ms;
    }
    fleet_failed(&host->fleet, now_ms);
    tell(host);
}

static void succeed(struct fleet_host *host)
{
    host->failing_since_ms = 0;
    host->why.text[0] = '\0';
    keep_details(host);
    fleet_telling_take(&host->telling, &host->ask);
    hold_back(host);
    fleet_replied(&host->fleet, boot_clock_ms(), &host->ask.reply);
    let_go(host);
    tell(host);
}

static void on_replied(struct inbox_fleet_request *ask, int error,
                       const char *why)
{
    struct fleet_host *host = ask->data;
    if (error == 0) {
        succeed(host);
    } else {
        (void)reason_set(&host->why, error, "%s", why);
        fail(host);
    }
    arm(host, 0);
}

/* All of it */

static void on_timer_closed(uv_handle_t *handle)
{
    struct fleet_host *host =
        container_of((uv_timer_t *)handle, struct fleet_host, timer);
    host->left_cb(host->data);
}

/* It is over, unless a request is outstanding. */
static bool has_left(const struct fleet_host *host)
{
    return host->leave_ms != 0 && !host->fleet.is_asking &&
           (host->fleet.state == FLEET_LEFT || host->fleet.must_leave);
}

/* Leaves without waiting any longer for what is draining; it is tried once. */
static void leave_in_time(struct fleet_host *host, uint64_t now_ms)
{
    if (host->leave_ms != 0 && now_ms >= host->leave_ms &&
        !host->fleet.must_leave) {
        fleet_leave_now(&host->fleet, now_ms);
    }
}

static void ask_what_is_due(struct fleet_host *host)
{
    hold_back(host);
    fleet_tick(&host->fleet, boot_clock_ms());
    let_go(host);
    if (host->is_unsent) {
        host->is_unsent = false;
        fail(host);
    }
}

static void go_on(struct fleet_host *host)
{
    leave_in_time(host, boot_clock_ms());
    uint64_t slots_wait_ms = gather_slots_go_on(host->gather);
    ask_what_is_due(host);
    if (has_left(host)) {
        handle_close((uv_handle_t *)&host->timer, on_timer_closed);
        return;
    }
    uint64_t wait_ms = wait_until(fleet_due_ms(&host->fleet));
    wait_ms = slots_wait_ms < wait_ms ? slots_wait_ms : wait_ms;
    if (host->leave_ms != 0 && !host->fleet.must_leave &&
        wait_until(host->leave_ms) < wait_ms) {
        wait_ms = wait_until(host->leave_ms);
    }
    arm(host, wait_ms);
}

/* Public functions */

void fleet_host_init(struct fleet_host *host, struct gather *gather,
                     const struct fleet_policy *policy, struct pauses *pauses,
                     void *data)
{
    *host = (struct fleet_host){
        .gather = gather,
        .policy = *policy,
        .calls = {.may_begin_cb = on_may_begin,
                  .drained_cb = on_drained,
                  .stirred_cb = on_stirred,
                  .data = host},
        .data = data,
    };
    fleet_telling_init(&host->telling, gather, pauses);
}

void fleet_host_free(struct fleet_host *host)
{
    fleet_free(&host->fleet);
    fleet_telling_free(&host->telling);
    free(host->details);
}

int fleet_host_start(struct fleet_host *host,
                     const struct inbox_fleet_host *self)
{
    if (fleet_init(&host->fleet, &host->policy, &fleet_calls, host,
                   self->name) != 0) {
        return HAPLO_ENOMEM;
    }
    if (observer_fleet_add(&host->gather->observer, &host->fleet, self->name,
                           wall_clock_ms()) != 0) {
        fleet_free(&host->fleet);
        return HAPLO_ENOMEM;
    }
    host->self = self;
    host->is_started = true;
    uv_timer_init(host->gather->loop, &host->timer); /* cannot fail */
    hold_back(host);
    arm(host, 0);
    return 0;
}

void fleet_host_leave(struct fleet_host *host, uint64_t deadline_ms,
                      void (*left_cb)(void *data))
{
    uint64_t now_ms = boot_clock_ms();
    if (!host->is_started) {
        left_cb(host->data);
        return;
    }
    host->left_cb = left_cb;
    if (host->leave_ms == 0 || now_ms + deadline_ms < host->leave_ms) {
        host->leave_ms = now_ms + deadline_ms;
    }
    fleet_leave(&host->fleet, now_ms);
    arm(host, 0);
}
