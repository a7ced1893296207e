/*
 * micro.h - parts of the product, each measured alone; micro.c runs them.
 */
#ifndef BENCH_MICRO_H
#define BENCH_MICRO_H

#include <stdint.h>

#include "core/batch.h"

extern const char *micro_folder; /* holds body.json; inboxes are made there */

/* Prints and exits with 1. */
_Noreturn void micro_fail(const char *what);

/* What is between the two is counted, and was so many operations. */
void micro_begin(void);
void micro_end(uint64_t operations);

/* Reads body.json, once; then fills a batch from it, as the library does. */
void micro_load_body(void);
void micro_read_body(struct haplo_batch *batch);

/* Each runs a part count times, and as often before, not counted. */
void micro_parse_fetch(uint64_t count);
void micro_parse_mark(uint64_t count);
void micro_queue_step(uint64_t count);
void micro_scheduler_1k(uint64_t count);
void micro_scheduler_100k(uint64_t count);
void micro_scheduler_1m(uint64_t count);
void micro_ledger_message(uint64_t count);
void micro_inbox_message(uint64_t count);
void micro_inbox_epoch(uint64_t count);

#endif
