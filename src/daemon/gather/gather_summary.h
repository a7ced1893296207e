/*
 * gather_summary.h - sums over the servers and outlets of a gather.
 */
#ifndef DAEMON_GATHER_SUMMARY_H
#define DAEMON_GATHER_SUMMARY_H

#include <stdint.h>

#include "daemon/gather/gather.h"
#include "daemon/log/summary.h"

/* As of now, Unix milliseconds. Walks outlets, of which there are few. */
void gather_summary(const struct gather *gather, uint64_t now_ms,
                    struct summary *summary);

#endif
