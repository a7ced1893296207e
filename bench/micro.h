/*
 * micro.h - parts of the product that micro.c measures.
 */
#ifndef BENCH_MICRO_H
#define BENCH_MICRO_H

#include <stdint.h>

#include "core/batch.h"

extern const char *micro_folder; /* has body.json; inboxes are created in it */

/* Prints an error and exits with 1. */
_Noreturn void micro_fail(const char *what);

/* Only the code between these two is measured. operations is how many it
 * performed. */
void micro_begin(void);
void micro_end(uint64_t operations);

/* Reads body.json once; afterwards a batch is filled from it, as the library
 * does. */
void micro_load_body(void);
void micro_read_body(struct batch *batch);

/* Each runs a part count times, after an equal number of unmeasured runs. */
void micro_parse_fetch(uint64_t count);
void micro_parse_mark(uint64_t count);
void micro_queue_step(uint64_t count);
void micro_scheduler_1k(uint64_t count);
void micro_scheduler_100k(uint64_t count);
void micro_scheduler_1m(uint64_t count);
void micro_inbox_message(uint64_t count);
void micro_inbox_confirm(uint64_t count);
void micro_route_type(uint64_t count);
void micro_route_workflow(uint64_t count);
void micro_route_whole(uint64_t count);

#endif
