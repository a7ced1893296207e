#include "base/handle.h"

#include <assert.h>

void handle_close(uv_handle_t *handle, uv_close_cb close_cb)
{
    assert(!uv_is_closing(handle) &&
           "uv_walk(): the application has closed a handle of its poller");
    uv_close(handle, close_cb);
}
