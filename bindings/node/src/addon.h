/* addon.h - what one environment of Node, the main thread or a worker, has of
 * the addon: its classes and its pollers. */
#ifndef HAPLO_NODE_ADDON_H
#define HAPLO_NODE_ADDON_H

#include <sys/queue.h>

#include "js.h"

struct poller;
LIST_HEAD(poller_list, poller);

enum class_index { CLASS_POLLER, CLASS_SERVER, CLASS_QUEUE, CLASS_BATCH };
#define CLASS_COUNT 4

/* A class of JavaScript whose objects wrap objects of C. Only the addon makes
 * these. */
struct class
{
    const char *name;
    enum class_index index;
    napi_finalize finalize_cb;                  /* frees what they wrap */
    const napi_property_descriptor *properties; /* methods and getters */
    size_t property_count;
};

#define ADDON_METHOD(name, function)                                      \
    {                                                                     \
        name, NULL, function, NULL, NULL, NULL, napi_default_method, NULL \
    }
#define ADDON_GETTER(name, function)                               \
    {                                                              \
        name, NULL, NULL, function, NULL, NULL, napi_default, NULL \
    }

struct addon {
    napi_env env;
    napi_ref classes[CLASS_COUNT]; /* their constructors */
    void *adopted; /* what the constructor that runs is to wrap; NULL: none */
    struct poller_list pollers;          /* not closed yet */
    napi_async_cleanup_hook_handle hook; /* removed when the last one is */
    bool is_ending; /* the environment ends: no JavaScript can run */
};

/* Of this environment. Cannot fail: it is set when the addon is loaded. */
struct addon *addon_of(napi_env env);

/* A new object of a class, which wraps object from now on, and frees it when it
 * is garbage. NULL, with an exception pending, if it cannot be made: then
 * object remains the caller's. */
napi_value addon_make(struct addon *addon, const struct class *class,
                      void *object);

/* A poller has closed: where the environment ends, it waits for the last. */
void addon_on_closed(struct addon *addon);

#endif
