#include "outlets/webhook/webhook_body.h"

#include <string.h>

#define BEGIN "{\"version\":0,\"messages\":["
#define END "]}"

size_t webhook_body_size(const struct inbox_message *messages, size_t count,
                         bool is_bare)
{
    size_t size = is_bare ? 0 : strlen(BEGIN) + strlen(END) + count - 1;

    for (size_t i = 0; i < count; i++) {
        size += messages[i].body.size;
    }
    return size;
}

char *webhook_body_write(const struct inbox_message *messages, size_t count,
                         bool is_bare, char *out)
{
    if (!is_bare) {
        out = stpcpy(out, BEGIN);
    }
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            *out++ = ',';
        }
        out = mempcpy(out, messages[i].body.data, messages[i].body.size);
    }
    return is_bare ? out : mempcpy(out, END, strlen(END));
}

const char *webhook_body_type(const struct inbox_message *message)
{
    return message->format == HAPLO_FORMAT_RAW ? "application/octet-stream"
                                               : "application/json";
}
