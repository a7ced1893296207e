/*
 * handle.h - closes the handles of the library.
 */
#ifndef BASE_HANDLE_H
#define BASE_HANDLE_H

#include <uv.h>

/* uv_close(), for a handle of which nobody but the library knows. If the
 * application has closed it, by uv_walk(), nothing tells when its memory may be
 * freed, and close_cb of its poller could never be called: that is asserted. */
void handle_close(uv_handle_t *handle, uv_close_cb close_cb);

#endif
