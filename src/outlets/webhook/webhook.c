/*
 * webhook.c - the outlet that sends messages to a URL by POST.
 *
 *   - Its own HTTP client keeps as many connections as there are parcels at a
 *     time, and nothing that it does blocks the loop.
 *   - A parcel is sent as one or more requests (webhook_post.c).
 *   - Requests wait here for the rate limit, if there is one.
 *   - Parcels that have ended are reported from the loop.
 *
 * What a response means is in webhook_verdict.h, and why a batch keeps its
 * messages in webhook_batch.h. When it is closed, what is in flight is
 * cancelled: the receiver may have it, so it is sent again later with the same
 * identity.
 */
#include "outlets/webhook/webhook.h"

#include <assert.h>
#include <stdlib.h>

#include "base/container_of.h"
#include "outlets/webhook/webhook_private.h"

/* The others are longer than the total, so that it is the one that is named
 * when it expires. */
#define OTHER_TIMEOUTS 2

static struct webhook *webhook_of(struct outlet *outlet)
{
    return container_of(outlet, struct webhook, outlet);
}

/* What waits */

static void webhook_free(struct webhook *webhook)
{
    for (unsigned i = 0;
         webhook->posts != NULL && i < webhook->setting.in_flight_max; i++) {
        webhook_post_free(&webhook->posts[i]);
    }
    free(webhook->posts);
    webhook_splits_free(&webhook->splits);
    webhook_secrets_close(&webhook->secrets);
    webhook_url_free(&webhook->url);
    free(webhook);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct webhook *webhook = handle->data;
    outlet_closed_cb closed_cb = webhook->closed_cb;
    void *data = webhook->closed_data;

    webhook_free(webhook);
    closed_cb(data);
}

/* A callback may deliver the next parcel. */
static void ended_report(struct webhook *webhook)
{
    struct webhook_post *post;

    while ((post = TAILQ_FIRST(&webhook->ended)) != NULL) {
        struct outlet_parcel *parcel = post->parcel;

        assert(parcel != NULL);
        TAILQ_REMOVE(&webhook->ended, post, link);
        post->parcel = NULL;
        post->state = WEBHOOK_POST_FREE;
        parcel->delivered_cb(parcel);
    }
}

static void webhook_schedule(struct webhook *webhook);

static void on_timer(uv_timer_t *timer)
{
    struct webhook *webhook = timer->data;

    webhook_go_on(webhook);
    if (webhook->is_closing) {
        /* The client ends by itself: a name look-up may take a minute. */
        endpoint_free(webhook->endpoint);
        http_client_close(webhook->client, NULL, NULL);
        uv_close((uv_handle_t *)timer, on_timer_closed);
    }
}

/* Sends what the rate limit allows, and sets the timer for what is left. */
static void webhook_schedule(struct webhook *webhook)
{
    uint64_t now_ms = uv_now(webhook->setting.loop);
    uint64_t wait_ms = 0;
    struct webhook_post *post;

    while ((post = TAILQ_FIRST(&webhook->waiting)) != NULL &&
           (wait_ms = rate_limit_wait_ms(&webhook->limit, now_ms)) == 0) {
        TAILQ_REMOVE(&webhook->waiting, post, link);
        rate_limit_take(&webhook->limit, now_ms);
        webhook_post_send(post);
    }
    if (!TAILQ_EMPTY(&webhook->ended)) {
        wait_ms = 0;
    } else if (post == NULL) {
        return;
    }
    uv_timer_start(&webhook->timer, on_timer, wait_ms, 0); /* cannot fail */
}

void webhook_go_on(struct webhook *webhook)
{
    ended_report(webhook);
    if (!webhook->is_closing) { /* a callback may have closed it */
        webhook_schedule(webhook);
    }
}

/* The operations */

void webhook_deliver(struct outlet *outlet, struct outlet_parcel *parcel)
{
    struct webhook *webhook = webhook_of(outlet);
    struct webhook_post *post = webhook->posts;

    assert(!webhook->is_closing);
    while (post->state != WEBHOOK_POST_FREE) {
        post++; /* one is free: there are in_flight_max */
    }
    webhook_post_begin(post, parcel);
    webhook_schedule(webhook);
}

void webhook_close(struct outlet *outlet, outlet_closed_cb closed_cb,
                   void *data)
{
    struct webhook *webhook = webhook_of(outlet);

    webhook->is_closing = true;
    webhook->closed_cb = closed_cb;
    webhook->closed_data = data;
    for (unsigned i = 0; i < webhook->setting.in_flight_max; i++) {
        webhook_post_cancel(&webhook->posts[i]);
    }
    uv_timer_start(&webhook->timer, on_timer, 0, 0); /* cannot fail */
}

/* Opening */

static int endpoint_open(struct webhook *webhook, struct reason *why)
{
    const struct webhook_options *options = webhook->options;
    const struct endpoint_options to = {
        .url = webhook->url.origin,
        .allow_http = options->allow_http,
        .proxy = options->proxy,
        .tls_ca_file = options->tls_ca_file,
        .tls_certificate_file = options->tls_certificate_file,
        .tls_key_file = options->tls_key_file,
        .in_flight_max = webhook->setting.in_flight_max,
        .connect_timeout_ms = options->connect_timeout_ms,
        .first_byte_timeout_ms = OTHER_TIMEOUTS * options->total_timeout_ms,
        .stall_timeout_ms = OTHER_TIMEOUTS * options->total_timeout_ms,
        .total_timeout_ms = options->total_timeout_ms,
    };

    return endpoint_new(webhook->client, &to, &webhook->endpoint, why);
}

static int posts_open(struct webhook *webhook)
{
    unsigned count = webhook->setting.in_flight_max;

    webhook->posts = calloc(count, sizeof(*webhook->posts));
    for (unsigned i = 0; webhook->posts != NULL && i < count; i++) {
        webhook->posts[i].webhook = webhook;
    }
    return webhook->posts != NULL ? 0 : HAPLO_ENOMEM;
}

/* Everything that needs no clean-up from the loop comes first. */
static int webhook_setup(struct webhook *webhook, struct reason *why)
{
    const struct webhook_options *options = webhook->options;
    int error =
        webhook_url_read(&webhook->url, options->url, options->allow_http, why);

    if (error == 0) {
        error = webhook_secrets_open(&webhook->secrets, options, why);
    }
    if (error == 0) {
        error = posts_open(webhook);
    }
    if (error == 0) {
        error = http_client_new(webhook->setting.loop,
                                webhook->setting.in_flight_max,
                                &webhook->client, why);
    }
    if (error == 0) {
        error = endpoint_open(webhook, why);
    }
    return error;
}

int webhook_open(const struct outlet_setting *setting, struct outlet **out,
                 struct reason *why)
{
    struct webhook *webhook = calloc(1, sizeof(*webhook));
    int error;

    *out = NULL;
    why->text[0] = '\0';
    if (webhook == NULL) {
        return reason_set(why, HAPLO_ENOMEM, "out of memory");
    }
    webhook->outlet.type = setting->type;
    webhook->setting = *setting;
    webhook->options = setting->options;
    TAILQ_INIT(&webhook->waiting);
    TAILQ_INIT(&webhook->ended);
    LIST_INIT(&webhook->splits);
    rate_limit_init(&webhook->limit, webhook->options->rate_limit);
    error = webhook_setup(webhook, why);
    if (error != 0) {
        if (why->text[0] == '\0') {
            (void)reason_set(why, 0, "%s", haplo_error_text(error));
        }
        if (webhook->client != NULL) {
            http_client_close(webhook->client, NULL, NULL);
        }
        webhook_free(webhook);
        return error;
    }
    uv_timer_init(setting->loop, &webhook->timer); /* cannot fail */
    webhook->timer.data = webhook;
    *out = &webhook->outlet;
    return 0;
}
