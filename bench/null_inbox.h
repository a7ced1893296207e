/*
 * null_inbox.h - an inbox type that drops its messages; it has no options.
 */
#ifndef BENCH_NULL_INBOX_H
#define BENCH_NULL_INBOX_H

#include "inbox/inbox.h"

extern const struct inbox_type null_inbox_type;

#endif
