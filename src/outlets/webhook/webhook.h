/*
 * webhook.h - the outlet that sends messages to a URL by POST; haplo-webhook(5)
 * describes the requests for receivers.
 */
#ifndef OUTLETS_WEBHOOK_H
#define OUTLETS_WEBHOOK_H

#include "outlets/outlet.h"

extern const struct outlet_type webhook_outlet_type;

#endif
