#include "outlets/detached_call.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#include <uv.h>

#include "haplopoll.h"

#define LOOK_MS 20 /* between looks at is_ending */
#define NS_PER_MS 1000000

/* Freed by whoever of the two is last. */
struct detached {
    struct detached_call call; /* a copy */
    uv_mutex_t mutex;          /* guards the following */
    uv_cond_t cond;            /* is_done has been set */
    bool is_done;              /* the call has returned */
    bool is_left;              /* nobody waits for it */
};

static void detached_free(struct detached *detached)
{
    uv_cond_destroy(&detached->cond);
    uv_mutex_destroy(&detached->mutex);
    free(detached);
}

static void *thread_run(void *data)
{
    struct detached *detached = data;
    bool is_left;

    detached->call.run(detached->call.data);
    uv_mutex_lock(&detached->mutex);
    detached->is_done = true;
    is_left = detached->is_left;
    uv_cond_signal(&detached->cond);
    uv_mutex_unlock(&detached->mutex);
    if (is_left) {
        detached->call.drop(detached->call.data);
        detached_free(detached);
    }
    return NULL;
}

/* True when the call has returned. */
static bool wait_for_it(struct detached *detached, const atomic_bool *is_ending,
                        unsigned patience_ms)
{
    uint64_t waited_ms = 0; /* since is_ending */
    bool is_done;

    uv_mutex_lock(&detached->mutex);
    while (!detached->is_done && waited_ms <= patience_ms) {
        (void)uv_cond_timedwait(&detached->cond, &detached->mutex,
                                (uint64_t)LOOK_MS * NS_PER_MS);
        waited_ms += atomic_load(is_ending) ? LOOK_MS : 0;
    }
    is_done = detached->is_done;
    detached->is_left = !is_done;
    uv_mutex_unlock(&detached->mutex);
    return is_done;
}

static struct detached *detached_new(const struct detached_call *call)
{
    struct detached *detached = calloc(1, sizeof(*detached));

    if (detached == NULL || uv_mutex_init(&detached->mutex) != 0) {
        free(detached);
        return NULL;
    }
    if (uv_cond_init(&detached->cond) != 0) {
        uv_mutex_destroy(&detached->mutex);
        free(detached);
        return NULL;
    }
    detached->call = *call;
    return detached;
}

int detached_call_run(const struct detached_call *call,
                      const atomic_bool *is_ending, unsigned patience_ms)
{
    struct detached *detached = detached_new(call);
    pthread_t thread;

    if (detached == NULL) {
        return HAPLO_ENOMEM;
    }
    if (pthread_create(&thread, NULL, thread_run, detached) != 0) {
        detached_free(detached);
        return HAPLO_ENOMEM;
    }
    (void)pthread_detach(thread); /* cannot fail: nobody joins it */
    if (!wait_for_it(detached, is_ending, patience_ms)) {
        return HAPLO_ECANCELED; /* the thread frees it */
    }
    detached_free(detached);
    return 0;
}
