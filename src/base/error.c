#include "haplopoll.h"

#define TEXT_OF(x) #x
#define VERSION_OF(major, minor, patch) \
    TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(patch)

const char *haplo_version(void)
{
    return VERSION_OF(HAPLO_VERSION_MAJOR, HAPLO_VERSION_MINOR,
                      HAPLO_VERSION_PATCH);
}

const char *haplo_error_name(int error)
{
    switch (error) {
    case 0:
        return "HAPLO_OK";
#define ERROR_NAME(name, number, text) \
    case HAPLO_##name:                 \
        return "HAPLO_" #name;
        HAPLO_ERRNO_MAP(ERROR_NAME)
#undef ERROR_NAME
    default:
        return "HAPLO_EUNKNOWN";
    }
}

const char *haplo_error_text(int error)
{
    switch (error) {
    case 0:
        return "no error";
#define ERROR_TEXT(name, number, text) \
    case HAPLO_##name:                 \
        return text;
        HAPLO_ERRNO_MAP(ERROR_TEXT)
#undef ERROR_TEXT
    default:
        return "unknown error";
    }
}

bool haplo_error_is_transient(int error)
{
    switch (error) {
    case HAPLO_ENOMEM:
    case HAPLO_ERESOLVE:
    case HAPLO_ECONNECT:
    case HAPLO_ETIMEDOUT:
    case HAPLO_ERESET:
    case HAPLO_ESERVER:
    case HAPLO_ELIMITED:
    case HAPLO_EPROTOCOL:
    case HAPLO_ECACHED:
    case HAPLO_ETHROTTLED:
    case HAPLO_EDELIVERY:
    case HAPLO_ESTALE:
        return true;
    default:
        return false;
    }
}

const char *haplo_queue_state_name(enum haplo_queue_state state)
{
    switch (state) {
#define STATE_NAME(name, text) \
    case HAPLO_QUEUE_##name:   \
        return #name;
        HAPLO_QUEUE_STATE_MAP(STATE_NAME)
#undef STATE_NAME
    }
    return "UNKNOWN";
}

const char *haplo_queue_state_text(enum haplo_queue_state state)
{
    switch (state) {
#define STATE_TEXT(name, text) \
    case HAPLO_QUEUE_##name:   \
        return text;
        HAPLO_QUEUE_STATE_MAP(STATE_TEXT)
#undef STATE_TEXT
    }
    return "unknown";
}

const char *haplo_server_state_name(enum haplo_server_state state)
{
    switch (state) {
#define STATE_NAME(name, text) \
    case HAPLO_SERVER_##name:  \
        return #name;
        HAPLO_SERVER_STATE_MAP(STATE_NAME)
#undef STATE_NAME
    }
    return "UNKNOWN";
}

const char *haplo_server_state_text(enum haplo_server_state state)
{
    switch (state) {
#define STATE_TEXT(name, text) \
    case HAPLO_SERVER_##name:  \
        return text;
        HAPLO_SERVER_STATE_MAP(STATE_TEXT)
#undef STATE_TEXT
    }
    return "unknown";
}
