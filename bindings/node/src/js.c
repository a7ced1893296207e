/* js.c - values and errors of JavaScript: see js.h. */
#include "js.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAFE_INTEGER_MAX 9007199254740991.0 /* 2^53 - 1 */

bool js_ok(napi_env env, napi_status status)
{
    bool is_pending = false;
    const napi_extended_error_info *info = NULL;
    if (status == napi_ok) {
        return true;
    }
    (void)napi_get_last_error_info(env, &info);
    const char *text = info != NULL ? info->error_message : NULL;
    if (napi_is_exception_pending(env, &is_pending) == napi_ok && !is_pending) {
        (void)napi_throw_error(env, "HAPLO_EINVAL",
                               text != NULL ? text : "Node-API failed");
    }
    return false;
}

void *js_throw(napi_env env, int error, const char *format, ...)
{
    char text[2 * HAPLO_TEXT_SIZE_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    (void)napi_throw_error(env, haplo_error_name(error), text);
    return NULL;
}

void *js_throw_why(napi_env env, int error, const char *why)
{
    return js_throw(env, error, "%s",
                    why[0] != '\0' ? why : haplo_error_text(error));
}

void *js_throw_closed(napi_env env)
{
    return js_throw(env, HAPLO_ESTOPPED, "the poller is closed");
}

napi_value js_undefined(napi_env env)
{
    napi_value result = NULL;
    return js_ok(env, napi_get_undefined(env, &result)) ? result : NULL;
}

static napi_value js_null(napi_env env)
{
    napi_value result = NULL;
    return js_ok(env, napi_get_null(env, &result)) ? result : NULL;
}

napi_value js_bool(napi_env env, bool value)
{
    napi_value result = NULL;
    return js_ok(env, napi_get_boolean(env, value, &result)) ? result : NULL;
}

napi_value js_number(napi_env env, uint64_t value)
{
    napi_value result = NULL;
    return js_ok(env, napi_create_double(env, (double)value, &result)) ? result
                                                                       : NULL;
}

napi_value js_string(napi_env env, const char *text)
{
    napi_value result = NULL;
    return js_ok(env,
                 napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &result))
               ? result
               : NULL;
}

napi_value js_latin1(napi_env env, struct haplo_slice bytes)
{
    napi_value result = NULL;
    return js_ok(env, napi_create_string_latin1(env, bytes.data, bytes.size,
                                                &result))
               ? result
               : NULL;
}

napi_value js_bytes(napi_env env, struct haplo_slice bytes)
{
    napi_value result = NULL;
    return js_ok(env, napi_create_buffer_copy(env, bytes.size, bytes.data, NULL,
                                              &result))
               ? result
               : NULL;
}

napi_value js_known(napi_env env, int64_t value)
{
    return value < 0 ? js_null(env) : js_number(env, (uint64_t)value);
}

napi_value js_error_code(napi_env env, int error)
{
    return error == 0 ? js_null(env) : js_string(env, haplo_error_name(error));
}

bool js_set(napi_env env, napi_value object, const char *name, napi_value value)
{
    return value != NULL &&
           js_ok(env, napi_set_named_property(env, object, name, value));
}

static napi_valuetype type_of(napi_env env, napi_value value)
{
    napi_valuetype type = napi_undefined;
    (void)napi_typeof(env, value, &type); /* cannot fail: value is one */
    return type;
}

bool js_is_nothing(napi_env env, napi_value value)
{
    napi_valuetype type = type_of(env, value);
    return type == napi_undefined || type == napi_null;
}

char *js_copy_string(napi_env env, napi_value value, const char *what)
{
    size_t size = 0;
    char *text;
    if (type_of(env, value) != napi_string) {
        (void)js_throw(env, HAPLO_EINVAL, "%s must be a string", what);
        return NULL;
    }
    if (!js_ok(env, napi_get_value_string_utf8(env, value, NULL, 0, &size))) {
        return NULL;
    }
    text = malloc(size + 1);
    if (text == NULL) {
        (void)js_throw(env, HAPLO_ENOMEM, "out of memory");
        return NULL;
    }
    if (!js_ok(env,
               napi_get_value_string_utf8(env, value, text, size + 1, &size))) {
        free(text);
        return NULL;
    }
    if (strlen(text) != size) {
        (void)js_throw(env, HAPLO_EINVAL, "%s must not contain NUL", what);
        free(text);
        return NULL;
    }
    return text;
}

bool js_get_bytes(napi_env env, napi_value value, const char *what,
                  struct haplo_slice *bytes)
{
    bool is_typed = false;
    napi_typedarray_type type = napi_int8_array;
    void *data = NULL;
    *bytes = (struct haplo_slice){NULL, 0};
    if (js_is_nothing(env, value)) {
        return true;
    }
    if (!js_ok(env, napi_is_typedarray(env, value, &is_typed))) {
        return false;
    }
    if (is_typed &&
        !js_ok(env, napi_get_typedarray_info(env, value, &type, &bytes->size,
                                             &data, NULL, NULL))) {
        return false;
    }
    if (!is_typed || type != napi_uint8_array) {
        (void)js_throw(env, HAPLO_EINVAL, "%s must be a Buffer or a Uint8Array",
                       what);
        return false;
    }
    bytes->data = data;
    return true;
}

bool js_get_integer(napi_env env, napi_value value, const char *what,
                    uint64_t max, uint64_t *integer)
{
    double number = -1;
    double limit =
        (double)max < SAFE_INTEGER_MAX ? (double)max : SAFE_INTEGER_MAX;
    if (type_of(env, value) == napi_number &&
        !js_ok(env, napi_get_value_double(env, value, &number))) {
        return false;
    }
    /* Written so that NaN is refused. */
    if (!(number >= 0 && number <= limit && floor(number) == number)) {
        (void)js_throw(env, HAPLO_EINVAL,
                       "%s must be an integer from 0 to %.0f", what, limit);
        return false;
    }
    *integer = (uint64_t)number;
    return true;
}

void *js_this(napi_env env, napi_callback_info info, size_t count,
              napi_value *arguments)
{
    napi_value self = NULL;
    void *object = NULL;
    return js_ok(env,
                 napi_get_cb_info(env, info, &count, arguments, &self, NULL)) &&
                   js_ok(env, napi_unwrap(env, self, &object))
               ? object
               : NULL;
}
