/*
 * addon.c - the addon as Node loads it: once in each environment, the main
 * thread or a worker, which share nothing.
 *
 * The end of an environment, worker.terminate() or the end of the program:
 *
 *   - Node runs the cleanup hook. From then on no JavaScript can run.
 *   - All pollers are closed, and what they have delivered is released. The
 *     servers send it again.
 *   - Node runs the loop until the hook is removed, which happens after the
 *     last poller has closed. So no handle is left when the loop is freed.
 *   - Node frees the objects of JavaScript, and with them what they wrap.
 *
 * process.exit() on the main thread does not do this: the process just ends.
 */
#include "addon.h"

#include <stdlib.h>

#include "batch.h"
#include "poller.h"
#include "queue.h"
#include "server.h"

struct addon *addon_of(napi_env env)
{
    void *addon = NULL;
    (void)napi_get_instance_data(env, &addon);
    return addon;
}

static napi_value construct(napi_env env, napi_callback_info info)
{
    struct addon *addon = addon_of(env);
    void *data = NULL, *object = addon->adopted;
    napi_value self = NULL;
    if (!js_ok(env, napi_get_cb_info(env, info, NULL, NULL, &self, &data))) {
        return NULL;
    }
    const struct class *class = data;
    if (object == NULL) {
        return js_throw(env, HAPLO_EINVAL,
                        "a %s is made by its poller, never by new",
                        class->name);
    }
    if (!js_ok(env,
               napi_wrap(env, self, object, class->finalize_cb, NULL, NULL))) {
        return NULL;
    }
    addon->adopted = NULL;
    return self;
}

napi_value addon_make(struct addon *addon, const struct class *class,
                      void *object)
{
    napi_env env = addon->env;
    napi_value constructor = NULL, result = NULL;
    if (!js_ok(env, napi_get_reference_value(env, addon->classes[class->index],
                                             &constructor))) {
        return NULL;
    }
    addon->adopted = object;
    napi_status status = napi_new_instance(env, constructor, 0, NULL, &result);
    addon->adopted = NULL;
    return js_ok(env, status) ? result : NULL;
}

static bool define(struct addon *addon, const struct class *class,
                   napi_value exports)
{
    napi_value constructor = NULL;
    napi_env env = addon->env;
    return js_ok(env, napi_define_class(env, class->name, NAPI_AUTO_LENGTH,
                                        construct, (void *)class,
                                        class->property_count,
                                        class->properties, &constructor)) &&
           js_ok(env, napi_create_reference(env, constructor, 1,
                                            &addon->classes[class->index])) &&
           js_set(env, exports, class->name, constructor);
}

void addon_on_closed(struct addon *addon)
{
    if (addon->is_ending && LIST_EMPTY(&addon->pollers)) {
        (void)napi_remove_async_cleanup_hook(addon->hook);
    }
}

static void on_end(napi_async_cleanup_hook_handle hook, void *data)
{
    struct addon *addon = data;
    struct poller *poller, *next;
    (void)hook; /* the one that is known */
    addon->is_ending = true;
    for (poller = LIST_FIRST(&addon->pollers); poller != NULL; poller = next) {
        next = LIST_NEXT(poller, entry);
        poller_end(poller);
    }
    addon_on_closed(addon);
}

static void on_freed(napi_env env, void *data, void *hint)
{
    (void)env;
    (void)hint;
    free(data);
}

static napi_value compare_states(napi_env env, napi_callback_info info)
{
    static const char *const names[] = {
        [HAPLO_COMPARE_CURRENT] = "current",
        [HAPLO_COMPARE_STORED] = "stored",
        [HAPLO_COMPARE_STALE] = "stale",
    };
    size_t count = 2;
    napi_value arguments[2];
    struct haplo_slice state, stored;
    if (!js_ok(env,
               napi_get_cb_info(env, info, &count, arguments, NULL, NULL)) ||
        !js_get_bytes(env, arguments[0], "the state", &state) ||
        !js_get_bytes(env, arguments[1], "the stored state", &stored)) {
        return NULL;
    }
    return js_string(env, names[haplo_state_compare(state, stored)]);
}

static bool set_function(napi_env env, napi_value exports, const char *name,
                         napi_callback callback)
{
    napi_value function = NULL;
    return js_ok(env, napi_create_function(env, name, NAPI_AUTO_LENGTH,
                                           callback, NULL, &function)) &&
           js_set(env, exports, name, function);
}

static bool set_exports(struct addon *addon, napi_value exports)
{
    napi_env env = addon->env;
    return define(addon, &poller_class, exports) &&
           define(addon, &server_class, exports) &&
           define(addon, &queue_class, exports) &&
           define(addon, &batch_class, exports) &&
           set_function(env, exports, "createPoller", poller_create) &&
           set_function(env, exports, "compareStates", compare_states) &&
           js_set(env, exports, "version", js_string(env, haplo_version())) &&
           js_set(env, exports, "uvVersion",
                  js_string(env, uv_version_string())) &&
           js_set(env, exports, "uvVersionNumber",
                  js_number(env, uv_version()));
}

NAPI_MODULE_INIT()
{
    struct addon *addon = calloc(1, sizeof(*addon));
    if (addon == NULL) {
        return js_throw(env, HAPLO_ENOMEM, "out of memory");
    }
    addon->env = env;
    LIST_INIT(&addon->pollers);
    if (!js_ok(env, napi_set_instance_data(env, addon, on_freed, NULL))) {
        free(addon);
        return NULL;
    }
    if (!js_ok(env,
               napi_add_async_cleanup_hook(env, on_end, addon, &addon->hook)) ||
        !set_exports(addon, exports)) {
        return NULL;
    }
    return exports;
}
