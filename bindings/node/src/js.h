/* js.h - values and errors of JavaScript. */
#ifndef HAPLO_NODE_JS_H
#define HAPLO_NODE_JS_H

#include <stdarg.h>

#define NAPI_VERSION 8
#include <node_api.h>

#include <haplopoll.h>

/* True if a call of Node-API succeeded. If not, an exception is pending when
 * this returns, and the caller returns to JavaScript at once. */
bool js_ok(napi_env env, napi_status status);

/* Throws an Error whose code is the name of error, "HAPLO_EINVAL". Returns
 * NULL, for the caller to return. */
void *js_throw(napi_env env, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Likewise, with the library's line of explanation, or the text of the error if
 * that is empty. */
void *js_throw_why(napi_env env, int error, const char *why);

/* Likewise: the object belongs to a poller that is closed. */
void *js_throw_closed(napi_env env);

/* Each returns NULL, with an exception pending, if it fails. */
napi_value js_undefined(napi_env env);
napi_value js_bool(napi_env env, bool value);
napi_value js_number(napi_env env, uint64_t value);
napi_value js_string(napi_env env, const char *text);
napi_value js_bytes(napi_env env, struct haplo_slice bytes); /* a Buffer */
/* A string with a character for each byte, which costs less than a Buffer. */
napi_value js_latin1(napi_env env, struct haplo_slice bytes);

/* A number that is not negative, or null for one that is. */
napi_value js_known(napi_env env, int64_t value);

/* The name of an error, or null for 0. */
napi_value js_error_code(napi_env env, int error);

/* Sets a property, unless value is NULL, as of a call above that failed. */
bool js_set(napi_env env, napi_value object, const char *name,
            napi_value value);

bool js_is_nothing(napi_env env, napi_value value); /* undefined or null */

/* A text without NUL, or NULL with an exception pending: what names it there.
 * To be freed by the caller. */
char *js_copy_string(napi_env env, napi_value value, const char *what);

/* Likewise; borrowed from a Buffer or a Uint8Array, which stays in place until
 * JavaScript runs. undefined and null are empty. */
bool js_get_bytes(napi_env env, napi_value value, const char *what,
                  struct haplo_slice *bytes);

/* Likewise; an integer from 0 to max. */
bool js_get_integer(napi_env env, napi_value value, const char *what,
                    uint64_t max, uint64_t *integer);

/* What `this` wraps, and the arguments of a method, those missing being
 * undefined. Node lets a method be called only on an object of its class. NULL,
 * with an exception pending, if that fails. */
void *js_this(napi_env env, napi_callback_info info, size_t count,
              napi_value *arguments);

#endif
