/*
 * failure_class.h - the few kinds of failures that operators tell apart, and
 * that metrics count: who must do something, and where.
 */
#ifndef DAEMON_FAILURE_CLASS_H
#define DAEMON_FAILURE_CLASS_H

/* X(name, label) */
#define FAILURE_CLASS_MAP(X)                                                 \
    X(NETWORK, "network")       /* lookup, connection, time limit or lost */ \
    X(TLS, "tls")               /* TLS could not be established */           \
    X(PROXY, "proxy")           /* the proxy refuses */                      \
    X(STATUS_5XX, "status_5xx") /* the server reported an internal error */  \
    X(STATUS, "status")     /* any other unexpected status, or a redirect */ \
    X(REFUSED, "refused")   /* the API key was refused */                    \
    X(THROTTLE, "throttle") /* too many failed logins */                     \
    X(PROTOCOL, "protocol") /* a response that cannot be used */             \
    X(NO_PROGRESS, "no_progress") /* the mark marked nothing */              \
    X(DELIVER, "deliver")         /* the inbox could not store it */         \
    X(STALE, "stale")             /* another process stores this queue */    \
    X(OTHER, "other")             /* anything else */

enum failure_class {
#define FAILURE_CLASS_ENUM(name, label) FAILURE_##name,
    FAILURE_CLASS_MAP(FAILURE_CLASS_ENUM)
#undef FAILURE_CLASS_ENUM
        FAILURE_CLASS_COUNT
};

/* The class of a HAPLO_E* error that is not 0. */
enum failure_class failure_class_of(int error);

/* "network": its name in metrics and JSON. Static string. */
const char *failure_class_label(enum failure_class class);

#endif
