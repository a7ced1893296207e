#include "daemon/observe/failure_class.h"

#include "haplopoll.h"

enum failure_class failure_class_of(int error)
{
    switch (error) {
    case HAPLO_ERESOLVE:
    case HAPLO_ECONNECT:
    case HAPLO_ETIMEDOUT:
    case HAPLO_ERESET:
        return FAILURE_NETWORK;
    case HAPLO_ETLS:
        return FAILURE_TLS;
    case HAPLO_EPROXY:
        return FAILURE_PROXY;
    case HAPLO_ESERVER:
        return FAILURE_STATUS_5XX;
    case HAPLO_EREDIRECT:
    case HAPLO_ENOTFOUND:
    case HAPLO_ESTATUS:
    case HAPLO_ELIMITED:
        return FAILURE_STATUS;
    case HAPLO_EREFUSED:
        return FAILURE_REFUSED;
    case HAPLO_ETHROTTLED:
        return FAILURE_THROTTLE;
    case HAPLO_EPROTOCOL:
    case HAPLO_ECONTENT:
    case HAPLO_EDOCUMENT:
    case HAPLO_ETOOBIG:
    case HAPLO_ECACHED:
        return FAILURE_PROTOCOL;
    case HAPLO_ENOPROGRESS:
        return FAILURE_NO_PROGRESS;
    case HAPLO_EDELIVERY:
    case HAPLO_EREJECTED:
        return FAILURE_DELIVER;
    case HAPLO_ESTALE:
        return FAILURE_STALE;
    default:
        return FAILURE_OTHER;
    }
}

const char *failure_class_label(enum failure_class class)
{
    static const char *const labels[] = {
#define FAILURE_CLASS_LABEL(name, label) [FAILURE_##name] = (label),
        FAILURE_CLASS_MAP(FAILURE_CLASS_LABEL)
#undef FAILURE_CLASS_LABEL
    };
    return labels[class];
}
