#include "poller/queue_settings.h"

#include "base/alloc.h"

static bool has_default_format(const struct haplo_queue_options *options)
{
    return options->format == HAPLO_FORMAT_JSON &&
           options->token_pointer == NULL &&
           options->messages_pointer == NULL &&
           options->token_pattern == NULL && options->content_type == NULL;
}

static bool policy_equals(const struct queue_policy *policy,
                          const struct haplo_queue_options *options)
{
    return policy->interval_ms == options->interval_ms &&
           policy->interval_max_ms == options->interval_max_ms &&
           policy->backoff_ms == options->backoff_ms &&
           policy->backoff_max_ms == options->backoff_max_ms &&
           policy->refused_ms == options->refused_ms &&
           policy->mark_attempts_max == options->mark_attempts_max;
}

/* Settings with a custom format are never shared. */
static bool settings_equal(const struct queue_settings *settings,
                           const struct haplo_queue_options *options)
{
    return policy_equals(&settings->policy, options) &&
           settings->body_bytes_max == options->body_bytes_max &&
           settings->deliver_cb == options->deliver_cb &&
           settings->marked_cb == options->marked_cb &&
           settings->drained_cb == options->drained_cb &&
           settings->has_default_format && has_default_format(options);
}

static int settings_new(struct queue_settings **out,
                        const struct haplo_queue_options *options,
                        struct reason *why)
{
    struct queue_settings *settings = alloc_zeroed(1, sizeof *settings);
    if (settings == NULL) {
        return HAPLO_ENOMEM;
    }
    settings->policy = (struct queue_policy){
        .interval_ms = options->interval_ms,
        .interval_max_ms = options->interval_max_ms,
        .backoff_ms = options->backoff_ms,
        .backoff_max_ms = options->backoff_max_ms,
        .refused_ms = options->refused_ms,
        .mark_attempts_max = options->mark_attempts_max,
    };
    settings->body_bytes_max = options->body_bytes_max;
    settings->deliver_cb = options->deliver_cb;
    settings->marked_cb = options->marked_cb;
    settings->drained_cb = options->drained_cb;
    settings->has_default_format = has_default_format(options);
    int error = fetch_format_init(&settings->format, options, why);
    if (error != 0) {
        alloc_free(settings);
        return error;
    }
    *out = settings;
    return 0;
}

int queue_settings_take(struct queue_settings **settings,
                        const struct haplo_queue_options *options,
                        struct reason *why)
{
    if (*settings == NULL || !settings_equal(*settings, options)) {
        int error = settings_new(settings, options, why);
        if (error != 0) {
            return error;
        }
    }
    (*settings)->user_count++;
    return 0;
}

struct queue_settings *queue_settings_borrow(struct queue_settings *settings)
{
    settings->user_count++;
    return settings;
}

bool queue_settings_release(struct queue_settings *settings)
{
    if (--settings->user_count > 0) {
        return false;
    }
    fetch_format_free(&settings->format);
    alloc_free(settings);
    return true;
}
